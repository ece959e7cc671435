/* test_job_keeper_change.c - other pools, with a reload: who is told what, and which processes stay. */
#include "daemon/job_keeper.h"

#include "keeper_world.h"

static const struct conf_job_pool other_pools[] = {
	{ .name = "default", .processes = 2, .grace_ms = 100 },
	{ .name = "other", .processes = 1, .grace_ms = 200 },
};
static const struct conf_jobs other_conf = { .pools = other_pools, .n_pools = 2 };
/* As before, without "slow". */
static const struct conf_jobs one_conf = { .pools = pools, .n_pools = 1 };

/* What the hub hears next: "pool slow-, renew". */
static const char *hub_hears(struct world *w)
{
	static char words[2048];
	struct job_plan_pool pool;
	size_t len = 0;
	int status;

	words[0] = '\0';
	while (control_receive(w->hub[1], &w->message) == 1) {
		const char *separator = len > 0 ? ", " : "";
		char *out = words + len;
		size_t cap = sizeof(words) - len;

		for (size_t i = 0; i < w->message.n_fds; i++)
			(void)close(w->message.fds[i]);
		if (control_read_job_pool(&w->message, &pool) == 0)
			len += (size_t)snprintf(out, cap, "%spool %s%c", separator, pool.name,
						"( -!"[pool.state]);
		else if (w->message.type == CONTROL_JOB_RENEW)
			len += (size_t)snprintf(out, cap, "%srenew", separator);
		else if (control_read_job_ended(&w->message, &status) == 0)
			len += (size_t)snprintf(out, cap, "%sended", separator);
		else if (w->message.type == CONTROL_JOB_PROCESS)
			len += (size_t)snprintf(out, cap, "%sprocess", separator);
	}
	return words;
}

static unsigned n_slots_of(const struct world *w, const char *pool)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->keeper.n_slots; i++)
		n += strcmp(job_keeper_pool(&w->keeper, i), pool) == 0;
	return n;
}

static unsigned n_ready(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->keeper.n_slots; i++)
		n += w->keeper.slots[i].slot.state == WORKER_READY;
	return n;
}

/* The nth of its processes, as the hub has met them: an index. */
static unsigned slow(const struct world *w, unsigned n)
{
	unsigned i = 0;

	while (w->met[i].pool != 1 || n-- > 0)
		i++;
	return i;
}

static void change(struct world *w, const struct conf_jobs *next)
{
	cr_assert_eq(job_keeper_can_change(&w->keeper, next, true), 0);
	job_keeper_change(&w->keeper, next, true, w->hub[0]);
}

static void retire(struct world *w, unsigned i)
{
	bool has_failed;

	hub_says(w, control_send_job_retire, w->numbers[i]);
	cr_assert_eq(reap(w, &has_failed), w->met[i].pid);
}

static void introduce(struct world *w)
{
	cr_assert_eq(job_keeper_introduce_all(&w->keeper, w->hub[0], HUB), 0u);
}

Test(job_keeper_change, the_hub_hears_of_pools_before_the_renewal_and_before_their_processes)
{
	struct world w;

	begin_met(&w);
	change(&w, &other_conf);
	cr_assert_str_eq(hub_hears(&w), "pool default , pool slow-, pool other , renew");
	cr_assert_eq(n_slots_of(&w, "default"), 3u);
	cr_assert_eq(n_slots_of(&w, "slow"), 3u);
	cr_assert_eq(n_slots_of(&w, "other"), 2u);
	/* One more than before of the first, and two new. */
	cr_assert_eq(start(&w, be_good), 3u);
	while (!job_keeper_is_ready(&w.keeper))
		cr_assert(listen_once(&w));
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "process, process, process");
	end(&w);
}

Test(job_keeper_change, what_the_hub_was_not_told_of_pools_it_hears_before_it_meets_anybody)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	while (control_send_drain(w.hub[0]) == 0)
		;
	change(&w, &other_conf);
	/* It could not be told either that all are old: that is for the keeper, but of the pool that leaves. */
	for (unsigned i = 0; i < 2; i++)
		(void)reap(&w, &has_failed);
	cr_assert_eq(start(&w, be_good), 1u + 2u);
	while (n_ready(&w) < 3u + 3u)
		cr_assert(listen_once(&w));
	cr_assert_gt(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_str_eq(hub_hears(&w), "");
	cr_assert_eq(job_keeper_introduce_all(&w.keeper, w.hub[0], HUB), 0u);
	cr_assert_eq(strncmp(hub_hears(&w), "pool default , pool slow-, pool other , ", 40), 0);
	end(&w);
}

Test(job_keeper_change, a_pool_that_leaves_keeps_its_processes_and_gets_no_other)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	change(&w, &one_conf);
	(void)hub_hears(&w);
	cr_assert_eq(kill(w.met[slow(&w, 0)].pid, SIGKILL), 0);
	(void)reap(&w, &has_failed);
	cr_assert_not_null(strstr(said(&w), "; no other is needed\n"), "%s", w.said);
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "ended");
	cr_assert_eq(start(&w, be_good), 0u);
	cr_assert_eq(n_slots_of(&w, "slow"), 2u);
	/* All of the former workers have gone. */
	job_keeper_end_leaving(&w.keeper);
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "pool slow!");
	retire(&w, slow(&w, 1));
	cr_assert_not_null(strstr(said(&w), "has ended, and no other is needed\n"), "%s", w.said);
	retire(&w, slow(&w, 2));
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "ended, ended, pool slow(");
	cr_assert_eq(n_slots_of(&w, "slow"), 0u);
	job_keeper_end_leaving(&w.keeper);
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "");
	end(&w);
}

Test(job_keeper_change, a_pool_whose_last_process_dies_before_its_workers_is_forgotten)
{
	bool has_failed;
	struct world w;

	begin_met(&w);
	change(&w, &one_conf);
	(void)hub_hears(&w);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(kill(w.met[slow(&w, i)].pid, SIGKILL), 0);
		(void)reap(&w, &has_failed);
	}
	introduce(&w);
	cr_assert_str_eq(hub_hears(&w), "ended, ended, ended, pool slow(");
	end(&w);
}

Test(job_keeper_change, fewer_processes_are_those_that_are_not_replaced)
{
	static const struct conf_job_pool fewer[] = {
		{ .name = "default", .processes = 1, .grace_ms = 100 },
		{ .name = "slow", .processes = 1, .grace_ms = 100 },
	};
	static const struct conf_jobs fewer_conf = { .pools = fewer, .n_pools = 2 };
	struct world w;

	begin_met(&w);
	change(&w, &fewer_conf);
	(void)hub_hears(&w);
	for (unsigned i = 0; i < 3; i++) {
		retire(&w, slow(&w, i));
		introduce(&w);
	}
	cr_assert_eq(n_slots_of(&w, "slow"), 2u);
	cr_assert_eq(start(&w, be_good), 2u);
	end(&w);
}

Test(job_keeper_change, without_a_module_that_has_jobs_all_pools_leave)
{
	struct world w;

	begin_met(&w);
	cr_assert_eq(job_keeper_can_change(&w.keeper, &conf, false), 0);
	job_keeper_change(&w.keeper, &conf, false, w.hub[0]);
	cr_assert_str_eq(hub_hears(&w), "pool default-, pool slow-, renew");
	job_keeper_end_leaving(&w.keeper);
	for (unsigned i = 0; i < 5; i++)
		retire(&w, i);
	introduce(&w);
	cr_assert(job_keeper_is_empty(&w.keeper));
	cr_assert_null(job_keeper_due(&w.keeper, INT64_MAX));
	(void)hub_hears(&w);
	/* And some has again. */
	change(&w, &conf);
	cr_assert_str_eq(hub_hears(&w), "pool default , pool slow , renew");
	cr_assert_eq(start(&w, be_good), 5u);
	end(&w);
}

Test(job_keeper_change, what_there_is_no_room_for_is_known_before)
{
	struct conf_job_pool many[] = { { .name = "default", .processes = 63 },
					{ .name = "slow", .processes = 0 } };
	const struct conf_jobs many_conf = { .pools = many, .n_pools = 2 };
	struct conf_job_pool renamed[] = { { .name = "default", .processes = 40 },
					   { .name = "new", .processes = 19 } };
	const struct conf_jobs renamed_conf = { .pools = renamed, .n_pools = 2 };
	struct world w;

	begin_met(&w);
	cr_assert_eq(w.keeper.n_slots, 64u);
	cr_assert_eq(job_keeper_can_change(&w.keeper, &many_conf, true), -ENOSPC);
	cr_assert_not_null(strstr(said(&w), "error: 65 job processes are too many without a "
					    "restart: there is room for 64\n"),
			   "%s", w.said);
	cr_assert_eq(job_keeper_can_change(&w.keeper, &many_conf, false), 0);
	many[0].processes = 62;
	cr_assert_eq(job_keeper_can_change(&w.keeper, &many_conf, true), 0);
	/* There are three of "slow" besides. */
	cr_assert_eq(job_keeper_can_change(&w.keeper, &renamed_conf, true), 0);
	renamed[1].processes++;
	cr_assert_eq(job_keeper_can_change(&w.keeper, &renamed_conf, true), -ENOSPC);
	cr_assert_not_null(strstr(said(&w), "too many job processes of former configurations have "
					    "not ended yet\n"),
			   "%s", w.said);
	end(&w);
}

Test(job_keeper_change, there_is_room_for_four_times_the_first_configuration)
{
	const struct conf_job_pool pool = { .name = "default", .processes = 20 };
	const struct conf_jobs large = { .pools = &pool, .n_pools = 1 };
	struct job_keeper keeper;

	cr_assert_eq(job_keeper_init(&keeper, NULL, &large, false), 0);
	cr_assert_eq(keeper.n_slots, 84u);
	cr_assert_null(job_keeper_due(&keeper, INT64_MAX), "no module has a job");
	cr_assert(job_keeper_is_ready(&keeper));
	job_keeper_done(&keeper);
}

static const struct conf_jobs *make_many(struct conf_job_pool made[64], char names[64][8],
					 char letter)
{
	static struct conf_jobs many = { .n_pools = 64 };

	for (unsigned i = 0; i < 64; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%c%u", letter, i);
		made[i] = (struct conf_job_pool){ .name = i > 0 ? names[i] : "default",
						  .processes = 1 };
	}
	many.pools = made;
	return &many;
}

Test(job_keeper_change, all_of_the_largest_plan_is_told_at_once)
{
	struct conf_job_pool made[64];
	unsigned n_told = 0;
	char names[64][8];
	struct world w;

	begin(&w);
	job_keeper_done(&w.keeper);
	cr_assert_eq(job_keeper_init(&w.keeper, &w.log, make_many(made, names, 'a'), true), 0);
	/* As if there were one of each: else they are forgotten at once. */
	for (unsigned i = 0; i < w.keeper.n_slots; i++)
		w.keeper.slots[i].has_news = true;
	change(&w, make_many(made, names, 'b'));
	while (control_receive(w.hub[1], &w.message) == 1 && w.message.type == CONTROL_JOB_POOL)
		n_told++;
	cr_assert_eq(n_told, 127u);
	cr_assert_eq(w.message.type, (uint32_t)CONTROL_JOB_RENEW);
	job_keeper_done(&w.keeper);
}
