/*
 * coro_api.c - the weir_ names of what coro/ does: casts, and the promise that
 * the public numbers and sizes are coro/'s.
 */
#include <weir/coro.h>

#include <errno.h>
#include <stdalign.h>

#include "base/log.h"
#include "base/trace.h"
#include "coro/chan.h"
#include "coro/deadline.h"
#include "coro/future.h"
#include "coro/group.h"
#include "coro/local.h"
#include "coro/mutex.h"
#include "coro/offload.h"
#include "coro/sched.h"
#include "coro/sem.h"
#include "coro/task.h"
#include "coro/wait.h"
#include "coro/wait_fd.h"
#include "io/loop.h"

_Static_assert((int)WEIR_ALL == GROUP_ALL, "mode");
_Static_assert((int)WEIR_FIRST == GROUP_FIRST, "mode");
_Static_assert((int)WEIR_EACH == GROUP_EACH, "mode");
_Static_assert((int)WEIR_RUNNING == REASON_NONE, "reason");
_Static_assert((int)WEIR_DISCONNECT == REASON_DISCONNECT, "reason");
_Static_assert((int)WEIR_SHUTDOWN == REASON_SHUTDOWN, "reason");
_Static_assert((int)WEIR_SIBLING == REASON_SIBLING, "reason");
_Static_assert((int)WEIR_EXPLICIT == REASON_EXPLICIT, "reason");
_Static_assert(sizeof(struct mutex) <= sizeof(weir_mutex), "room for a mutex");
_Static_assert(alignof(struct mutex) <= alignof(weir_mutex), "aligned for a mutex");
_Static_assert(sizeof(struct sem) <= sizeof(weir_sem), "room for a sem");
_Static_assert(alignof(struct sem) <= alignof(weir_sem), "aligned for a sem");

weir_group *weir_group_enter(weir_mode mode)
{
	return (weir_group *)group_enter((enum group_mode)mode);
}

void weir_group_leave(weir_group **g)
{
	group_leave((struct group *)*g);
}

weir_task *weir_spawn_at(weir_group *g, weir_fn *fn, void *arg, const char *name)
{
	return (weir_task *)group_spawn((struct group *)g, fn, arg, name);
}

int weir_join(weir_group *g)
{
	return trace_keep(group_join((struct group *)g));
}

int weir_next(weir_group *g, weir_task **ret_task)
{
	struct group_child *child;
	int r;

	r = group_next((struct group *)g, &child);
	if (r == 1)
		*ret_task = (weir_task *)child;
	return r;
}

int weir_task_result(const weir_task *t)
{
	/* const for the caller: only that it has been looked at is noted. */
	return group_child_result((struct group_child *)(uintptr_t)t);
}

void *weir_task_arg(const weir_task *t)
{
	return group_child_arg((const struct group_child *)t);
}

void weir_cancel(weir_task *t)
{
	group_child_cancel((struct group_child *)t);
}

int weir_gather_sized(weir_fn *fn, void *items, size_t n, size_t stride, const char *name)
{
	return trace_keep(group_gather(fn, items, n, stride, name));
}

weir_reason weir_cancel_reason(void)
{
	const struct task *t = task_current();

	return t ? (weir_reason)task_reason(t) : WEIR_RUNNING;
}

void weir_deadline_push(int64_t ms)
{
	deadline_push(ms);
}

int weir_deadline_pop(int result)
{
	return deadline_pop(result);
}

bool weir_deadline_passed(void)
{
	return deadline_has_passed();
}

void weir_shield_push(int64_t ms)
{
	deadline_push_shield(ms);
}

int weir_shield_pop(int result)
{
	return deadline_pop_shield(result);
}

int64_t weir_now_ms(void)
{
	return sched_now_ms();
}

int weir_sleep(int64_t ms)
{
	return trace_keep(wait_sleep(ms));
}

int weir_yield(void)
{
	return trace_keep(wait_yield());
}

int weir_wait_fd(int fd, int events)
{
	return trace_keep(wait_fd(fd, events));
}

int weir_offload(weir_fn *fn, void *arg)
{
	return trace_keep(offload(fn, arg));
}

bool weir_offload_unwanted(void)
{
	return offload_is_unwanted();
}

weir_future *weir_future_new(void)
{
	return (weir_future *)future_new();
}

int weir_future_set(weir_future *f, int result)
{
	return future_set((struct future *)f, result);
}

int weir_future_await(weir_future *f)
{
	return trace_keep(future_await((struct future *)f));
}

void weir_future_drop(weir_future *f)
{
	future_drop((struct future *)f);
}

weir_chan *weir_chan_open(size_t item_size, size_t capacity)
{
	return (weir_chan *)chan_open(item_size, capacity);
}

weir_chan *weir_chan_ref(weir_chan *ch)
{
	return (weir_chan *)chan_ref((struct chan *)ch);
}

void weir_chan_unref(weir_chan *ch)
{
	chan_unref((struct chan *)ch);
}

int weir_chan_send_sized(weir_chan *ch, const void *item, size_t size)
{
	return trace_keep(chan_send((struct chan *)ch, item, size));
}

int weir_chan_recv_sized(weir_chan *ch, void *ret_item, size_t size)
{
	return trace_keep(chan_recv((struct chan *)ch, ret_item, size));
}

void weir_chan_close(weir_chan *ch)
{
	chan_close((struct chan *)ch);
}

int weir_lock(weir_mutex *m)
{
	return trace_keep(mutex_lock((struct mutex *)m));
}

void weir_unlock(weir_mutex *m)
{
	mutex_unlock((struct mutex *)m);
}

void weir_sem_init(weir_sem *s, unsigned count)
{
	sem_setup((struct sem *)s, count);
}

int weir_sem_take(weir_sem *s)
{
	return trace_keep(sem_take((struct sem *)s));
}

void weir_sem_give(weir_sem *s)
{
	sem_give((struct sem *)s);
}

weir_local *weir_local_new(void)
{
	return (weir_local *)local_new();
}

int weir_local_set(weir_local *key, void *value)
{
	return local_set((const struct local *)key, value);
}

void *weir_local_get(const weir_local *key)
{
	return local_get((const struct local *)key);
}

struct program {
	struct task_spec spec;
	struct loop *loop;
	int result;
};

static void on_program_done(struct task_spec *spec, int result)
{
	struct program *program = container_of(spec, struct program, spec);

	program->result = result;
	loop_stop(program->loop);
}

int weir_run(weir_fn *fn, void *arg)
{
	struct log log;
	struct sched_opts opts = { .log = &log };
	_cleanup_(loop_freep) struct loop *loop = NULL;
	_cleanup_(sched_freep) struct sched *sched = NULL;
	struct program program = {
		.spec = { .fn = fn, .arg = arg, .name = "main", .done = on_program_done }
	};
	struct task *task;
	int r;

	log_init(&log, 2, LOG_AT_NOTICE);
	r = loop_new(&loop);
	if (r < 0)
		return r;
	r = sched_new(loop, &opts, &sched);
	if (r < 0)
		return r;
	program.loop = loop;
	r = task_start(sched, &program.spec, &task);
	if (r < 0)
		return r;
	if (task)
		loop_run(loop);
	return program.result;
}
