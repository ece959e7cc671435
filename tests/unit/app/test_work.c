/* test_work.c - jobs without a process of their own: what they say goes to a list. */
#include "app/work.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/sealed.h"

struct world {
	weir_work work;
	char last[WORK_REPORT_MAX + 1]; /* report */
	unsigned n_reports, n_looks;
	int refuse; /* what the next report gets */
	bool is_unwanted;
	char line[2000]; /* the last for the log */
};

static int on_report(weir_work *work, weir_str text)
{
	struct world *w = (struct world *)work;

	if (w->refuse < 0)
		return w->refuse;
	w->n_reports++;
	memcpy(w->last, text.ptr, text.len);
	w->last[text.len] = '\0';
	return 0;
}

static bool on_look(weir_work *work)
{
	struct world *w = (struct world *)work;

	w->n_looks++;
	return w->is_unwanted;
}

static void on_log(weir_work *work, int level, const char *text)
{
	struct world *w = (struct world *)work;

	(void)snprintf(w->line, sizeof(w->line), "%d %s", level, text);
}

static const struct work_ops ops = { on_report, on_look, on_log };

static struct world *begin(void)
{
	struct world *w = calloc(1, sizeof(*w));

	cr_assert_not_null(w);
	work_init(&w->work, &ops, 1000, 100);
	return w;
}

static void end(struct world *w)
{
	work_done(&w->work);
	free(w);
}

static int run(struct world *w, weir_job_fn *fn)
{
	return work_run(&w->work, fn, WEIR_STR("input"), INT64_MAX);
}

/* ---- results */

static int upper(weir_work *work, weir_str input)
{
	char *copy = weir_work_alloc(work, input.len);

	for (size_t i = 0; i < input.len; i++)
		copy[i] = (char)(input.ptr[i] & ~0x20);
	return weir_work_result(work, (weir_str){ copy, input.len });
}

Test(work, gives_its_result)
{
	struct world *w = begin();

	cr_assert_eq(run(w, upper), 0);
	cr_assert(w->work.has_result);
	cr_assert(weir_str_eq(w->work.result, WEIR_STR("INPUT")));
	cr_assert_lt(w->work.result_fd, 0);
	work_reset(&w->work);
	cr_assert_not(w->work.has_result);
	cr_assert_eq(w->work.result.len, 0u);
	end(w);
}

static int from_its_stack(weir_work *work, weir_str input)
{
	char text[8] = "stack";
	int r = weir_work_result(work, weir_strz(text));

	memset(text, 'x', sizeof(text));
	return r;
}

Test(work, copies_its_result)
{
	struct world *w = begin();

	cr_assert_eq(run(w, from_its_stack), 0);
	cr_assert(weir_str_eq(w->work.result, WEIR_STR("stack")));
	end(w);
}

static int large(weir_work *work, weir_str input)
{
	char text[101];

	memset(text, 'l', sizeof(text));
	return weir_work_result(work, (weir_str){ text, sizeof(text) });
}

Test(work, keeps_a_large_result_in_a_sealed_memfd)
{
	struct world *w = begin();
	weir_str mapped = { 0 };

	cr_assert_eq(run(w, large), 0);
	cr_assert_eq(w->work.result.len, 0u);
	cr_assert_eq(w->work.result_len, 101u);
	cr_assert_eq(sealed_map(w->work.result_fd, 101, &mapped), 0);
	cr_assert_eq(mapped.ptr[100], 'l');
	sealed_unmap(mapped);
	end(w);
}

static int too_large(weir_work *work, weir_str input)
{
	char text[1001] = "";

	return weir_work_result(work, (weir_str){ text, sizeof(text) });
}

Test(work, a_result_over_the_limit_is_refused)
{
	struct world *w = begin();

	cr_assert_eq(run(w, too_large), -EMSGSIZE);
	cr_assert_not(w->work.has_result);
	end(w);
}

static int twice(weir_work *work, weir_str input)
{
	cr_assert_eq(weir_work_result(work, WEIR_STR("one")), 0);
	return weir_work_result(work, WEIR_STR("two"));
}

Test(work, has_one_result)
{
	struct world *w = begin();

	cr_assert_eq(run(w, twice), -EALREADY);
	end(w);
}

static int nothing(weir_work *work, weir_str input)
{
	return weir_work_result(work, WEIR_STR(""));
}

Test(work, an_empty_result_is_one)
{
	struct world *w = begin();

	cr_assert_eq(run(w, nothing), 0);
	cr_assert(w->work.has_result);
	cr_assert_eq(w->work.result.len, 0u);
	end(w);
}

static int seven(weir_work *work, weir_str input)
{
	return 7;
}

static int domain(weir_work *work, weir_str input)
{
	return -EDOM;
}

Test(work, returns_zero_or_an_error)
{
	struct world *w = begin();

	cr_assert_eq(run(w, seven), 0);
	cr_assert_eq(run(w, domain), -EDOM);
	end(w);
}

/* ---- memory */

static int allocates(weir_work *work, weir_str input)
{
	char *small = weir_work_alloc(work, 3), *big = weir_work_alloc(work, 1 << 20);

	cr_assert(small && big);
	cr_assert_eq((uintptr_t)big % _Alignof(max_align_t), 0u);
	memset(small, 's', 3);
	memset(big, 'b', 1 << 20);
	arena_fail_at(&work->arena, 1);
	cr_assert_null(weir_work_alloc(work, 1 << 20));
	return small[2] == 's' ? 0 : -EIO;
}

Test(work, its_memory_ends_with_it)
{
	struct world *w = begin();

	cr_assert_eq(run(w, allocates), 0);
	cr_assert_gt(w->work.budget.used, 1u << 20);
	work_reset(&w->work);
	cr_assert_leq(w->work.budget.used, ARENA_BLOCK);
	end(w);
}

/* ---- reports */

static int reports(weir_work *work, weir_str input)
{
	return weir_work_report(work, "%.*s: %d of %d", WEIR_ARG(input), 1, 2);
}

Test(work, reports)
{
	struct world *w = begin();

	cr_assert_eq(run(w, reports), 0);
	cr_assert_eq(w->n_reports, 1u);
	cr_assert_str_eq(w->last, "input: 1 of 2");
	end(w);
}

static int reports_much(weir_work *work, weir_str input)
{
	cr_assert_eq(weir_work_report(work, "%*s", WORK_REPORT_MAX, "x"), 0);
	return weir_work_report(work, "%*s", WORK_REPORT_MAX + 1, "x");
}

Test(work, a_report_has_a_limit)
{
	struct world *w = begin();

	cr_assert_eq(run(w, reports_much), -EMSGSIZE);
	cr_assert_eq(strlen(w->last), (size_t)WORK_REPORT_MAX);
	end(w);
}

static int reports_often(weir_work *work, weir_str input)
{
	for (int i = 0; i < 100000; i++)
		cr_assert_eq(weir_work_report(work, "%d", i), 0);
	return 0;
}

Test(work, the_newest_of_too_many_reports_arrives)
{
	struct world *w = begin();
	int64_t begun_ms = clock_monotonic_ms();

	cr_assert_eq(run(w, reports_often), 0);
	cr_assert_str_eq(w->last, "99999");
	cr_assert_leq(w->n_reports, 16 + 2 + (unsigned)(clock_monotonic_ms() - begun_ms));
	end(w);
}

static int reports_into_a_jam(weir_work *work, weir_str input)
{
	struct world *w = (struct world *)work;

	w->refuse = -EAGAIN;
	cr_assert_eq(weir_work_report(work, "one"), 0);
	cr_assert_eq(weir_work_report(work, "two"), 0);
	w->refuse = 0;
	cr_assert_eq(w->n_reports, 0u);
	w->work.looked_us = 0;
	cr_assert_not(weir_work_unwanted(work));
	cr_assert_eq(w->n_reports, 1u);
	return 0;
}

Test(work, what_did_not_go_goes_later)
{
	struct world *w = begin();

	cr_assert_eq(run(w, reports_into_a_jam), 0);
	cr_assert_eq(w->n_reports, 1u);
	cr_assert_str_eq(w->last, "two");
	end(w);
}

Test(work, says_when_nobody_reads_its_reports)
{
	struct world *w = begin();

	w->refuse = -EPIPE;
	cr_assert_eq(run(w, reports), -EPIPE);
	cr_assert_not(w->work.has_late);
	end(w);
}

/* ---- wanted or not */

static int asks_often(weir_work *work, weir_str input)
{
	for (int i = 0; i < 100000; i++)
		cr_assert_not(weir_work_unwanted(work));
	return 0;
}

Test(work, is_looked_after_once_a_millisecond)
{
	struct world *w = begin();
	int64_t begun_ms = clock_monotonic_ms();

	cr_assert_eq(run(w, asks_often), 0);
	cr_assert_geq(w->n_looks, 1u);
	cr_assert_leq(w->n_looks, 2 + (unsigned)(clock_monotonic_ms() - begun_ms));
	end(w);
}

static int asks(weir_work *work, weir_str input)
{
	return weir_work_unwanted(work) ? -ECANCELED : 0;
}

Test(work, is_not_wanted_any_more)
{
	struct world *w = begin();

	w->is_unwanted = true;
	cr_assert_eq(run(w, asks), -ECANCELED);
	w->is_unwanted = false;
	cr_assert_eq(run(w, asks), -ECANCELED, "once true it stays so");
	work_reset(&w->work);
	cr_assert_eq(run(w, asks), 0);
	end(w);
}

Test(work, is_not_wanted_behind_its_deadline)
{
	struct world *w = begin();

	cr_assert_eq(work_run(&w->work, asks, WEIR_STR(""), clock_monotonic_ms()), -ECANCELED);
	end(w);
}

/* ---- its children */

static int forks(weir_work *work, weir_str input)
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		/* It does not speak for us, and comes back from here as if it were us. */
		if (weir_work_report(work, "child") != -EPIPE || !weir_work_unwanted(work))
			return -EIO;
		return 0;
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

Test(work, a_child_of_it_is_nobody)
{
	struct world *w = begin();

	cr_assert_eq(run(w, forks), 0);
	cr_assert_eq(w->n_reports, 0u);
	end(w);
}

/* ---- whose it is */

static int complains(weir_work *work, weir_str input)
{
	weir_work_log(work, WEIR_LOG_WARN, "of %.*s: %.*s", WEIR_ARG(weir_work_request_id(work)),
		      WEIR_ARG(weir_work_traceparent(work)));
	return 0;
}

Test(work, knows_whose_it_is_until_it_is_reset)
{
	struct world *w = begin();

	w->work.request_id = WEIR_STR("abc-1");
	w->work.traceparent = WEIR_STR("00-trace");
	cr_assert_eq(run(w, complains), 0);
	cr_assert_str_eq(w->line, "4 of abc-1: 00-trace");
	work_reset(&w->work);
	cr_assert_eq(run(w, complains), 0);
	cr_assert_str_eq(w->line, "4 of : ");
	end(w);
}

static int says_too_much(weir_work *work, weir_str input)
{
	weir_work_log(work, WEIR_LOG_ERROR, "%1500d", 1);
	return 0;
}

Test(work, cuts_what_is_too_long_for_a_line)
{
	struct world *w = begin();

	cr_assert_eq(run(w, says_too_much), 0);
	cr_assert_eq(strlen(w->line), 2 + WORK_LOG_MAX - 1);
	end(w);
}
