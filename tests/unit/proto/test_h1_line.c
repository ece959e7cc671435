/* test_h1_line.c - single lines: what they tell. What they are refused for is test_h1_guard's. */
#include "proto/h1_line.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "proto/http.h"

static const struct h1_limits limits = { 4096, 64, 100 };

static struct h1_facts request(const char *line)
{
	enum fault fault = FAULT_NONE;
	struct h1_facts f = { 0 };

	cr_assert_eq(h1_line_request(&f, &limits, line, 0, strlen(line), &fault), 0, "%s: %s", line,
		     fault_name(fault));
	return f;
}

/* What a field adds to what is seen. */
static unsigned seen(const char *line)
{
	enum fault fault = FAULT_NONE;
	struct h1_facts f = { .version = 11 };
	struct h1_field_at at;

	cr_assert_eq(h1_line_field(&f, line, 0, strlen(line), &at, &fault), 0, "%s: %s", line,
		     fault_name(fault));
	cr_expect_eq(f.n_fields, 1);
	return f.seen;
}

Test(h1_line, notes_method_target_and_version)
{
	struct h1_facts f = request("DELETE /a?b HTTP/1.0");

	cr_expect_eq(f.method, HTTP_METHOD_DELETE);
	cr_expect_eq(f.method_len, 6);
	cr_expect_eq(f.target.at, 7);
	cr_expect_eq(f.target.len, 4);
	cr_expect_eq(f.version, 10);
	cr_expect_eq(f.authority.len, 0);
}

Test(h1_line, notes_the_authority_of_an_absolute_form)
{
	struct h1_facts f = request("GET hTTps://a.b:1?x HTTP/1.1");

	cr_expect_eq(f.authority.at, 12);
	cr_expect_eq(f.authority.len, 5);
	cr_expect(f.is_https);
	cr_expect_eq(f.version, 11);
}

Test(h1_line, knows_telling_names_in_any_case)
{
	cr_expect_eq(seen("host: a"), H1_FACT_HOST);
	cr_expect_eq(seen("HOST:a"), H1_FACT_HOST);
	cr_expect_eq(seen("Content-LENGTH: 1"), H1_FACT_LENGTH);
	cr_expect_eq(seen("tRANSFER-eNCODING: chunked"), H1_FACT_CHUNKED);
	cr_expect_eq(seen("UPGRADE: x"), H1_FACT_UPGRADE);
	cr_expect_eq(seen("Expect: 100-continue"), H1_FACT_EXPECT_CONTINUE);
	cr_expect_eq(seen("CONNECTION: close"), H1_FACT_CLOSE);
}

/* Each telling name with each of its bytes changed, which a comparison by words must see. */
static void expect_no_relatives(const char *name, const char *value)
{
	char line[64];

	for (size_t i = 0; name[i]; i++) {
		(void)snprintf(line, sizeof(line), "%s: %s", name, value);
		line[i] = line[i] == 'z' ? 'q' : 'z';
		cr_expect_eq(seen(line), 0, "%s", line);
		line[i] = '_';
		cr_expect_eq(seen(line), 0, "%s", line);
		line[i] = (char)(name[i] & ~0x60);
		if (http_char_is(line[i], HTTP_CHAR_TOKEN))
			cr_expect_eq(seen(line), 0, "%s", line);
	}
}

Test(h1_line, is_not_fooled_by_similar_names)
{
	expect_no_relatives("host", "a");
	expect_no_relatives("expect", "100-continue");
	expect_no_relatives("upgrade", "a");
	expect_no_relatives("connection", "close");
	expect_no_relatives("content-length", "1");
	expect_no_relatives("transfer-encoding", "chunked");
}

Test(h1_line, collects_connection_tokens)
{
	cr_expect_eq(seen("Connection: keep-alive, Upgrade"),
		     H1_FACT_KEEP_ALIVE | H1_FACT_UPGRADE_TOKEN);
	cr_expect_eq(seen("Connection:\tCLOSE\t"), H1_FACT_CLOSE);
	cr_expect_eq(seen("Connection: clos, losed, keep alive"), 0);
	cr_expect_eq(seen("Connection:"), 0);
}

Test(h1_line, sorts_expectations)
{
	cr_expect_eq(seen("Expect: 100-CONTINUE"), H1_FACT_EXPECT_CONTINUE);
	cr_expect_eq(seen("Expect: 100-continue, x"),
		     H1_FACT_EXPECT_CONTINUE | H1_FACT_EXPECT_OTHER);
	cr_expect_eq(seen("Expect:"), 0);
}

Test(h1_line, reads_a_length_to_63_bits)
{
	static const char line[] = "Content-Length: 9223372036854775807";
	enum fault fault = FAULT_NONE;
	struct h1_facts f = { .version = 11 };
	struct h1_field_at at;

	cr_expect_eq(h1_line_field(&f, line, 0, sizeof(line) - 1, &at, &fault), 0);
	cr_expect_eq(f.length, INT64_MAX);
}

Test(h1_line, counts_trailers_and_takes_nothing_from_them)
{
	static const char line[] = "Connection: close";
	enum fault fault = FAULT_NONE;
	struct h1_facts f = { 0 };
	struct h1_field_at at;

	cr_expect_eq(h1_line_trailer(&f, line, 0, sizeof(line) - 1, &at, &fault), 0);
	cr_expect_eq(f.n_fields, 1);
	cr_expect_eq(f.seen, 0);
}
