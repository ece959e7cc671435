/* test_hosts.c - which host's route answers. A target is the word it was added with. */
#include "app/hosts.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

static void add(struct hosts *hosts, const char *host, const char *path, const char *target)
{
	const char *words = "";
	void *conflict = NULL;

	cr_assert_eq(router_add(hosts_router(hosts, host), weir_strz(path),
				ROUTER_METHOD(HTTP_METHOD_GET), (void *)(uintptr_t)target, &words,
				&conflict),
		     0, "%s%s", host, path);
}

static const char *find(const struct hosts *hosts, const char *host, const char *path)
{
	struct router_match match;

	memset(&match, 0xee, sizeof(match));
	switch (hosts_find(hosts, weir_strz(host), HTTP_METHOD_GET, weir_strz(path), &match)) {
	case ROUTER_FOUND:
		return match.target;
	case ROUTER_NOT_FOUND:
		return "404";
	case ROUTER_MISDIRECTED:
		return "421";
	case ROUTER_NOT_ALLOWED:
		return "405";
	case ROUTER_OPTIONS:
		break;
	}
	return "?";
}

struct row {
	char host[64], path[32], target[16];
};

ParameterizedTestParameters(hosts, finds)
{
	static struct row rows[] = {
		{ "example.org", "/", "exact" },
		{ "EXAMPLE.Org", "/", "exact" },
		{ "example.org:8080", "/", "exact" },
		{ "example.org.", "/", "exact" },
		{ "example.org.:80", "/", "exact" },
		{ "a.example.org", "/", "wild" },
		{ "A.EXAMPLE.ORG.", "/", "wild" },
		{ "a.b.example.org", "/", "any" },
		{ "www.example.org", "/", "www" },
		{ "www.example.org", "/wild", "wild" },
		{ "www.example.org", "/any", "any" },
		{ "www.example.org", "/none", "404" },
		{ "example.org", "/wild", "404" },
		{ "example.com", "/", "any" },
		{ "example", "/", "any" },
		{ ".example.org", "/", "any" },
		{ "", "/", "any" },
		{ "127.0.0.1:80", "/", "any" },
		{ "[::1]:80", "/", "v6" },
		{ "*.example.org", "/", "wild" },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, hosts, finds)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();

	add(hosts, "", "/", "any");
	add(hosts, "", "/any", "any");
	add(hosts, "www.example.org", "/", "www");
	add(hosts, "example.org", "/", "exact");
	add(hosts, "*.example.org", "/", "wild");
	add(hosts, "*.example.org", "/wild", "wild");
	add(hosts, "[::1]", "/", "v6");
	cr_expect_str_eq(find(hosts, row->host, row->path), row->target, "%s%s: %s", row->host,
			 row->path, find(hosts, row->host, row->path));
}

Test(hosts, without_any_for_others_these_are_misdirected)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();

	add(hosts, "example.org", "/", "exact");
	cr_expect(hosts_are_named(hosts));
	cr_expect_str_eq(find(hosts, "example.org", "/x"), "404");
	cr_expect_str_eq(find(hosts, "example.com", "/"), "421");
	cr_expect_str_eq(find(hosts, "", "/"), "421");
}

Test(hosts, unknown_ones_may_be_refused)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();

	add(hosts, "", "/", "any");
	cr_expect_not(hosts_are_named(hosts));
	add(hosts, "example.org", "/x", "exact");
	hosts_refuse_unknown(hosts);
	cr_expect_str_eq(find(hosts, "example.org", "/"), "any");
	cr_expect_str_eq(find(hosts, "example.com", "/"), "421");
}

Test(hosts, of_a_path_the_first_host_that_has_it_knows_the_methods)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();
	struct router_match match;

	add(hosts, "", "/x", "any");
	cr_assert_eq(router_add(hosts_router(hosts, "example.org"), WEIR_STR("/x"),
				ROUTER_METHOD(HTTP_METHOD_POST), NULL, &(const char *){ NULL },
				&(void *){ NULL }),
		     0);
	cr_expect_eq(
		hosts_find(hosts, WEIR_STR("example.org"), HTTP_METHOD_GET, WEIR_STR("/x"), &match),
		ROUTER_NOT_ALLOWED);
	cr_expect(weir_str_eq(match.allow, WEIR_STR("OPTIONS, POST")) ||
		  weir_str_eq(match.allow, WEIR_STR("POST, OPTIONS")));
}

Test(hosts, a_name_that_is_too_long_is_unknown)
{
	_cleanup_(hosts_freep) struct hosts *hosts = hosts_new();
	char name[400];

	add(hosts, "example.org", "/", "exact");
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	cr_expect_str_eq(find(hosts, name, "/"), "421");
}

struct spelling {
	char written[64], spelled[64], words[80];
};

ParameterizedTestParameters(hosts, spells)
{
	static struct spelling rows[] = {
		{ "example.org", "example.org", "" },
		{ "Example.ORG.", "example.org", "" },
		{ "*.Example.org", "*.example.org", "" },
		{ "localhost", "localhost", "" },
		{ "[::1]", "[::1]", "" },
		{ "127.0.0.1", "127.0.0.1", "" },
		{ "example.org:80", "",
		  "has a port: a route's host has none, it is for all listeners" },
		{ "", "", "is no host: write example.org or *.example.org" },
		{ "*", "", "is no host: write example.org or *.example.org" },
		{ "*.", "", "is no host: write example.org or *.example.org" },
		{ "a.*.org", "", "is no host: write example.org or *.example.org" },
		{ "*.*.org", "", "is no host: write example.org or *.example.org" },
		{ "http://example.org", "", "is no host: write example.org or *.example.org" },
		{ "a/b", "", "is no host: write example.org or *.example.org" },
		{ "\xc3\xa4.de", "", "is no host: write example.org or *.example.org" },
		{ "a..b", "", "has an empty label" },
		{ ".b", "", "has an empty label" },
	};

	return cr_make_param_array(struct spelling, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct spelling *row, hosts, spells)
{
	char name[HOSTS_MAX_NAME + 1] = "";
	const char *words = "";
	int r = hosts_spell(weir_strz(row->written), name, &words);

	cr_expect_eq(r, row->spelled[0] ? 0 : -EINVAL, "%s", row->written);
	cr_expect_str_eq(words, row->words, "%s: %s", row->written, words);
	if (row->spelled[0])
		cr_expect_str_eq(name, row->spelled);
}
