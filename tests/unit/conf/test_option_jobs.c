/* test_option_jobs.c - what holds for the rows of jobs and of their pools. */
#include "conf/option_jobs.h"

#include <criterion/criterion.h>

#include "base/str.h"

Test(option_jobs, all_are_of_jobs_or_of_a_pool)
{
	for (const struct option_spec *o = option_jobs_rows; o->name; o++)
		cr_expect(o->place == OPTION_JOBS || o->place == OPTION_POOL, "%s", o->name);
}

/* But for what there is one of: a limit that a worker has to know before it knows the pool. */
Test(option_jobs, a_pool_may_say_whatever_jobs_may)
{
	for (const struct option_spec *o = option_table_next(OPTION_JOBS, NULL); o;
	     o = option_table_next(OPTION_JOBS, o)) {
		const struct option_spec *of_pool = option_table_find(OPTION_POOL,
								      weir_strz(o->name));

		if (!strcmp(o->name, "max_result") || !strcmp(o->name, "pools"))
			continue;
		cr_assert_not_null(of_pool, "%s", o->name);
		cr_expect(of_pool->is_inherited, "%s", o->name);
	}
}

Test(option_jobs, only_its_name_is_a_pools_own)
{
	for (const struct option_spec *o = option_table_next(OPTION_POOL, NULL); o;
	     o = option_table_next(OPTION_POOL, o))
		cr_expect(o->is_inherited != o->is_required, "%s", o->name);
	cr_expect(option_table_find(OPTION_POOL, WEIR_STR("name"))->is_required);
}
