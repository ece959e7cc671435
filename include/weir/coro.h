#ifndef WEIR_CORO_H
#define WEIR_CORO_H
/*
 * weir/coro.h - tasks, groups, deadlines, futures, channels.
 *
 * A task never outlives the block that opened its group:
 *
 *	static int twice(void *arg)
 *	{
 *		int *n = arg, r = weir_sleep(10);
 *
 *		*n *= 2;
 *		return r;
 *	}
 *
 *	static int both(int *a, int *b)
 *	{
 *		int r;
 *
 *		{
 *			WEIR_GROUP(g, WEIR_ALL);
 *			weir_spawn(g, twice, a);
 *			weir_spawn(g, twice, b);
 *			r = weir_join(g);
 *		}	<- however this block is left, both calls of twice() have returned
 *		return r;
 *	}
 *
 * So what a task works on may live on its parent's stack, as long as it is
 * declared before the group. Never jump over a WEIR_GROUP (a switch case, a
 * goto), never longjmp or throw out of one.
 *
 * Cancelling a task cancels the groups it has open, all the way down. A
 * cancelled task keeps running: every suspending call it makes returns
 * -ECANCELED at once, and it is expected to clean up and return. A task that
 * does not, or that goes on calling after its deadline, is slowed down, more
 * with every call, and the log tells its name.
 *
 * An operation that has completed returns its result even if the task was
 * cancelled or its deadline passed meanwhile; the next one fails. weir_ws_send
 * and weir_chan_send have taken the whole item or nothing. weir_ws_recv,
 * weir_body_next, weir_sub_next and weir_chan_recv lose nothing: call again. A
 * weir_write cut short breaks the response. A weir_lock that failed does not
 * hold. Sends and locks of several tasks queue in call order, never mixed.
 *
 * All of this belongs to one worker, and to one thread of it: apart from
 * weir_future_set and weir_offload_unwanted, nothing here may be called from
 * another. What suspends may be called in tasks only; in a library's callback,
 * say, it returns -EDEADLK.
 *
 * A task has 128 KiB of stack (an option). What needs more ends the worker,
 * and the log says which task it was: large buffers belong elsewhere.
 */
#include <weir/base.h>

/* clang, and C++, refuse to jump over a WEIR_GROUP by themselves; weir.pc asks gcc to do so in C. */
#if defined(WEIR_REFUSE_JUMPS) && defined(__GNUC__) && !defined(__clang__) && !defined(__cplusplus)
#pragma GCC diagnostic error "-Wjump-misses-init"
#endif

WEIR_BEGIN

typedef struct weir_group weir_group;
typedef struct weir_task weir_task;
typedef int weir_fn(void *arg);

typedef enum weir_mode {
	WEIR_ALL,   /* the first error cancels the rest; join: 0 or that error */
	WEIR_FIRST, /* the first to return, either way, cancels the rest; join: what it returned */
	WEIR_EACH,  /* nobody cancels anybody; collect with weir_next; join: 0 */
} weir_mode;

#define WEIR_GROUP(g, mode) \
	weir_group *g __attribute__((cleanup(weir_group_leave))) = weir_group_enter((mode))

/* Never NULL: without memory it is a group whose join says -ENOMEM. */
WEIR_API weir_group *weir_group_enter(weir_mode mode);
/* Cancels what still runs and waits for it, cancelled or not. WEIR_GROUP calls it for you. */
WEIR_API void weir_group_leave(weir_group **g);

/*
 * weir_spawn(weir_group *g, weir_fn *fn, void *arg) -> weir_task *
 *
 * Queues fn(arg): it begins when this task next suspends. Any task of the
 * worker may spawn in a group, not only its owner. fn inherits the deadlines,
 * shields and locals in force here, and request memory from its group: that
 * of the block that the group was opened in.
 *
 * NULL when fn will not be called. In a group already cancelled it never is;
 * otherwise that is an error of the group, which weir_join reports: -ENOMEM,
 * or -EAGAIN where max_tasks (an option) are alive already, in WEIR_EACH alive
 * or not yet collected. With a handle, fn is called exactly once, even if the
 * task is cancelled before its turn comes.
 *
 * The handle is valid until the block ends; in WEIR_EACH, until the weir_next
 * after the one that returned it. So a group that lives for long and spawns
 * again and again is a WEIR_EACH, and collects.
 */
#define weir_spawn(g, fn, arg) weir_spawn_at((g), (fn), (arg), #fn " (" WEIR_HERE ")")
#define WEIR_HERE __FILE__ ":" WEIR_TEXT(__LINE__)
#define WEIR_TEXT(x) WEIR_TEXT_(x)
#define WEIR_TEXT_(x) #x
/* name, for logs, is borrowed for good. */
WEIR_API weir_task *weir_spawn_at(weir_group *g, weir_fn *fn, void *arg, const char *name);

/*
 * Waits for all. When it returns, whatever it returns, no task of the group is
 * running: if the waiting itself is cancelled or timed out, so are the tasks.
 * A task's -ECANCELED after it or its group was cancelled is no error. Only
 * the task that opened the group may wait: -EDEADLK for others.
 */
WEIR_API WEIR_SUSPENDS int weir_join(weir_group *g);
/*
 * The next task to finish, in the order they finish: 1 and the task, or 0 when
 * none is left. -ECANCELED and -ETIMEDOUT only end this call: the tasks of a
 * group whose next timed out run on.
 */
WEIR_API WEIR_SUSPENDS int weir_next(weir_group *g, weir_task **ret_task);

/*
 * These take NULL. An error that nobody has seen, by join, next or result,
 * when the block ends, is logged with the place of its weir_spawn.
 */
/* -EINPROGRESS before it has returned; -ESRCH for NULL. */
WEIR_API int weir_task_result(const weir_task *t);
WEIR_API void *weir_task_arg(const weir_task *t);
WEIR_API void weir_cancel(weir_task *t);

/* fn(&items[0]) ... fn(&items[n - 1]), at once; 0, or the first error. */
#define weir_gather(fn, items, n) \
	weir_gather_sized((fn), (items), (n), sizeof *(items), #fn " (" WEIR_HERE ")")
WEIR_API WEIR_SUSPENDS int weir_gather_sized(weir_fn *fn, void *items, size_t n, size_t stride,
					     const char *name);

typedef enum weir_reason {
	WEIR_RUNNING,	 /* not cancelled */
	WEIR_DISCONNECT, /* the client went away */
	WEIR_SHUTDOWN,	 /* this worker is stopping */
	WEIR_SIBLING,	 /* another task of the group decided the matter */
	WEIR_EXPLICIT,	 /* weir_cancel, or the group's block was left, or its join timed out */
} weir_reason;
/* Of the running task: the first one; also inside a shield, where it does not count yet. */
WEIR_API weir_reason weir_cancel_reason(void);

/*
 * r = weir_within(800, weir_fetch(...));	at most 800 ms, else -ETIMEDOUT
 * r = weir_shielded(500, undo(order));	runs although cancelled, 500 ms at most
 *
 * Both hold for every suspending call inside, and for tasks spawned inside;
 * the call must be an expression of type int. Nested deadlines: the nearer
 * wins, and weir_deadline_passed() tells whether an outer one is over: a loop
 * around weir_within must ask it. With 0 ms or less the time is over at once,
 * and nothing is tried. A shield answers to its own limit (-ETIMEDOUT then),
 * and to the worker's grace when it stops; deadlines around it do not count in
 * it. What is cancelled inside a shield, by a sibling or when a group of its
 * own is left, is cancelled.
 */
#define weir_within(ms, call) (weir_deadline_push(ms), weir_deadline_pop(call))
#define weir_shielded(ms, call) (weir_shield_push(ms), weir_shield_pop(call))
WEIR_API void weir_deadline_push(int64_t ms);
WEIR_API WEIR_MUST_USE int weir_deadline_pop(int result);
WEIR_API bool weir_deadline_passed(void);
WEIR_API void weir_shield_push(int64_t ms);
WEIR_API WEIR_MUST_USE int weir_shield_pop(int result);

/* Monotonic; read once a turn of the loop, so it stands still between two suspending calls. */
WEIR_API int64_t weir_now_ms(void);
/* 0 when the time is over, also if a deadline ends with it. With 0 ms or less, weir_yield. */
WEIR_API WEIR_SUSPENDS int weir_sleep(int64_t ms);
/* Lets every task run that is ready. */
WEIR_API WEIR_SUSPENDS int weir_yield(void);

/*
 * For other libraries' sockets: waits for POLLIN/POLLOUT; returns what is
 * ready. Any number of tasks may wait for one descriptor. It must stay open
 * meanwhile; -EBADF, and -EINVAL for other events.
 */
WEIR_API WEIR_SUSPENDS int weir_wait_fd(int fd, int events);

/*
 * Blocking C, awaited: fn(arg) runs on one of the worker's threads, and other
 * tasks run meanwhile. Files have calls of their own: weir/file.h. Names, say:
 *
 *	#include <netdb.h>
 *
 *	struct lookup {
 *		const char *host;
 *		struct addrinfo *found;
 *	};
 *
 *	static int look_up(void *arg)
 *	{
 *		struct lookup *l = arg;
 *
 *		return getaddrinfo(l->host, NULL, NULL, &l->found) == 0 ? 0 : -EHOSTUNREACH;
 *	}
 *
 *	static int print_host(struct lookup *l)
 *	{
 *		int r = weir_within(2000, weir_offload(look_up, l));
 *
 *		if (r < 0)
 *			return r;
 *		freeaddrinfo(l->found);
 *		return 0;
 *	}
 *
 * Returns what fn returned, whenever fn was called: so who gets a 0 here has
 * something to free. A task that is cancelled, or whose time is over, while
 * fn still waits for a thread gets -ECANCELED or -ETIMEDOUT at once, and fn
 * is never called. While fn runs nothing can be given up, since arg may be on
 * this stack: the task waits on, weir_offload_unwanted() turns true, and it is
 * the next suspending call that fails. The other errors for which fn is not
 * called: -EAGAIN where no thread can be started, -ENOMEM. (A fn that
 * returns one of these itself cannot be told apart.)
 *
 * There are few threads (`threads`, an option: 4), and calls wait in a queue
 * for them, in their order; nothing but max_tasks limits it. What may hang, or
 * computes for long, belongs elsewhere, as fn can be killed only with its worker.
 * fn has 512 KiB of stack, and all signals are blocked but those of crashes.
 * In virtual time (weir/test.h) the clock stands still until it has returned.
 */
WEIR_API WEIR_SUSPENDS int weir_offload(weir_fn *fn, void *arg);
/* For fn, as often as it likes: nobody needs the result any more. False outside of such calls. */
WEIR_API bool weir_offload_unwanted(void);

/*
 * A result that arrives by a callback. Born with two references, the waiter's
 * and the setter's, so that neither has to outlive the other.
 */
typedef struct weir_future weir_future;
/* In a worker's thread; NULL without memory. */
WEIR_API weir_future *weir_future_new(void);
/*
 * From any thread; once, else -EALREADY. Gives the setter's reference back, so
 * a second call is safe only as long as the waiter's is held. Who will never
 * have a result sets an error.
 */
WEIR_API int weir_future_set(weir_future *f, int result);
/* What was set, as often as it is asked. -EBUSY while another task waits for it. */
WEIR_API WEIR_SUSPENDS int weir_future_await(weir_future *f);
/* Gives the waiter's reference back, set or not. */
WEIR_API void weir_future_drop(weir_future *f);

/* Bounded queue of items of one size, counted by references: may outlive its request. */
typedef struct weir_chan weir_chan;
/* One reference. With capacity 0 a sender waits for its receiver. NULL: no memory. */
WEIR_API weir_chan *weir_chan_open(size_t item_size, size_t capacity);
WEIR_API weir_chan *weir_chan_ref(weir_chan *ch);
WEIR_API void weir_chan_unref(weir_chan *ch);
#define weir_chan_send(ch, item) weir_chan_send_sized((ch), (item), sizeof *(item))
#define weir_chan_recv(ch, item) weir_chan_recv_sized((ch), (item), sizeof *(item))
/* Copies the item; -EPIPE once closed, -EINVAL for another size than the channel's. */
WEIR_API WEIR_SUSPENDS int weir_chan_send_sized(weir_chan *ch, const void *item, size_t size);
/* 1 and an item; 0 once closed and empty. */
WEIR_API WEIR_SUSPENDS int weir_chan_recv_sized(weir_chan *ch, void *ret_item, size_t size);
/* What is in it can still be received; who waits to send gets -EPIPE. */
WEIR_API void weir_chan_close(weir_chan *ch);

/* Needed only to hold something across a suspending call. Start from {0}. */
typedef struct weir_mutex {
	void *_private[3];
} weir_mutex;
/* -EDEADLK when this task holds it already. */
WEIR_API WEIR_SUSPENDS int weir_lock(weir_mutex *m);
/* By the task that holds it. Hands it to who has waited longest. */
WEIR_API void weir_unlock(weir_mutex *m);

typedef struct weir_sem {
	void *_private[4];
} weir_sem;
WEIR_API void weir_sem_init(weir_sem *s, unsigned count);
WEIR_API WEIR_SUSPENDS int weir_sem_take(weir_sem *s);
/* From callbacks as well. */
WEIR_API void weir_sem_give(weir_sem *s);

/*
 * Follows the task and what it spawns: a request id for logs of code far below.
 * A task begins with its spawner's values and from then on has its own. The
 * values are borrowed. A key is for good: make it in startup().
 */
typedef struct weir_local weir_local;
WEIR_API weir_local *weir_local_new(void);
/* -ENOMEM; -EDEADLK outside of tasks. */
WEIR_API int weir_local_set(weir_local *key, void *value);
WEIR_API void *weir_local_get(const weir_local *key);

/*
 * An ordinary program: makes a loop, runs fn as its first task, returns what it
 * returned. -ENOMEM; -EBUSY inside a worker or another weir_run.
 */
WEIR_API int weir_run(weir_fn *fn, void *arg);

WEIR_END
#endif
