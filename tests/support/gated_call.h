#ifndef WEIR_TESTS_GATED_CALL_H
#define WEIR_TESTS_GATED_CALL_H
/*
 * gated_call.h - a blocking call for tests of threads: it says that it has
 * begun, and ends when it is let, or, if it is asked to look, when it is unwanted.
 */
#include <criterion/criterion.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>

struct gated_call {
	sem_t begun, gate;
	bool (*is_unwanted)(void); /* NULL: it does not look */
	int result;
	int n_calls;
	bool was_unwanted;
};

static inline void gated_call_init(struct gated_call *g, int result)
{
	*g = (struct gated_call){ .result = result };
	cr_assert_eq(sem_init(&g->begun, 0, 0), 0);
	cr_assert_eq(sem_init(&g->gate, 0, 0), 0);
}

static inline void gated_call_done(struct gated_call *g)
{
	(void)sem_destroy(&g->begun);
	(void)sem_destroy(&g->gate);
}

static inline int gated_call_run(void *arg)
{
	struct gated_call *g = arg;

	g->n_calls++;
	(void)sem_post(&g->begun);
	if (!g->is_unwanted) {
		(void)sem_wait(&g->gate);
		return g->result;
	}
	while (!g->is_unwanted())
		(void)sched_yield();
	g->was_unwanted = true;
	return g->result;
}

/* Waits until it runs. */
static inline void gated_call_await(struct gated_call *g)
{
	(void)sem_wait(&g->begun);
}

static inline void gated_call_let(struct gated_call *g)
{
	(void)sem_post(&g->gate);
}

#endif
