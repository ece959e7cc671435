/* test_ws_tools.c - what is given back is kept, up to a limit, and taken again. */
#include "proto/ws_tools.h"

#include <criterion/criterion.h>

#include "oom.h"
#include "proto/ws_intake.h"

Test(ws_tools, hands_out_first_what_was_given_back_last)
{
	struct ws_tools tools;
	struct ws_room *a, *b;

	cr_assert_eq(ws_tools_init(&tools), 0);
	a = ws_tools_take_room(&tools);
	b = ws_tools_take_room(&tools);
	cr_assert(a && b && a != b);
	cr_expect_eq(tools.rooms.n_taken, 2);
	cr_expect_null(ws_tools_give_room(&tools, a));
	cr_expect_null(ws_tools_give_room(&tools, b));
	cr_expect_eq(tools.rooms.n_taken, 0);
	cr_expect_eq(ws_tools_take_room(&tools), b);
	cr_expect_eq(ws_tools_take_room(&tools), a);
	(void)ws_tools_give_room(&tools, a);
	(void)ws_tools_give_room(&tools, b);
	ws_tools_done(&tools);
}

Test(ws_tools, keeps_no_more_than_its_limit)
{
	struct ws_tools tools;
	struct ws_room *rooms[100];

	cr_assert_eq(ws_tools_init(&tools), 0);
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
		rooms[i] = ws_tools_take_room(&tools);
		cr_assert_not_null(rooms[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		(void)ws_tools_give_room(&tools, rooms[i]);
	cr_expect_eq(tools.rooms.n_unused, tools.rooms.max_unused);
	cr_expect_lt(tools.rooms.max_unused, ARRAY_LEN(rooms));
	ws_tools_done(&tools);
}

Test(ws_tools, frees_what_nobody_has_when_asked)
{
	struct ws_tools tools;
	struct ws_room *room;
	struct ws_intake *intake;

	cr_assert_eq(ws_tools_init(&tools), 0);
	room = ws_tools_take_room(&tools);
	(void)ws_tools_give_room(&tools, ws_tools_take_room(&tools));
	intake = ws_intake_take(&tools);
	(void)ws_intake_give(&tools, intake);
	ws_tools_trim(&tools);
	cr_expect_eq(tools.rooms.n_unused, 0);
	cr_expect_eq(tools.intakes.n_unused, 0);
	cr_expect_eq(tools.rooms.n_taken, 1);
	(void)ws_tools_give_room(&tools, room);
	ws_tools_done(&tools);
}

Test(ws_tools, counts_nothing_as_taken_without_memory)
{
	struct ws_tools tools;

	cr_assert_eq(ws_tools_init(&tools), 0);
	oom_fail_at(1);
	cr_expect_null(ws_tools_take_room(&tools));
	cr_expect(oom_has_failed());
	cr_expect_eq(tools.rooms.n_taken, 0);
	ws_tools_done(&tools);
}
