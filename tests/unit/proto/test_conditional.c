/* test_conditional.c - conditions, each by itself and in their order. */
#include "proto/conditional.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/str.h"

/* Of what is served: Sun, 06 Nov 1994 08:49:37 GMT. */
#define OLDER "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define NEWER "Sun, 06 Nov 1994 08:49:38 GMT"

static const struct conditional_state state = { { "\"a\"", 3 }, 784111777, 784200000 };

struct row {
	char names[2][24], values[2][64];
	int verdict;
};

ParameterizedTestParameters(conditional, judges)
{
	static struct row rows[] = {
		{ { "accept" }, { "x" }, CONDITIONAL_SERVE },
		{ { "if-match" }, { "\"a\"" }, CONDITIONAL_SERVE },
		{ { "if-match" }, { "*" }, CONDITIONAL_SERVE },
		{ { "if-match" }, { "\"b\", \"a\"" }, CONDITIONAL_SERVE },
		{ { "if-match" }, { "\"b\",,\t\"a\"" }, CONDITIONAL_SERVE },
		{ { "if-match" }, { "\"b\"" }, CONDITIONAL_FAILED },
		{ { "if-match" }, { "W/\"a\"" }, CONDITIONAL_FAILED },
		{ { "if-match" }, { "a" }, CONDITIONAL_FAILED },
		{ { "if-match" }, { "" }, CONDITIONAL_FAILED },
		{ { "if-match", "if-match" }, { "\"b\"", "\"a\"" }, CONDITIONAL_SERVE },
		{ { "if-unmodified-since" }, { OLDER }, CONDITIONAL_FAILED },
		{ { "if-unmodified-since" }, { SAME }, CONDITIONAL_SERVE },
		{ { "if-unmodified-since" }, { "yesterday" }, CONDITIONAL_SERVE },
		/* If-Match is the better word of the two */
		{ { "if-match", "if-unmodified-since" }, { "\"a\"", OLDER }, CONDITIONAL_SERVE },
		{ { "if-none-match" }, { "\"a\"" }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-none-match" }, { "W/\"a\"" }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-none-match" }, { "\"b\", W/\"a\"" }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-none-match" }, { "*" }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-none-match" }, { "\"b\"" }, CONDITIONAL_SERVE },
		{ { "if-none-match" }, { "\"a" }, CONDITIONAL_SERVE },
		{ { "if-none-match" }, { "w/\"a\"" }, CONDITIONAL_SERVE },
		{ { "if-modified-since" }, { OLDER }, CONDITIONAL_SERVE },
		{ { "if-modified-since" }, { SAME }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-modified-since" }, { NEWER }, CONDITIONAL_NOT_MODIFIED },
		{ { "if-modified-since" }, { "0" }, CONDITIONAL_SERVE },
		/* a list of dates is none, also in lines of its own */
		{ { "if-modified-since" }, { SAME ", " SAME }, CONDITIONAL_SERVE },
		{ { "if-modified-since", "if-modified-since" }, { SAME, SAME }, CONDITIONAL_SERVE },
		{ { "if-modified-since", "if-modified-since" }, { NEWER, "0" }, CONDITIONAL_SERVE },
		{ { "if-unmodified-since", "if-unmodified-since" },
		  { OLDER, OLDER },
		  CONDITIONAL_SERVE },
		/* and If-None-Match of these */
		{ { "if-none-match", "if-modified-since" }, { "\"b\"", SAME }, CONDITIONAL_SERVE },
		{ { "if-none-match", "if-modified-since" },
		  { "\"a\"", OLDER },
		  CONDITIONAL_NOT_MODIFIED },
		{ { "if-none-match", "if-match" }, { "\"a\"", "\"b\"" }, CONDITIONAL_FAILED },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, conditional, judges)
{
	weir_header fields[2];
	size_t n = row->names[1][0] ? 2 : 1;

	for (size_t i = 0; i < n; i++)
		fields[i] = (weir_header){ weir_strz(row->names[i]), weir_strz(row->values[i]) };
	cr_expect_eq((int)conditional_judge(fields, n, &state), row->verdict, "%s: %s",
		     row->names[0], row->values[0]);
}

static bool may_range(const char *value, time_t now)
{
	weir_header field = { WEIR_STR("if-range"), weir_strz(value) };
	struct conditional_state at = state;

	at.now = now;
	return conditional_may_range(&field, value ? 1 : 0, &at);
}

Test(conditional, a_range_is_for_who_has_the_rest_of_the_same)
{
	cr_expect(may_range(NULL, state.now));
	cr_expect(may_range("\"a\"", state.now));
	cr_expect_not(may_range("W/\"a\"", state.now));
	cr_expect_not(may_range("\"b\"", state.now));
	cr_expect_not(may_range("*", state.now));
	cr_expect(may_range(SAME, state.now));
	cr_expect_not(may_range(NEWER, state.now));
	cr_expect_not(may_range(OLDER, state.now));
	/* it may change once more in this second */
	cr_expect_not(may_range(SAME, state.modified + 1));
}

Test(conditional, two_of_what_has_the_rest_are_none)
{
	weir_header fields[] = { { WEIR_STR("if-range"), state.etag },
				 { WEIR_STR("if-range"), state.etag } };

	cr_expect(conditional_may_range(fields, 1, &state));
	cr_expect_not(conditional_may_range(fields, 2, &state));
}

/* It begins with the letter of a weak tag. */
Test(conditional, a_range_goes_on_on_wednesdays)
{
	struct conditional_state at = { WEIR_STR("\"a\""), 0, 784111777 };
	weir_header field = { WEIR_STR("if-range"), WEIR_STR("Wed, 02 Nov 1994 08:49:37 GMT") };

	at.modified = 783766177;
	cr_expect(conditional_may_range(&field, 1, &at));
	at.modified++;
	cr_expect_not(conditional_may_range(&field, 1, &at));
}
