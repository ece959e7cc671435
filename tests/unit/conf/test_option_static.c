/* test_option_static.c - what holds for the rows of routes that need no module. */
#include "conf/option_static.h"

#include <criterion/criterion.h>

static bool is_place_of_a_route(enum option_place place)
{
	for (const struct option_spec *o = option_table_next(OPTION_ROUTE, NULL); o;
	     o = option_table_next(OPTION_ROUTE, o)) {
		if (o->type == OPTION_MAPPING && o->items == place)
			return o->is_one_of;
	}
	return false;
}

Test(option_static, all_are_of_a_mapping_that_answers_a_route)
{
	for (const struct option_spec *o = option_static_rows; o->name; o++)
		cr_expect(is_place_of_a_route(o->place), "%s", o->name);
}
