/* test_option_front.c - what holds for the rows about proxies, hosts and limits. */
#include "conf/option_front.h"

#include <criterion/criterion.h>

#include "base/str.h"

Test(option_front, all_are_found_where_they_belong)
{
	for (const struct option_spec *o = option_front_rows; o->name; o++)
		cr_expect_eq(option_table_find(o->place, weir_strz(o->name)), o, "%s", o->name);
}

Test(option_front, rows_of_a_place_are_walked_once)
{
	static const enum option_place places[] = { OPTION_TOP, OPTION_LISTEN, OPTION_MODULE,
						    OPTION_ROUTE };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct option_spec *o = NULL;
		size_t n = 0;

		while ((o = option_table_next(places[i], o))) {
			cr_expect_eq(option_table_find(places[i], weir_strz(o->name)), o, "%s",
				     o->name);
			cr_expect_eq(option_table_index(o), n++);
		}
	}
}
