/* test_option_items.c - what holds for the rows of listeners, modules and routes. */
#include "conf/option_items.h"

#include <criterion/criterion.h>

static void has_its_kind_on_a_route(const struct option_spec *o)
{
	cr_expect(o->kind == OPTION_OF_ALL || o->place == OPTION_ROUTE, "%s", o->name);
	cr_expect(o->kind == OPTION_OF_ALL || !o->is_required, "%s", o->name);
	if (!o->decides_kind)
		return;
	cr_expect_eq(o, option_table_find(OPTION_ROUTE, WEIR_STR("websocket")), "%s", o->name);
	cr_expect_eq(o->type, OPTION_BOOL);
	cr_expect_str_eq(o->fallback, "false");
}

/* False unless it is said: the schema tells from the file alone which kind a route is. */
Test(option_items, one_bool_decides_which_kind_a_route_is)
{
	for (const struct option_spec *o = option_items_rows; o->name; o++)
		has_its_kind_on_a_route(o);
	cr_assert(option_table_find(OPTION_ROUTE, WEIR_STR("websocket"))->decides_kind);
}

/* An option of the whole file among them would never be found. */
Test(option_items, none_is_of_the_whole_file)
{
	for (const struct option_spec *o = option_items_rows; o->name; o++)
		cr_expect_neq(o->place, OPTION_TOP, "%s", o->name);
}
