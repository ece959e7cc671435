#include "daemon/weirctl_print.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct buf out;
static struct weirctl_outcome outcome;

static const char answer[] = "T\tdaemon\tversion:s\tup:m\n"
			     "R\t0.1\t90000\n"
			     "T\ttasks\tid:s\tuse:b\twait:u\tn:n\n"
			     "R\ta\\tb\t20480\t500\t\n"
			     "R\tl\xc3\xa4nger\t1\t7200000000\t7\textra\n"
			     "N\tworker 1 is missing\n"
			     "E\tno \"way\"\n"
			     ".\n";

static void begin(void)
{
	buf_init(&out, 0);
}

static void end(void)
{
	buf_done(&out);
}

static void expect(const char *expected)
{
	cr_assert_eq(buf_append(&out, "", 1), 0);
	cr_assert_str_eq(out.data, expected);
}

Test(weirctl_print, tables_for_people, .init = begin, .fini = end)
{
	cr_assert_eq(weirctl_print_people(weir_strz(answer), &out, NULL, &outcome), 0);
	cr_assert_eq(outcome.n_notes, 1);
	cr_assert_eq(outcome.n_errors, 1);
	expect("VERSION     UP\n"
	       "0.1      90.0s\n"
	       "\n"
	       "ID      USE   WAIT  N\n"
	       "a\\tb    20K  500us  -\n"
	       "l\xc3\xa4nger    1     2h  7\n");
}

Test(weirctl_print, one_column_says_itself, .init = begin, .fini = end)
{
	cr_assert_eq(weirctl_print_people(WEIR_STR("T\tresult\tsaid:s\nR\tdone\n.\n"), &out, NULL,
					  &outcome),
		     0);
	cr_assert_eq(outcome.n_notes + outcome.n_errors, 0);
	expect("done\n");
}

Test(weirctl_print, json_for_scripts, .init = begin, .fini = end)
{
	cr_assert_eq(weirctl_print_json(weir_strz(answer), &out, &outcome), 0);
	cr_assert_eq(outcome.n_notes, 1);
	cr_assert_eq(outcome.n_errors, 1);
	expect("{\n"
	       "  \"daemon\": [\n"
	       "    {\n"
	       "      \"version\": \"0.1\",\n"
	       "      \"up\": 90000\n"
	       "    }\n"
	       "  ],\n"
	       "  \"tasks\": [\n"
	       "    {\n"
	       "      \"id\": \"a\\u0009b\",\n"
	       "      \"use\": 20480,\n"
	       "      \"wait\": 500\n"
	       "    },\n"
	       "    {\n"
	       "      \"id\": \"l\xc3\xa4nger\",\n"
	       "      \"use\": 1,\n"
	       "      \"wait\": 7200000000,\n"
	       "      \"n\": 7\n"
	       "    }\n"
	       "  ],\n"
	       "  \"notes\": [\n"
	       "    \"worker 1 is missing\"\n"
	       "  ],\n"
	       "  \"errors\": [\n"
	       "    \"no \\\"way\\\"\"\n"
	       "  ]\n"
	       "}\n");
}

static void expect_broken(const char *text)
{
	cr_expect_eq(weirctl_print_people(weir_strz(text), &out, NULL, &outcome), -EPROTO, "%s",
		     text);
	cr_expect_eq(weirctl_print_json(weir_strz(text), &out, &outcome), -EPROTO, "%s", text);
}

Test(weirctl_print, refuses_what_is_no_answer, .init = begin, .fini = end)
{
	expect_broken("");
	expect_broken("T\ta\tb:s\n");
	expect_broken("T\ta\tb\n.\n");
	expect_broken("T\ta\tb:\n.\n");
	expect_broken("x.\n");
}

Test(weirctl_print, finds_a_number)
{
	weir_str text = weir_strz(answer);

	cr_expect_eq(weirctl_print_find(text, "daemon", 0, "up"), 90000);
	cr_expect_eq(weirctl_print_find(text, "tasks", 1, "n"), 7);
	cr_expect_eq(weirctl_print_find(text, "tasks", 0, "n"), -1);
	cr_expect_eq(weirctl_print_find(text, "tasks", 2, "n"), -1);
	cr_expect_eq(weirctl_print_find(text, "tasks", 1, "id"), -1);
	cr_expect_eq(weirctl_print_find(text, "other", 0, "n"), -1);
}
