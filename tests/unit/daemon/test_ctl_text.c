#include "daemon/ctl_text.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct buf out;
static struct ctl_text text;

static void begin(void)
{
	buf_init(&out, 0);
	ctl_text_init(&text, &out);
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

Test(ctl_text, writes_tables_notes_and_errors, .init = begin, .fini = end)
{
	ctl_text_table(&text, "tasks", "id:s\tsince:m");
	ctl_text_row(&text);
	ctl_text_cell(&text, WEIR_STR("a\tb\n\\\x01"));
	ctl_text_number(&text, 12);
	ctl_text_row_end(&text);
	ctl_text_row(&text);
	ctl_text_unknown(&text);
	ctl_text_cells(&text, WEIR_STR("\t7"));
	ctl_text_row_end(&text);
	ctl_text_note(&text, "worker %d\nis missing", 3);
	ctl_text_error(&text, "no");
	ctl_text_end(&text);
	cr_assert_eq(text.r, 0);
	expect("T\ttasks\tid:s\tsince:m\nR\ta\\tb\\n\\\\\\x01\t12\nR\t\t7\nN\tworker 3\\nis "
	       "missing\nE\tno\n.\n");
}

Test(ctl_text, leaves_out_a_line_that_does_not_fit, .init = begin, .fini = end)
{
	out.limit = 8;
	ctl_text_row(&text);
	ctl_text_cell(&text, WEIR_STR("abc"));
	ctl_text_row_end(&text);
	ctl_text_row(&text);
	ctl_text_cell(&text, WEIR_STR("abc"));
	ctl_text_row_end(&text);
	cr_assert_eq(text.r, -EMSGSIZE);
	out.limit = 100;
	expect("R\tabc\n");
}

Test(ctl_text, what_was_escaped_comes_back, .init = begin, .fini = end)
{
	static const char all[] = "a\tb\n\\\x01\x7f\xc3\xa4";
	struct buf back;
	weir_str cell;

	buf_init(&back, 0);
	ctl_text_row(&text);
	ctl_text_cell(&text, (weir_str){ all, sizeof(all) - 1 });
	cell = (weir_str){ out.data + 2, out.len - 2 };
	cr_assert_null(memchr(cell.ptr, '\t', cell.len));
	cr_assert_eq(ctl_text_unescape(cell, &back), 0);
	cr_assert(weir_str_eq(buf_str(&back), (weir_str){ all, sizeof(all) - 1 }));
	buf_done(&back);
}

Test(ctl_text, refuses_what_was_never_escaped, .init = begin, .fini = end)
{
	cr_expect_eq(ctl_text_unescape(WEIR_STR("a\\"), &out), -EPROTO);
	cr_expect_eq(ctl_text_unescape(WEIR_STR("\\y"), &out), -EPROTO);
	cr_expect_eq(ctl_text_unescape(WEIR_STR("\\x0"), &out), -EPROTO);
	cr_expect_eq(ctl_text_unescape(WEIR_STR("\\x0G"), &out), -EPROTO);
}

Test(ctl_text, takes_lines_off_one_by_one)
{
	weir_str rest = WEIR_STR("a\n\nbc"), line;

	cr_assert(ctl_text_line(&rest, &line));
	cr_assert(weir_str_eq(line, WEIR_STR("a")));
	cr_assert(ctl_text_line(&rest, &line));
	cr_assert_eq(line.len, 0);
	cr_assert_not(ctl_text_line(&rest, &line));
	cr_assert(weir_str_eq(rest, WEIR_STR("bc")));
}
