/* test_conf_address.c - addresses of listeners, and which get in each other's way. */
#include "conf/conf_address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <netinet/in.h>
#include <sys/un.h>

struct fixture {
	struct arena arena;
	struct budget budget;
};

static void init(struct fixture *f)
{
	*f = (struct fixture){ .budget = { .limit = 65536 } };
	arena_init(&f->arena, &f->budget);
}

static int parse(struct fixture *f, const char *text, struct conf_address *ret_address,
		 const char **reterr_words)
{
	return conf_address_parse(&f->arena, weir_strz(text), "/dir", ret_address, reterr_words);
}

struct row {
	char text[64], result[64]; /* the text it gets; or words of the refusal */
	int r, family, port;
};

ParameterizedTestParameters(conf_address, good_or_refused_with_words)
{
	static struct row rows[] = {
		{ "127.0.0.1:8000", "127.0.0.1:8000", 0, AF_INET, 8000 },
		{ "0.0.0.0:1", "0.0.0.0:1", 0, AF_INET, 1 },
		{ "[::1]:8000", "[::1]:8000", 0, AF_INET6, 8000 },
		{ "[0:0::0:1]:65535", "[::1]:65535", 0, AF_INET6, 65535 },
		{ "[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80", 0, AF_INET6, 80 },
		{ "*:8000", "*:8000", 0, AF_INET6, 8000 },
		{ "unix:/run/x.sock", "unix:/run/x.sock", 0, AF_UNIX, 0 },
		{ "unix:x.sock", "unix:/dir/x.sock", 0, AF_UNIX, 0 },
		{ "systemd:http", "systemd:http", 0, 0, 0 },
		{ "systemd:weir.socket", "systemd:weir.socket", 0, 0, 0 },
		{ "systemd:", "has no name", -EINVAL, 0, 0 },
		{ "systemd:a:b", "systemd allows in none", -EINVAL, 0, 0 },
		{ "systemd:a b", "systemd allows in none", -EINVAL, 0, 0 },
		{ "", "is not of the form", -EINVAL, 0, 0 },
		{ "8000", "is not of the form", -EINVAL, 0, 0 },
		{ ":8000", "is not of the form", -EINVAL, 0, 0 },
		{ "127.0.0.1", "is not of the form", -EINVAL, 0, 0 },
		{ "127.0.0.1:", "has no port", -EINVAL, 0, 0 },
		{ "127.0.0.1:0", "has no port", -EINVAL, 0, 0 },
		{ "127.0.0.1:65536", "has no port", -EINVAL, 0, 0 },
		{ "127.0.0.1:80a", "has no port", -EINVAL, 0, 0 },
		{ "127.0.0.1:+80", "has no port", -EINVAL, 0, 0 },
		{ "127.1:80", "is not an address of digits", -EINVAL, 0, 0 },
		{ "localhost:80", "is not an address of digits", -EINVAL, 0, 0 },
		{ "[127.0.0.1]:80", "is not an address of digits", -EINVAL, 0, 0 },
		{ "::1:80", "an IPv6 one is written", -EINVAL, 0, 0 },
		{ "[::g]:80", "an IPv6 one is written", -EINVAL, 0, 0 },
		{ "[]:80", "is not an address", -EINVAL, 0, 0 },
		{ "unix:", "has no path", -EINVAL, 0, 0 },
		{ "unix:@x", "abstract", -EINVAL, 0, 0 },
	};

	return cr_make_param_array(struct row, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct row *row, conf_address, good_or_refused_with_words)
{
	struct conf_address address;
	const char *words = "";
	struct fixture f;

	init(&f);
	cr_assert_eq(parse(&f, row->text, &address, &words), row->r, "%s: %s", row->text, words);
	if (row->r < 0) {
		cr_expect_not_null(strstr(words, row->result), "%s: %s", row->text, words);
	} else {
		cr_expect_str_eq(address.text, row->result);
		cr_expect_eq(address.sockaddr.ss_family, row->family);
		if (row->port)
			cr_expect_eq(((struct sockaddr_in *)&address.sockaddr)->sin_port,
				     htons((uint16_t)row->port));
		cr_expect_eq(address.is_any, row->text[0] == '*');
	}
	arena_done(&f.arena);
}

Test(conf_address, a_unix_path_may_fill_the_whole_address)
{
	char text[128] = "unix:/";
	struct conf_address address;
	const char *words = "";
	struct fixture f;

	init(&f);
	memset(text + 6, 'x', 106);
	cr_assert_eq(parse(&f, text, &address, &words), 0, "%s", words);
	cr_assert_eq(strlen(((struct sockaddr_un *)&address.sockaddr)->sun_path), 107);
	text[112] = 'x';
	cr_assert_eq(parse(&f, text, &address, &words), -EINVAL);
	cr_assert_not_null(strstr(words, "107 bytes"));
	arena_done(&f.arena);
}

struct pair {
	char a[32], b[32];
	bool overlaps;
};

ParameterizedTestParameters(conf_address, overlaps)
{
	static struct pair rows[] = {
		{ "127.0.0.1:80", "127.0.0.1:80", true },
		{ "127.0.0.1:80", "127.0.0.1:81", false },
		{ "127.0.0.1:80", "127.0.0.2:80", false },
		{ "127.0.0.1:80", "0.0.0.0:80", true },
		{ "0.0.0.0:80", "127.0.0.1:80", true },
		{ "[::1]:80", "[::]:80", true },
		{ "[::1]:80", "[::2]:80", false },
		{ "0.0.0.0:80", "[::]:80", false },
		{ "*:80", "0.0.0.0:80", true },
		{ "*:80", "[::1]:80", true },
		{ "*:80", "*:81", false },
		{ "unix:/a", "unix:/a", true },
		{ "unix:/a", "unix:/b", false },
		{ "unix:/a", "*:80", false },
		{ "systemd:a", "systemd:a", true },
		{ "systemd:a", "systemd:b", false },
		{ "systemd:a", "*:80", false },
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct pair *row, conf_address, overlaps)
{
	struct conf_address a, b;
	const char *words = "";
	struct fixture f;

	init(&f);
	cr_assert_eq(parse(&f, row->a, &a, &words), 0);
	cr_assert_eq(parse(&f, row->b, &b, &words), 0);
	cr_expect_eq(conf_address_overlaps(&a, &b), row->overlaps, "%s and %s", row->a, row->b);
	arena_done(&f.arena);
}
