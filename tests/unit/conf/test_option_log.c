/* test_option_log.c - the rows about logs, metrics and ids are where they are looked for. */
#include "conf/option_log.h"

#include <criterion/criterion.h>

#include "base/str.h"

Test(option_log, all_are_found_where_they_belong)
{
	size_t n = 0;

	for (const struct option_spec *o = option_log_rows; o->name; o++, n++)
		cr_expect_eq(option_table_find(o->place, weir_strz(o->name)), o, "%s", o->name);
	cr_expect_gt(n, 4);
}
