/* test_option_ctl.c - what holds for the rows of health: and control:. */
#include "conf/option_ctl.h"

#include <criterion/criterion.h>

#include "base/str.h"

Test(option_ctl, all_are_of_health_or_of_control)
{
	for (const struct option_spec *o = option_ctl_rows; o->name; o++)
		cr_expect(o->place == OPTION_HEALTH || o->place == OPTION_CONTROL, "%s", o->name);
}

Test(option_ctl, both_are_off_unless_a_place_is_named)
{
	cr_assert_null(option_table_find(OPTION_HEALTH, WEIR_STR("listen"))->fallback);
	cr_assert_null(option_table_find(OPTION_CONTROL, WEIR_STR("socket"))->fallback);
}
