#ifndef WEIR_TESTS_CORO_WORLD_H
#define WEIR_TESTS_CORO_WORLD_H
/*
 * coro_world.h - a virtual loop, a scheduler on it, and its log in memory. A
 * test starts root tasks, lets the loop run until nothing is left to do, and
 * looks at what has happened. One a test, and no two at once.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

struct world {
	struct loop *loop;
	struct sched *sched;
	struct log log;
	char text[4096];
};

struct root {
	struct task_spec spec;
	struct task *task;
	int result;
	bool is_done;
};

static inline void world_open_with(struct world *w, struct sched_opts opts)
{
	*w = (struct world){ .loop = NULL };
	log_init(&w->log, memfd_create("log", MFD_CLOEXEC), LOG_AT_DEBUG);
	w->log.has_time = false;
	cr_assert_geq(w->log.fd, 0);
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	opts.log = &w->log;
	cr_assert_eq(sched_new(w->loop, &opts, &w->sched), 0);
}

static inline void world_open(struct world *w)
{
	world_open_with(w, (struct sched_opts){ .stack_size = 0 });
}

static inline void world_close(struct world *w)
{
	w->sched = sched_free(w->sched);
	w->loop = loop_free(w->loop);
	(void)close(w->log.fd);
}

/* Milliseconds since the world began. */
static inline int64_t world_now(const struct world *w)
{
	return loop_now_ms(w->loop) - 1000;
}

/* All that was logged; good until the next call. */
static inline const char *world_log(struct world *w)
{
	ssize_t n = pread(w->log.fd, w->text, sizeof(w->text) - 1, 0);

	w->text[n > 0 ? n : 0] = '\0';
	return w->text;
}

static inline void on_root_done(struct task_spec *spec, int result)
{
	struct root *root = container_of(spec, struct root, spec);

	root->result = result;
	root->is_done = true;
	root->task = NULL;
}

static inline void root_start(struct world *w, struct root *root, const char *name,
			      int (*fn)(void *arg), void *arg)
{
	*root = (struct root){
		.spec = { .fn = fn, .arg = arg, .name = name, .done = on_root_done, .user = root }
	};
	cr_assert_eq(task_start(w->sched, &root->spec, &root->task), 0);
}

/* Runs fn as a root task until nothing is left to do; it must have returned by then. */
static inline int world_run(struct world *w, int (*fn)(void *arg), void *arg)
{
	struct root root;

	root_start(w, &root, "test", fn, arg);
	if (!root.is_done)
		loop_run(w->loop);
	cr_assert(root.is_done, "the task never returned");
	return root.result;
}

#endif
