/* test_conf_jobs.c - pools of jobs; what is said about broken ones is in conf_broken/. */
#include "conf/conf_jobs.h"

#include "conf/conf_origin.h"
#include "conf/option_table.h"
#include "conf_fixture.h"

Test(conf_jobs, without_a_word_there_is_the_default_pool)
{
	const struct conf_job_pool *pool;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "threads: 2\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.conf->jobs.n_pools, 1);
	pool = &f.conf->jobs.pools[0];
	cr_expect_str_eq(pool->name, "default");
	cr_expect_geq(pool->processes, 1);
	cr_expect_eq(pool->queue, 64);
	cr_expect_eq(pool->run_timeout_ms, 30000);
	cr_expect_eq(pool->max_run_ms, 600000);
	cr_expect_eq(pool->grace_ms, 500);
	cr_expect_eq(pool->memory, 0);
	cr_expect_eq(pool->cpu_time_ms, 0);
	cr_expect_eq(pool->recycle_jobs, 0);
	cr_expect_eq(pool->recycle_age_ms, 0);
	cr_expect_eq(pool->recycle_resident, 0);
	cr_expect_eq(pool->nice, 19);
	cr_expect_not(pool->is_sandboxed);
	cr_expect_eq(pool->n_sandbox_paths, 0);
	cr_expect_eq(f.conf->jobs.max_result, 16 << 20);
	cr_expect_eq(f.conf->limits.threads, 2);
	cr_expect_eq(f.conf->limits.stall_limit_ms, 100);
	cr_expect_eq(f.conf->limits.stall_abort_ms, 0);
	fixture_done(&f);
}

Test(conf_jobs, without_a_file_there_is_the_default_pool_too)
{
	struct fixture f;

	fixture_init(&f);
	f.cli.file = NULL;
	fixture_load(&f, NULL);
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.conf->jobs.n_pools, 1);
	cr_expect_str_eq(f.conf->jobs.pools[0].name, "default");
	fixture_done(&f);
}

Test(conf_jobs, every_option_arrives)
{
	const struct conf_job_pool *pool;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f,
		     "jobs: {processes: 3, queue: 4, run_timeout: 5s, max_run: 6m, grace: 7ms,\n"
		     "  memory: 128MiB, cpu_time: 8s, recycle_jobs: 9, recycle_age: 1h,\n"
		     "  recycle_resident: 10MiB, nice: 11, sandbox: true, max_result: 1MiB,\n"
		     "  sandbox_paths: [/abs, rel]}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	pool = &f.conf->jobs.pools[0];
	cr_expect_eq(pool->processes, 3);
	cr_expect_eq(pool->queue, 4);
	cr_expect_eq(pool->run_timeout_ms, 5000);
	cr_expect_eq(pool->max_run_ms, 360000);
	cr_expect_eq(pool->grace_ms, 7);
	cr_expect_eq(pool->memory, 128 << 20);
	cr_expect_eq(pool->cpu_time_ms, 8000);
	cr_expect_eq(pool->recycle_jobs, 9);
	cr_expect_eq(pool->recycle_age_ms, 3600000);
	cr_expect_eq(pool->recycle_resident, 10 << 20);
	cr_expect_eq(pool->nice, 11);
	cr_expect(pool->is_sandboxed);
	cr_assert_eq(pool->n_sandbox_paths, 2);
	cr_expect_str_eq(pool->sandbox_paths[0], "/abs");
	cr_expect_str_eq(pool->sandbox_paths[1] + strlen(f.dir), "/rel");
	cr_expect_eq(f.conf->jobs.max_result, 1 << 20);
	fixture_done(&f);
}

/* In whichever order they stand. */
Test(conf_jobs, a_pool_inherits_what_it_does_not_say)
{
	const struct conf_job_pool *one, *two;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs:\n"
			 "  processes: 2\n"
			 "  pools:\n"
			 "    - {name: one, processes: 5, sandbox_paths: /srv}\n"
			 "    - {queue: 1, name: two}\n"
			 "  queue: 7\n"
			 "  sandbox: true\n"
			 "  sandbox_paths: [/usr/share, /etc/x]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_assert_eq(f.conf->jobs.n_pools, 3);
	cr_expect_str_eq(f.conf->jobs.pools[0].name, "default");
	cr_expect_eq(f.conf->jobs.pools[0].processes, 2);
	one = &f.conf->jobs.pools[1];
	cr_expect_str_eq(one->name, "one");
	cr_expect_eq(one->processes, 5);
	cr_expect_eq(one->queue, 7);
	cr_expect_eq(one->run_timeout_ms, 30000);
	cr_expect(one->is_sandboxed);
	cr_assert_eq(one->n_sandbox_paths, 1);
	cr_expect_str_eq(one->sandbox_paths[0], "/srv");
	two = &f.conf->jobs.pools[2];
	cr_expect_str_eq(two->name, "two");
	cr_expect_eq(two->processes, 2);
	cr_expect_eq(two->queue, 1);
	cr_assert_eq(two->n_sandbox_paths, 2);
	cr_expect_str_eq(two->sandbox_paths[1], "/etc/x");
	fixture_done(&f);
}

Test(conf_jobs, values_know_where_they_are_from)
{
	const struct option_spec *queue = option_table_find(OPTION_POOL, WEIR_STR("queue"));
	const struct option_spec *nice = option_table_find(OPTION_POOL, WEIR_STR("nice"));
	const struct option_spec *above;
	const struct conf_job_pool *pool;
	const void *from = NULL;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs:\n  nice: 3\n  pools:\n    - name: slow\n      queue: 1\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	pool = &f.conf->jobs.pools[1];
	cr_expect_eq(conf_origin_get(queue, pool)->line, 5);
	cr_expect_null(conf_origin_get(nice, pool)->file);
	above = option_table_above(nice, f.conf, &from);
	cr_assert_eq(above, option_table_find(OPTION_JOBS, WEIR_STR("nice")));
	cr_expect_eq(conf_origin_get(above, from)->line, 2);
	fixture_done(&f);
}

Test(conf_jobs, a_pool_that_is_wrong_is_taken_out)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs: {pools: [{name: default}, {name: a}, {name: a, queue: 1}, "
			 "{name: '?'}, {name: b, queue: x}, {queue: 1}]}\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_expect_eq(f.messages.n_errors, 5, "%s", f.said);
	cr_assert_eq(f.conf->jobs.n_pools, 3);
	cr_expect_str_eq(f.conf->jobs.pools[1].name, "a");
	cr_expect_eq(f.conf->jobs.pools[1].queue, 64);
	cr_expect_str_eq(f.conf->jobs.pools[2].name, "b");
	fixture_done(&f);
}

/* What all inherit is judged once. */
Test(conf_jobs, an_inherited_mistake_is_said_once)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs: {max_run: 1s, memory: 1KiB, pools: [{name: a}, {name: b}]}\n");
	cr_assert_eq(f.r, -EINVAL);
	cr_expect_eq(f.messages.n_errors, 2, "%s", f.said);
	fixture_done(&f);
}

static void load_pools(struct fixture *f, int n)
{
	struct buf text;

	buf_init(&text, 0);
	cr_assert_eq(buf_printf(&text, "jobs:\n  pools:\n"), 0);
	for (int i = 0; i < n; i++)
		cr_assert_eq(buf_printf(&text, "    - {name: p%d}\n", i), 0);
	fixture_init(f);
	fixture_write("test.yaml", text.data, text.len);
	fixture_load(f, NULL);
	buf_done(&text);
}

Test(conf_jobs, there_are_64_pools_at_most)
{
	struct fixture f;

	load_pools(&f, 63);
	cr_expect_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->jobs.n_pools, 64);
	fixture_done(&f);
	load_pools(&f, 64);
	cr_expect_eq(f.r, -EINVAL);
	cr_expect_not_null(strstr(f.said, "test.yaml:66:14: more than 64 pools"), "%s", f.said);
	cr_expect_eq(f.conf->jobs.n_pools, 64);
	fixture_done(&f);
}

Test(conf_jobs, a_pool_is_found_by_its_name)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "jobs: {pools: [{name: slow}, {name: slower}]}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(conf_jobs_find(&f.conf->jobs, "default"), &f.conf->jobs.pools[0]);
	cr_expect_eq(conf_jobs_find(&f.conf->jobs, "slower"), &f.conf->jobs.pools[2]);
	cr_expect_null(conf_jobs_find(&f.conf->jobs, "slowe"));
	cr_expect_null(conf_jobs_find(&f.conf->jobs, ""));
	fixture_done(&f);
}
