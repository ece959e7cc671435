/* test_host.c - what is an authority, and which two are the same. */
#include "proto/host.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/macro.h"

struct row {
	weir_str text;
	bool is_valid;
};

#define ROW(text, is_valid)                          \
	{                                            \
		{ text, sizeof(text) - 1 }, is_valid \
	}

static const struct row rows[] = {
	ROW("a", true),
	ROW("example.org", true),
	ROW("example.org:8080", true),
	ROW("example.org:", true),
	ROW("EXAMPLE.org.", true),
	ROW("under_score", true),
	ROW("a!$&'()*+,;=~", true),
	ROW("%41.b", true),
	ROW("127.0.0.1:65535", true),
	ROW("999.0.0.1", true), /* no address, but a name */
	ROW("[::1]", true),
	ROW("[::1]:80", true),
	ROW("[2001:db8::ffff:192.0.2.1]", true),
	ROW("[v1.x]", true),
	ROW("[V1aF.a:b!$&'()*+,;=~]:80", true),
	ROW("a:00080", true),
	ROW("", false),
	ROW(":80", false),
	ROW("a:b", false),
	ROW("a:65536", false),
	ROW("a:99999999999999999999", false),
	ROW("a:-1", false),
	ROW("a:80:80", false),
	ROW("u@a", false),
	ROW("u:p@a", false),
	ROW("a/b", false),
	ROW("a?b", false),
	ROW("a#b", false),
	ROW("a b", false),
	ROW("a\tb", false),
	ROW("a\0b", false),
	ROW("a\\b", false),
	ROW("\xc3\xa4.de", false),
	ROW("%4", false),
	ROW("%zz", false),
	ROW("a%", false),
	ROW("[::1", false),
	ROW("::1", false),
	ROW("[]", false),
	ROW("[:::]", false),
	ROW("[::1]x", false),
	ROW("[::1]80", false),
	ROW("[fe80::1%eth0]", false),
	ROW("[fe80::1%25eth0]", false),
	ROW("[v1.]", false),
	ROW("[v.x]", false),
	ROW("[vg.x]", false),
	ROW("[v1x]", false),
	ROW("[v1.x/y]", false),
	ROW("[v1.%41]", false),
	ROW("[v1.x", false),
	ROW("[v1.\0]", false),
	ROW("[127.0.0.1]", false),
	ROW("[::1\0]", false),
	ROW("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]", false),
};

ParameterizedTestParameters(host, judges)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

ParameterizedTest(size_t *index, host, judges)
{
	const struct row *row = &rows[*index];
	/* Exact size, on the heap: reading past the end would be seen. */
	char *copy = malloc(row->text.len ? row->text.len : 1);

	memcpy(copy, row->text.ptr, row->text.len);
	cr_expect_eq(host_is_valid((weir_str){ copy, row->text.len }), row->is_valid, "'%.*s'",
		     WEIR_ARG(row->text));
	free(copy);
}

/* Asked of the last bytes of sixteen. It may not know, but never be wrong. */
Test(host, is_sure_of_usual_ones_only)
{
	static const char *const sure[] = { "a", "127.0.0.1:8000", "www.example.org",
					    "a:", "localhost:80" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		weir_str text = rows[i].text;
		char bytes[] = "1234567890123456";

		if (text.len == 0 || text.len > 16)
			continue;
		memcpy(bytes + 16 - text.len, text.ptr, text.len);
		cr_expect(!host_is_usual((weir_str){ bytes + 16 - text.len, text.len }) ||
				  rows[i].is_valid,
			  "'%.*s'", WEIR_ARG(text));
	}
#ifdef __SSE2__
	for (size_t i = 0; i < ARRAY_LEN(sure); i++) {
		weir_str text = weir_strz(sure[i]);
		char bytes[] = "::::::::::::::::";

		memcpy(bytes + 16 - text.len, text.ptr, text.len);
		cr_expect(host_is_usual((weir_str){ bytes + 16 - text.len, text.len }), "%s",
			  sure[i]);
	}
#else
	(void)sure;
#endif
}

Test(host, takes_name_and_port_apart)
{
	cr_expect(weir_str_eq(host_name(WEIR_STR("a:80")), WEIR_STR("a")));
	cr_expect(weir_str_eq(host_name(WEIR_STR("[::1]:80")), WEIR_STR("[::1]")));
	cr_expect_eq(host_port(WEIR_STR("[::1]:81"), 80), 81);
	cr_expect_eq(host_port(WEIR_STR("[::1]"), 80), 80);
	cr_expect_eq(host_port(WEIR_STR("a:"), 80), 80);
	cr_expect_eq(host_port(WEIR_STR("a:0443"), 80), 443);
}

Test(host, compares_what_is_meant)
{
	cr_expect(host_is_same(WEIR_STR("A.org"), WEIR_STR("a.ORG:80"), 80));
	cr_expect(host_is_same(WEIR_STR("a:443"), WEIR_STR("a"), 443));
	cr_expect(host_is_same(WEIR_STR("[::A]"), WEIR_STR("[::a]:"), 80));
	cr_expect(!host_is_same(WEIR_STR("a:443"), WEIR_STR("a"), 80));
	cr_expect(!host_is_same(WEIR_STR("a"), WEIR_STR("b"), 80));
	cr_expect(!host_is_same(WEIR_STR("a"), WEIR_STR("a.b"), 80));
}
