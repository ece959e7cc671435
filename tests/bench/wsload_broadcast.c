/*
 * wsload_broadcast.c - a room: one more session sends, all the others listen.
 * The messages are numbered, and each listener must get each of them, in
 * order; the next round begins when the last one has. What the sender itself
 * gets does not count, for not every room talks back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ws_session.h"
#include "wsload.h"

#define DIGITS 8

static int on_message(struct load *l, struct session *s, const char *text, size_t len)
{
	if (s->number == (uint32_t)l->plan.n_sessions)
		return 0;
	return wsload_compare(l, s, text, len, l->n_sent);
}

static int send_round(struct load *l)
{
	const struct plan *plan = &l->plan;
	size_t turn = wsload_turn(l, l->n_sent);
	char *text = l->text + (long)turn * plan->at_once * plan->size;
	char digits[32];
	int r;

	for (long i = 0; i < plan->at_once; i++) {
		(void)snprintf(digits, sizeof(digits), "%08" PRIu64,
			       (l->n_sent + (uint64_t)i) % 100000000);
		memcpy(text + i * plan->size, digits, DIGITS);
	}
	r = ws_session_write_batch(l, turn);
	if (r < 0)
		return r;
	l->n_sent += (uint64_t)plan->at_once;
	return ws_session_send(&l->sessions[plan->n_sessions], l->batches[turn].frames,
			       l->batches[turn].len);
}

/* Says who misses what. */
static int give_up(const struct load *l)
{
	long n_short = 0;

	for (long i = 0; i < l->plan.n_sessions; i++)
		n_short += l->sessions[i].n_got < l->n_sent;
	fprintf(stderr, "%ld of %ld sessions did not get all of %" PRIu64 " messages\n", n_short,
		l->plan.n_sessions, l->n_sent);
	return -ETIMEDOUT;
}

static int run_round(struct load *l)
{
	int64_t since_ns = gauge_now_ns();
	uint64_t n_wanted;
	int r;

	r = send_round(l);
	if (r < 0)
		return r;
	n_wanted = l->n_sent * (uint64_t)l->plan.n_sessions;
	while (l->n_done < n_wanted) {
		r = wsload_wait(l, 1000);
		if (r < 0)
			return r;
		l->now_ns = gauge_now_ns();
		if (l->now_ns > since_ns + l->plan.patience_s * 1000000000)
			return give_up(l);
	}
	gauge_count(&l->gauge, l->now_ns - since_ns);
	l->n_rounds++;
	return 0;
}

int wsload_broadcast(struct load *l)
{
	const struct plan *plan = &l->plan;
	int64_t end_ns;
	int r;

	if (plan->size < DIGITS) {
		fprintf(stderr, "a broadcast has at least %d bytes\n", DIGITS);
		return -EINVAL;
	}
	r = wsload_open(l, plan->n_sessions + 1);
	if (r < 0)
		return r;
	l->on_message = on_message;
	wsload_start(l);
	end_ns = l->started_ns + plan->seconds * 1000000000;
	do {
		r = run_round(l);
	} while (r == 0 && l->now_ns < end_ns &&
		 (plan->n_messages == 0 || l->n_sent < (uint64_t)plan->n_messages));
	return r;
}
