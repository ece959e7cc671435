/* test_messages.c - how problems look, whatever is in them. */
#include "conf/messages.h"

#include <criterion/criterion.h>
#include <stdio.h>

static char *format(const struct messages *m)
{
	struct buf out;
	char *text;

	buf_init(&out, 0);
	cr_assert_eq(messages_format(m, &out), 0);
	text = buf_steal(&out);
	cr_assert_not_null(text);
	return text;
}

#define EXPECT(m, words)                       \
	do {                                   \
		char *said = format(m);        \
		cr_expect_str_eq(said, words); \
		free(said);                    \
	} while (0)

Test(messages, point_at_the_line)
{
	struct conf_pos pos = { "x.yaml", 2, 4 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("a: 1\nb: 2\r\nc: 3")), 0);
	messages_add(&m, &pos, "what is %d?", 2);
	EXPECT(&m, "x.yaml:2:4: what is 2?\n  b: 2\n     ^\n");
	messages_done(&m);
}

Test(messages, of_no_line_have_none)
{
	struct conf_pos file = { "x.yaml", 0, 0 }, beyond = { "x.yaml", 9, 9 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("a\n")), 0);
	messages_add(&m, NULL, "one");
	messages_add(&m, &file, "two");
	messages_add(&m, &beyond, "three");
	messages_warn(&m, &file, "four");
	EXPECT(&m, "one\nx.yaml: two\nx.yaml:9:9: three\nx.yaml: warning: four\n");
	cr_assert_eq(m.n_errors, 3);
	messages_done(&m);
}

Test(messages, of_another_file_do_not_quote_this_one)
{
	struct conf_pos pos = { "y.yaml", 1, 1 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("a\n")), 0);
	messages_add(&m, &pos, "one");
	EXPECT(&m, "y.yaml:1:1: one\n");
	messages_done(&m);
}

Test(messages, a_column_behind_the_line_points_at_its_end)
{
	struct conf_pos pos = { "x.yaml", 1, 99 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("abc")), 0);
	messages_add(&m, &pos, "one");
	EXPECT(&m, "x.yaml:1:99: one\n  abc\n     ^\n");
	messages_done(&m);
}

Test(messages, columns_are_characters_and_tabs_stay_tabs)
{
	struct conf_pos pos = { "x.yaml", 1, 5 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("ä\töbx")), 0);
	messages_add(&m, &pos, "one");
	EXPECT(&m, "x.yaml:1:5: one\n  ä\töbx\n   \t  ^\n");
	messages_done(&m);
}

Test(messages, control_bytes_never_reach_the_terminal)
{
	struct conf_pos pos = { "x.yaml", 1, 1 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", WEIR_STR("\033[1m")), 0);
	messages_add(&m, &pos, "bad %s", "\033]0;x\007\n");
	EXPECT(&m, "x.yaml:1:1: bad ?]0;x??\n  ?[1m\n  ^\n");
	messages_done(&m);
}

Test(messages, a_byte_order_mark_is_not_shown)
{
	struct conf_pos pos = { "x.yaml", 1, 1 };
	struct messages m;

	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml",
					 WEIR_STR("\xef\xbb\xbf"
						  "abc")),
		     0);
	messages_add(&m, &pos, "one");
	EXPECT(&m, "x.yaml:1:1: one\n  abc\n  ^\n");
	messages_done(&m);
}

Test(messages, long_lines_are_cut_around_the_column)
{
	struct conf_pos pos = { "x.yaml", 1, 501 };
	char line[1001], *said;
	struct messages m;

	memset(line, 'x', sizeof(line));
	line[500] = '!';
	messages_init(&m);
	cr_assert_eq(messages_set_source(&m, "x.yaml", (weir_str){ line, sizeof(line) }), 0);
	messages_add(&m, &pos, "one");
	said = format(&m);
	cr_assert_lt(strlen(said), 220);
	/* The caret stands under the exclamation mark. */
	cr_assert_eq(strchr(said, '!') - strstr(said, "\n  x"),
		     strchr(said, '^') - strstr(said, "\n   "));
	free(said);
	messages_done(&m);
}

Test(messages, are_sorted_by_place_and_otherwise_stay_in_order)
{
	struct conf_pos a = { "a", 1, 1 }, b = { "a", 1, 2 }, c = { "a", 2, 1 }, d = { "b", 1, 1 };
	struct messages m;

	messages_init(&m);
	messages_add(&m, NULL, "last");
	messages_add(&m, &d, "d");
	messages_add(&m, &c, "c");
	messages_add(&m, &b, "b");
	messages_add(&m, &a, "a1");
	messages_add(&m, &a, "a2");
	messages_sort(&m);
	EXPECT(&m, "a:1:1: a1\na:1:1: a2\na:1:2: b\na:2:1: c\nb:1:1: d\nlast\n");
	messages_done(&m);
}

Test(messages, some_are_kept_and_the_rest_is_forgotten)
{
	struct messages m;

	messages_init(&m);
	messages_warn(&m, &(struct conf_pos){ "x.yaml", 1, 1 }, "known");
	messages_warn(&m, NULL, "new");
	messages_warn(&m, &(struct conf_pos){ "x.yaml", 2, 1 }, "new as well");
	messages_warn(&m, NULL, "known as well");
	messages_keep(&m, 1, 2);
	messages_sort(&m);
	EXPECT(&m, "x.yaml:2:1: warning: new as well\nwarning: new\n");
	messages_keep(&m, 0, 0);
	EXPECT(&m, "");
	messages_done(&m);
}

Test(messages, beyond_a_hundred_are_counted)
{
	struct messages m;
	char *said;

	messages_init(&m);
	for (int i = 0; i < 1000; i++)
		messages_add(&m, NULL, "%d", i);
	cr_assert_eq(m.n_items, 100);
	cr_assert_eq(m.n_errors, 1000);
	said = format(&m);
	cr_assert_not_null(strstr(said, "99\nand 900 more\n"));
	free(said);
	messages_done(&m);
}

Test(messages, travel_to_another_process)
{
	struct conf_pos a = { "x.yaml", 3, 4 }, b = { "--listen", 0, 0 };
	struct messages from, to;
	struct buf packed;

	messages_init(&from);
	messages_init(&to);
	buf_init(&packed, 0);
	messages_add(&from, &a, "one");
	messages_warn(&from, &b, "two");
	messages_add(&from, NULL, "three");
	cr_assert_eq(messages_pack(&from, &packed), 0);
	cr_assert_eq(messages_unpack(&to, buf_str(&packed)), 0);
	EXPECT(&to, "x.yaml:3:4: one\n--listen: warning: two\nthree\n");
	cr_assert_eq(to.n_errors, 2);

	/* What is cut off anywhere is refused, not read beyond. */
	for (size_t len = 1; len < packed.len; len++) {
		struct messages some;
		char *copy = malloc(len);
		int r;

		cr_assert_not_null(copy);
		memcpy(copy, packed.data, len);
		messages_init(&some);
		r = messages_unpack(&some, (weir_str){ copy, len });
		cr_expect(r == -EBADMSG || (r == 0 && some.n_items < 3), "cut at %zu", len);
		messages_done(&some);
		free(copy);
	}
	messages_done(&from);
	messages_done(&to);
	buf_done(&packed);
}

Test(messages, write_goes_to_a_descriptor)
{
	struct messages m;
	char text[64] = "";
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	messages_init(&m);
	messages_add(&m, NULL, "one");
	messages_write(&m, fds[1]);
	cr_assert_eq(read(fds[0], text, sizeof(text) - 1), 4);
	cr_assert_str_eq(text, "one\n");
	messages_done(&m);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static const char *guess(const char *word, const char *a, const char *b)
{
	struct messages_guess best = { 0 };

	messages_guess(&best, weir_strz(word), a);
	messages_guess(&best, weir_strz(word), b);
	return best.text;
}

Test(messages, guess_the_nearest_or_nothing)
{
	cr_assert_str_eq(guess("wokers", "workers", "listen"), "workers");
	cr_assert_str_eq(guess("max_haed", "max_body", "max_head"), "max_head");
	cr_assert_null(guess("jobs", "workers", "listen"));
	cr_assert_null(guess("ab", "cd", "xy"));
	cr_assert_null(guess("", "abc", "x"));
}

Test(messages, quotes_are_short_and_end_between_characters)
{
	char quote[MESSAGES_QUOTE], text[121] = "";

	cr_assert_str_eq(messages_quote(WEIR_STR("abc"), quote), "\"abc\"");
	cr_assert_str_eq(messages_quote((weir_str){ NULL, 0 }, quote), "\"\"");
	text[0] = 'x';
	for (int i = 0; i < 40; i++)
		memcpy(text + 1 + i * 2, "ä", 2);
	messages_quote(weir_strz(text), quote);
	cr_assert_eq(strlen(quote), 1 + 59 + strlen("…") + 1);
}
