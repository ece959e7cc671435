/*
 * wsload_idle.c - sessions that are just there, for somebody who measures the
 * server meanwhile and says over standard input how to go on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "ws_session.h"
#include "wsload.h"

#define MOST_UNANSWERED 64

/* What standard input says. */
enum order {
	ORDER_END,
	ORDER_ECHO, /* any line */
};

static int on_echo(struct load *l, struct session *s, const char *text, size_t len)
{
	return wsload_compare(l, s, text, len, s->n_sent);
}

/* Until at most so many messages are not back yet. */
static int wait_for_echoes(struct load *l, uint64_t n_unanswered)
{
	int64_t end_ns = gauge_now_ns() + l->plan.patience_s * 1000000000;
	int r;

	while (l->n_sent - l->n_done > n_unanswered) {
		r = wsload_wait(l, 1000);
		if (r < 0)
			return r;
		if (gauge_now_ns() > end_ns) {
			fprintf(stderr, "%llu messages did not come back\n",
				(unsigned long long)(l->n_sent - l->n_done));
			return -ETIMEDOUT;
		}
	}
	return 0;
}

static int echo_on_each(struct load *l)
{
	int r;

	for (long i = 0; i < l->plan.n_sessions; i++) {
		struct session *s = &l->sessions[i];
		const struct batch *batch = &l->batches[wsload_turn(l, s->n_sent)];

		s->n_sent += (uint64_t)l->plan.at_once;
		l->n_sent += (uint64_t)l->plan.at_once;
		r = ws_session_send(s, batch->frames, batch->len);
		if (r == 0)
			r = wait_for_echoes(l, MOST_UNANSWERED);
		if (r < 0)
			return r;
	}
	return wait_for_echoes(l, 0);
}

/*
 * Waits for both at once: the sessions' epoll is itself something to wait for.
 * Pings are answered, and a session that ends is noticed.
 */
static int wait_for_order(struct load *l, enum order *ret)
{
	int64_t end_ns = l->started_ns + l->plan.seconds * 1000000000;
	_cleanup_(close_fdp) int both = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	char line[64];
	int r;

	if (both < 0)
		return -errno;
	event.data.fd = l->epoll_fd;
	if (epoll_ctl(both, EPOLL_CTL_ADD, l->epoll_fd, &event) < 0)
		return -errno;
	event.data.fd = STDIN_FILENO;
	if (epoll_ctl(both, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0) {
		*ret = ORDER_END; /* a file or /dev/null: always at its end */
		return errno == EPERM ? 0 : -errno;
	}
	while (gauge_now_ns() < end_ns) {
		if (epoll_wait(both, &event, 1, 1000) < 1)
			continue;
		if (event.data.fd != STDIN_FILENO) {
			r = wsload_wait(l, 0);
			if (r < 0)
				return r;
			continue;
		}
		*ret = read(STDIN_FILENO, line, sizeof(line)) > 0 ? ORDER_ECHO : ORDER_END;
		return 0;
	}
	fprintf(stderr, "held for %ld seconds, and nobody said how to go on\n", l->plan.seconds);
	return -ETIMEDOUT;
}

int wsload_idle(struct load *l)
{
	enum order order = ORDER_END;
	int r;

	wsload_start(l);
	r = wsload_open(l, l->plan.n_sessions);
	if (r < 0)
		return r;
	l->on_message = on_echo;
	for (;;) {
		r = wait_for_order(l, &order);
		if (r < 0 || order == ORDER_END)
			break;
		r = echo_on_each(l);
		if (r < 0)
			break;
		wsload_say("echoed");
	}
	l->now_ns = gauge_now_ns();
	return r;
}
