#include "daemon/ctl_request.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "base/log.h"

static struct ctl_request request;
static const char *words;

static int parse(const char *line)
{
	words = NULL;
	return ctl_request_parse(weir_strz(line), &request, &words);
}

Test(ctl_request, knows_each_command)
{
	cr_assert_eq(parse("status"), 0);
	cr_expect_eq(request.command, CTL_STATUS);
	cr_assert_eq(parse("  ps "), 0);
	cr_expect_eq(request.command, CTL_TASKS);
	cr_assert_eq(parse("conns"), 0);
	cr_expect_eq(request.command, CTL_CONNS);
	cr_assert_eq(parse("bt 3-0012abcd"), 0);
	cr_expect_eq(request.command, CTL_BACKTRACE);
	cr_expect_eq(request.id.slot, 3);
	cr_expect_eq(request.id.tag, 0x12abcd);
	cr_assert_eq(parse("kill 0-ffffffff"), 0);
	cr_expect_eq(request.command, CTL_KILL);
	cr_expect_eq(request.id.tag, UINT32_MAX);
	cr_assert_eq(parse("reload"), 0);
	cr_expect_eq(request.command, CTL_RELOAD);
	cr_assert_eq(parse("drain"), 0);
	cr_expect_eq(request.slot, -1);
	cr_assert_eq(parse("drain 12"), 0);
	cr_expect_eq(request.slot, 12);
	cr_assert_eq(parse("loglevel"), 0);
	cr_expect_eq(request.level, -1);
	cr_assert_eq(parse("loglevel debug"), 0);
	cr_expect_eq(request.level, LOG_AT_DEBUG);
}

static void expect_refused(const char *line)
{
	cr_expect_eq(parse(line), -EINVAL, "%s", line);
	cr_expect_not_null(words, "%s", line);
}

Test(ctl_request, refuses_what_makes_no_sense)
{
	expect_refused("");
	expect_refused("   ");
	expect_refused("stat");
	expect_refused("STATUS");
	expect_refused("status 1");
	expect_refused("bt");
	expect_refused("bt 1");
	expect_refused("bt 1-");
	expect_refused("bt 1-0012abc");
	expect_refused("bt 1-0012abcde");
	expect_refused("bt 1-0012ABCD");
	expect_refused("bt -1-0012abcd");
	expect_refused("bt 70000-0012abcd");
	expect_refused("kill 1-0012abcd 2");
	expect_refused("drain all");
	expect_refused("loglevel loud");
	expect_refused("loglevel debugdebugdebugdebug");
}

Test(ctl_request, an_id_is_read_as_it_is_written)
{
	struct ctl_id id = { .slot = 17,
			     .tag = ctl_request_tag(&id, WEIR_STR("0123456789abcdef")) };
	char line[64] = "bt ";

	(void)ctl_request_id_text(&id, line + 3);
	cr_assert_eq(parse(line), 0, "%s", line);
	cr_assert_eq(request.id.slot, 17);
	cr_assert_eq(request.id.tag, id.tag);
}

Test(ctl_request, who_comes_to_lie_in_the_same_place_is_another)
{
	uint32_t tag = ctl_request_tag(&request, WEIR_STR("a"));

	cr_expect_eq(ctl_request_tag(&request, WEIR_STR("a")), tag);
	cr_expect_neq(ctl_request_tag(&request, WEIR_STR("b")), tag);
	cr_expect_neq(ctl_request_tag(&words, WEIR_STR("a")), tag);
	(void)ctl_request_tag(&request, (weir_str){ NULL, 0 });
}
