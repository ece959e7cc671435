#ifndef WEIR_TESTS_PIPE_SEEN_H
#define WEIR_TESTS_PIPE_SEEN_H
/* pipe_seen.h - what the owner of a pipe is told, for tests that have its other end. */
#include <criterion/criterion.h>

#include "io/loop.h"

struct pipe_seen {
	unsigned n_messages, n_closed;
	int error; /* of the last end */
};

static inline void pipe_seen_end(struct pipe_seen *seen, int error)
{
	seen->n_closed++;
	seen->error = error;
}

/* It has ended, once, and so. */
static inline void pipe_seen_check_end(const struct pipe_seen *seen, int error)
{
	cr_assert_eq(seen->n_closed, 1u);
	cr_assert_eq(seen->error, error);
}

/* As many as whatever is on its way needs. */
static inline void pipe_seen_turns(struct loop *loop)
{
	for (unsigned i = 0; i < 20; i++)
		loop_turn(loop, false);
}

#endif
