#ifndef WEIR_DAEMON_HEALTH_H
#define WEIR_DAEMON_HEALTH_H
/*
 * health.h - how the daemon is, judged by memory that its processes share, so
 * that nobody need answer: a worker whose loop does not turn cannot. What that
 * does not tell, that somebody has stopped one that was idle, the kernel knows.
 */
#include <stdbool.h>
#include <stdint.h>

struct buf;
struct worker_board;
struct worker_lags;

enum health_question {
	HEALTH_ALIVE, /* /healthz: would starting it anew make it better? */
	HEALTH_READY, /* /readyz: should it be sent anybody now? */
};

/* All borrowed. */
struct health_view {
	const struct worker_board *board;
	const struct worker_lags *lags;
};

/* True: yes. Else the words say why not, a line for each reason; as many as there is memory for. */
bool health_check(const struct health_view *view, enum health_question question, int64_t now_us,
		  struct buf *words);

/* It serves, but for somebody who has stopped it: its loop may have had nothing to do then. */
bool health_is_stopped(const struct health_view *view, unsigned slot);
/* For how long a slot's worker has been stuck; 0: it is not. */
int64_t health_stuck_ms(const struct health_view *view, unsigned slot, int64_t now_us);

#endif
