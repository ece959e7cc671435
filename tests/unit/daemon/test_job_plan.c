/* test_job_plan.c - pools come, go, and come back. */
#include "daemon/job_plan.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

#define MAX_POOLS 64

/* A configuration of the default pool and others. */
struct made {
	struct conf_job_pool pools[MAX_POOLS];
	char names[MAX_POOLS][JOB_PLAN_NAME];
	struct conf_jobs conf;
};

static const struct conf_jobs *make(struct made *made, const char *const *names, size_t n)
{
	memset(made, 0, sizeof(*made));
	made->pools[0] = (struct conf_job_pool){ .name = "default", .processes = 2 };
	for (size_t i = 0; i < n; i++)
		made->pools[1 + i] = (struct conf_job_pool){ .name = names[i], .processes = 1 };
	made->conf = (struct conf_jobs){ .pools = made->pools, .n_pools = 1 + n };
	return &made->conf;
}

/* So many of them, "a0" and so on by their first letter. */
static const struct conf_jobs *make_many(struct made *made, char letter, size_t n)
{
	static const char *const none[] = { NULL };

	(void)make(made, none, 0);
	for (size_t i = 1; i <= n; i++) {
		(void)snprintf(made->names[i], sizeof(made->names[i]), "%c%zu", letter, i);
		made->pools[i] = (struct conf_job_pool){ .name = made->names[i], .processes = 1 };
	}
	made->conf.n_pools = 1 + n;
	return &made->conf;
}

static void change(struct job_plan *plan, const char *one, const char *two)
{
	const char *const names[] = { one, two };
	struct made made;

	cr_assert_eq(job_plan_change(plan, make(&made, names, (one != NULL) + (two != NULL))), 0);
}

/* "default slow- x! gone(" by places: it serves, leaves, ends, or was there. */
static const char *describe(const struct job_plan *plan)
{
	static char text[JOB_PLAN_MAX * (JOB_PLAN_NAME + 2)];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < JOB_PLAN_MAX; i++) {
		const struct job_plan_pool *pool = &plan->pools[i];

		if (pool->name[0])
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%c",
						len > 0 ? " " : "", pool->name,
						"( -!"[pool->state]);
	}
	return text;
}

Test(job_plan, has_what_is_said_of_a_pool)
{
	const struct conf_job_pool pool = { .name = "default",
					    .processes = 1,
					    .queue = 2,
					    .run_timeout_ms = 3,
					    .max_run_ms = 4,
					    .grace_ms = 5,
					    .recycle_jobs = 6,
					    .recycle_age_ms = 7,
					    .recycle_resident = 8 };
	const struct conf_jobs conf = { .pools = &pool, .n_pools = 1 };
	struct job_plan plan = { 0 };
	const struct job_plan_pool *p = &plan.pools[0];

	cr_assert_eq(job_plan_change(&plan, &conf), 0);
	cr_expect_str_eq(p->name, "default");
	cr_expect_eq(p->state, (uint32_t)JOB_PLAN_SERVES);
	cr_expect_eq(p->processes, 1u);
	cr_expect_eq(p->queue, 2u);
	cr_expect_eq(p->run_timeout_ms, 3);
	cr_expect_eq(p->max_run_ms, 4);
	cr_expect_eq(p->grace_ms, 5);
	cr_expect_eq(p->recycle_jobs, 6u);
	cr_expect_eq(p->recycle_age_ms, 7);
	cr_expect_eq(p->recycle_resident, 8u);
	cr_expect(job_plan_is_sound(p));
}

Test(job_plan, pools_keep_their_places)
{
	struct job_plan plan = { 0 };

	change(&plan, "slow", "quick");
	cr_assert_str_eq(describe(&plan), "default  slow  quick ");
	change(&plan, "quick", "other");
	cr_assert_str_eq(describe(&plan), "default  slow- quick  other ");
	change(&plan, "other", "slow");
	cr_assert_str_eq(describe(&plan), "default  slow  quick- other ");
}

Test(job_plan, who_stays_has_other_numbers_and_who_leaves_its_own)
{
	const struct conf_job_pool pools[] = { { .name = "default", .processes = 7 } };
	const struct conf_jobs conf = { .pools = pools, .n_pools = 1 };
	struct job_plan plan = { 0 };

	change(&plan, "slow", NULL);
	cr_assert_eq(job_plan_change(&plan, &conf), 0);
	cr_assert_eq(plan.pools[0].processes, 7u);
	cr_assert_eq(plan.pools[1].processes, 1u);
	cr_assert(job_plan_takes_jobs(&plan.pools[1]));
}

Test(job_plan, who_leaves_ends_and_is_forgotten)
{
	struct job_plan plan = { 0 };

	change(&plan, "slow", "quick");
	cr_assert_not(job_plan_end_leaving(&plan));
	change(&plan, "quick", NULL);
	cr_assert(job_plan_end_leaving(&plan));
	cr_assert_not(job_plan_end_leaving(&plan), "once");
	cr_assert_str_eq(describe(&plan), "default  slow! quick ");
	cr_assert_not(job_plan_takes_jobs(&plan.pools[1]));
	cr_assert(job_plan_is_there(&plan.pools[1]));
	job_plan_forget(&plan, 1);
	cr_assert_str_eq(describe(&plan), "default  slow( quick ");
	cr_assert_not(job_plan_is_there(&plan.pools[1]));
}

Test(job_plan, who_comes_back_while_it_ends_serves)
{
	struct job_plan plan = { 0 };

	change(&plan, "slow", NULL);
	change(&plan, NULL, NULL);
	(void)job_plan_end_leaving(&plan);
	change(&plan, "slow", NULL);
	cr_assert_str_eq(describe(&plan), "default  slow ");
}

Test(job_plan, a_place_is_kept_for_who_had_it_as_long_as_there_are_others)
{
	struct job_plan plan = { 0 };

	change(&plan, "slow", NULL);
	change(&plan, NULL, NULL);
	job_plan_forget(&plan, 1);
	change(&plan, "quick", NULL);
	cr_assert_str_eq(describe(&plan), "default  slow( quick ");
	change(&plan, "quick", "slow");
	cr_assert_str_eq(describe(&plan), "default  slow  quick ");
}

Test(job_plan, without_a_configuration_all_leave)
{
	struct job_plan plan = { 0 };

	change(&plan, "slow", NULL);
	cr_assert_eq(job_plan_change(&plan, NULL), 0);
	cr_assert_str_eq(describe(&plan), "default- slow-");
	job_plan_forget(&plan, 0);
	change(&plan, NULL, NULL);
	cr_assert_str_eq(describe(&plan), "default  slow-");
}

Test(job_plan, what_has_no_place_changes_nothing)
{
	struct job_plan plan = { 0 };
	struct made made;

	cr_assert_eq(job_plan_change(&plan, make_many(&made, 'a', 63)), 0);
	cr_assert_eq(job_plan_change(&plan, make_many(&made, 'b', 63)), 0);
	cr_assert_eq(job_plan_can_change(&plan, make_many(&made, 'c', 2)), -ENOSPC);
	cr_assert_eq(job_plan_change(&plan, make_many(&made, 'c', 2)), -ENOSPC);
	cr_assert_eq(plan.pools[JOB_PLAN_MAX - 2].state, (uint32_t)JOB_PLAN_SERVES);
	/* One is free, and all who are there already may be again. */
	cr_assert_eq(job_plan_can_change(&plan, make_many(&made, 'c', 1)), 0);
	cr_assert_eq(job_plan_change(&plan, make_many(&made, 'a', 63)), 0);
	cr_assert_eq(plan.pools[1].state, (uint32_t)JOB_PLAN_SERVES);
	cr_assert_eq(plan.pools[64].state, (uint32_t)JOB_PLAN_LEAVES);
	/* A place that is free again is taken, whoever had it. */
	for (unsigned i = 64; i < 127; i++)
		job_plan_forget(&plan, i);
	cr_assert_eq(job_plan_change(&plan, make_many(&made, 'c', 63)), 0);
	cr_assert_str_eq(plan.pools[127].name, "c1");
	cr_assert_str_eq(plan.pools[64].name, "c2");
}

Test(job_plan, nonsense_is_known)
{
	struct job_plan_pool pool = { .name = "x", .state = JOB_PLAN_ENDS };

	cr_assert(job_plan_is_sound(&pool));
	pool.state++;
	cr_assert_not(job_plan_is_sound(&pool));
	pool.state = JOB_PLAN_SERVES;
	pool.grace_ms = -1;
	cr_assert_not(job_plan_is_sound(&pool));
	pool.grace_ms = 0;
	memset(pool.name, 'x', sizeof(pool.name));
	cr_assert_not(job_plan_is_sound(&pool));
}
