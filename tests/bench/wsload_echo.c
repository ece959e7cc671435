/*
 * wsload_echo.c - each session has one batch on its way. The last batches are
 * waited for, so that every message that was sent is known to have come back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "ws_session.h"
#include "wsload.h"

static bool may_send(const struct load *l)
{
	const struct plan *plan = &l->plan;

	if (plan->n_messages > 0)
		return l->n_sent < (uint64_t)plan->n_messages;
	return l->now_ns < l->started_ns + plan->seconds * 1000000000;
}

static int send_batch(struct load *l, struct session *s)
{
	const struct batch *batch = &l->batches[wsload_turn(l, s->n_sent)];

	s->since_ns = l->now_ns;
	s->n_sent += (uint64_t)l->plan.at_once;
	l->n_sent += (uint64_t)l->plan.at_once;
	return ws_session_send(s, batch->frames, batch->len);
}

static int on_echo(struct load *l, struct session *s, const char *text, size_t len)
{
	int r;

	r = wsload_compare(l, s, text, len, s->n_sent);
	if (r < 0 || s->n_got < s->n_sent)
		return r;
	l->now_ns = gauge_now_ns();
	gauge_count(&l->gauge, l->now_ns - s->since_ns);
	l->n_rounds++;
	return may_send(l) ? send_batch(l, s) : 0;
}

int wsload_echo(struct load *l)
{
	int64_t end_ns;
	int r;

	r = wsload_open(l, l->plan.n_sessions);
	if (r < 0)
		return r;

	l->on_message = on_echo;
	wsload_start(l);
	for (long i = 0; i < l->plan.n_sessions && may_send(l); i++) {
		r = send_batch(l, &l->sessions[i]);
		if (r < 0)
			return r;
	}
	end_ns = l->started_ns + (l->plan.seconds + l->plan.patience_s) * 1000000000;
	while (l->n_done < l->n_sent) {
		r = wsload_wait(l, 1000);
		if (r < 0)
			return r;
		l->now_ns = gauge_now_ns();
		if (l->now_ns > end_ns) {
			fprintf(stderr, "%" PRIu64 " of %" PRIu64 " messages came back\n",
				l->n_done, l->n_sent);
			return -ETIMEDOUT;
		}
	}
	return 0;
}
