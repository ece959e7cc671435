/* test_redirect.c - where clients are sent, and what they cannot put into it. */
#include "app/redirect.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "app_world.h"

struct row {
	char to[64], path[32], target[64];
	int status;
	bool keeps_query;
	char location[96];
};

ParameterizedTestParameters(redirect, goes_to)
{
	static struct row rows[] = {
		{ "/new", "/old", "/old", 308, true, "/new" },
		{ "/new", "/old", "/old?a=b&c", 301, true, "/new?a=b&c" },
		{ "/new", "/old", "/old?a=b", 302, false, "/new" },
		{ "/new?x", "/old", "/old?a=b", 307, true, "/new?x&a=b" },
		{ "/new#part", "/old", "/old?a=b", 303, true, "/new?a=b#part" },
		{ "https://e.org/{p}", "/o/{p...}", "/o/a/b", 308, true, "https://e.org/a/b" },
		{ "/{b}/{a}/x", "/o/{a}/{b}", "/o/1/2", 308, true, "/2/1/x" },
		/* decoded by the router, encoded again */
		{ "/n/{p}", "/o/{p...}", "/o/%0d%0aSet-Cookie:%20a", 308, true,
		  "/n/%0D%0ASet-Cookie:%20a" },
		{ "/n/{p}", "/o/{p}", "/o/%3fa%23b%25", 308, true, "/n/%3Fa%23b%25" },
		{ "/n/{p}", "/o/{p}", "/o/gr%C3%BCn", 308, true, "/n/gr%C3%BCn" },
		/* behind a question mark, nobody adds fields of a form, or changes a plus */
		{ "/n?a={p}", "/o/{p}", "/o/1&b=2+3;c", 308, true, "/n?a=1%26b%3D2%2B3%3Bc" },
		{ "/n?a={p}", "/o/{p...}", "/o/x/y", 308, true, "/n?a=x%2Fy" },
		{ "/n#{p}", "/o/{p}", "/o/a&b", 308, true, "/n#a%26b" },
		/* no other site */
		{ "/{p}", "/o/{p...}", "/o//evil.example/", 308, true, "/evil.example/" },
		{ "/{p}", "/o/{p...}", "/o/%2f%2fevil.example/", 308, true, "/evil.example/" },
		{ "/{p}", "/o/{p...}", "/o/%5cevil.example", 308, true, "/%5Cevil.example" },
		{ "/{p}", "/o/{p...}", "/o/", 308, true, "/" },
		{ "/{p}/{a}", "/o/{a}/{p...}", "/o/evil.example/", 308, true, "/evil.example" },
		{ "//e.org/{p}", "/o/{p...}", "/o//a", 308, true, "//e.org//a" },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, redirect, goes_to)
{
	struct app_world *a = app_world_new();
	struct redirect_spec spec = { row->to, row->status, row->keeps_query };
	struct route *route = app_world_route(a, row->path, redirect_handler);
	char words[REDIRECT_WORDS] = "", line[128], status[32];
	const char *text;

	cr_assert_eq(redirect_check(row->to, row->path, words), 0, "%s", words);
	cr_assert_eq(redirect_new(&spec, &route->settings), 0);
	text = app_world_ask(a, row->target);
	(void)snprintf(line, sizeof(line), "\r\nlocation: %s\r\n", row->location);
	(void)snprintf(status, sizeof(status), "HTTP/1.1 %d ", row->status);
	cr_expect(strstr(text, line), "%s in %s", line, text);
	cr_expect_eq(strncmp(text, status, strlen(status)), 0, "%s", text);
	(void)builtin_settings_free(route->settings);
	app_world_free(a);
}

struct bad {
	char to[64], words[64];
};

ParameterizedTestParameters(redirect, refuses)
{
	static struct bad rows[] = {
		{ "", "wants a path" },
		{ "elsewhere", "wants a path" },
		{ "1http://x", "wants a path" },
		{ "/a b", "character 3 cannot be in a URL: write it as %20" },
		{ "/gr\xc3\xbcn", "character 4 cannot be in a URL: write it as %C3" },
		{ "/\\x", "character 2 cannot" },
		{ "/{c}", "the route's path has no parameter {c}" },
		{ "/{}", "the route's path has no parameter {}" },
		{ "https://e.org{b}", "{b} would be part of the host" },
		{ "https://{a}.e.org/x", "{a} would be part of the host" },
		{ "//{a}/x", "{a} would be part of the host" },
		{ "x:{a}", "{a} would be part of the host" },
		{ "https://e.org{a}/x", "{a} would be part of the host" },
	};

	return cr_make_param_array(struct bad, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct bad *row, redirect, refuses)
{
	char words[REDIRECT_WORDS] = "";

	cr_expect_eq(redirect_check(row->to, "/{a}/{b...}", words), -EINVAL);
	cr_expect(strstr(words, row->words), "%s", words);
}
