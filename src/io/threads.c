/*
 * threads.c - a queue under a lock, and the loop's posts for the way back. A
 * call is in the queue, or a thread's, or posted: what it points to is only
 * touched by who has it, so nothing of it needs to be locked but the link.
 *
 * The hard thing is the end: a post belongs to the loop until it has run, so
 * threads are joined first, and then the loop is made to take its posts.
 */
#include "io/threads.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/slice.h"

struct threads {
	struct loop *loop; /* borrowed */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct list queue; /* struct thread_call */
	size_t n_queued;
	unsigned n_idle; /* threads that wait for a call, or have been woken and not yet run */
	bool is_ending;

	/* of the loop's thread */
	unsigned n_threads, max;
	int nice_value;
	pthread_t ids[];
};

/* What this thread is doing: fn has no other way to ask about itself. */
static _Thread_local struct thread_call *thread_call_here;

static void on_post(struct loop_post *post)
{
	struct thread_call *call = container_of(post, struct thread_call, post);

	loop_release(call->threads->loop);
	call->done(call);
}

/* NULL: it is over. */
static struct thread_call *next_call(struct threads *t)
{
	struct thread_call *call = NULL;
	struct list *link;

	(void)pthread_mutex_lock(&t->lock);
	t->n_idle++;
	while (list_is_empty(&t->queue) && !t->is_ending)
		(void)pthread_cond_wait(&t->wake, &t->lock);
	t->n_idle--;
	link = list_pop(&t->queue);
	if (link) {
		t->n_queued--;
		call = list_entry(link, struct thread_call, link);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return call;
}

static void *thread_main(void *arg)
{
	struct threads *t = arg;
	struct thread_call *call;

	if (t->nice_value > 0)
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), t->nice_value);
	/* The loop goes first; but who stands back anyway yields, and pays for that with a slice each time. */
	(void)slice_set_us(t->nice_value > 0 ? SLICE_SHORT_US : SLICE_LONG_US);
	while ((call = next_call(t))) {
		thread_call_here = call;
		call->result = call->fn(call->arg);
		thread_call_here = NULL;
		/* From here on it is the loop's, and may be gone. */
		loop_post(t->loop, &call->post);
	}
	return NULL;
}

/* All signals are for the loop's thread; but those of a crash come to who has crashed. */
static void block_signals(sigset_t *ret_before)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	sigset_t all;

	(void)sigfillset(&all);
	for (size_t i = 0; i < ARRAY_LEN(crashes); i++)
		(void)sigdelset(&all, crashes[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, ret_before);
}

static void add_thread(struct threads *t)
{
	pthread_attr_t attr;
	sigset_t before;

	if (pthread_attr_init(&attr) != 0)
		return;
	(void)pthread_attr_setstacksize(&attr, THREADS_STACK);
	block_signals(&before);
	if (pthread_create(&t->ids[t->n_threads], &attr, thread_main, t) == 0) {
		(void)pthread_setname_np(t->ids[t->n_threads], "weir:thread");
		t->n_threads++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
}

int threads_new(struct loop *loop, unsigned max, int nice_value, struct threads **ret_threads)
{
	struct threads *t = calloc(1, sizeof(*t) + max * sizeof(t->ids[0]));

	if (!t)
		return -ENOMEM;
	assert(max > 0);
	t->loop = loop;
	t->max = max;
	t->nice_value = nice_value;
	list_init(&t->queue);
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->wake, NULL);
	*ret_threads = t;
	return 0;
}

struct threads *threads_free(struct threads *t)
{
	if (!t)
		return NULL;
	(void)pthread_mutex_lock(&t->lock);
	t->is_ending = true;
	(void)pthread_cond_broadcast(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->n_threads; i++)
		(void)pthread_join(t->ids[i], NULL);
	loop_take_posts(t->loop);
	assert(list_is_empty(&t->queue));
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
	return NULL;
}

/* Are there more calls than threads that will look for one? */
static bool is_short(struct threads *t)
{
	bool is;

	(void)pthread_mutex_lock(&t->lock);
	is = t->n_queued >= t->n_idle;
	(void)pthread_mutex_unlock(&t->lock);
	return is;
}

int threads_start(struct threads *t, struct thread_call *call)
{
	if (t->is_ending)
		return -ESHUTDOWN;
	call->threads = t;
	call->post.run = on_post;
	atomic_init(&call->is_unwanted, false);

	if (t->n_threads < t->max && is_short(t))
		add_thread(t);
	if (t->n_threads == 0)
		return -EAGAIN;

	loop_hold(t->loop);
	(void)pthread_mutex_lock(&t->lock);
	list_add_tail(&t->queue, &call->link);
	t->n_queued++;
	(void)pthread_cond_signal(&t->wake);
	(void)pthread_mutex_unlock(&t->lock);
	return 0;
}

bool threads_take_back(struct thread_call *call)
{
	struct threads *t = call->threads;
	bool is_queued;

	(void)pthread_mutex_lock(&t->lock);
	is_queued = !list_is_empty(&call->link);
	if (is_queued) {
		list_del(&call->link);
		t->n_queued--;
	}
	(void)pthread_mutex_unlock(&t->lock);
	if (is_queued)
		loop_release(t->loop);
	return is_queued;
}

void threads_say_unwanted(struct thread_call *call)
{
	atomic_store(&call->is_unwanted, true);
}

bool threads_is_unwanted(void)
{
	struct thread_call *call = thread_call_here;

	return call && atomic_load(&call->is_unwanted);
}

unsigned threads_n_idle(struct threads *t)
{
	unsigned n;

	(void)pthread_mutex_lock(&t->lock);
	n = t->n_idle;
	(void)pthread_mutex_unlock(&t->lock);
	return n;
}
