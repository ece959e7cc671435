#ifndef WEIR_DAEMON_SERVICE_KEEPER_H
#define WEIR_DAEMON_SERVICE_KEEPER_H
/*
 * service_keeper.h - the master's word to the service manager (sd_notify(3)): ready,
 * reloading, stopping, how many workers there are, and its watchdog, which is fed only
 * while the loops of all workers turn. Does nothing where nobody asked to be told.
 */
#include <stdbool.h>
#include <stdint.h>

struct log;
struct worker_lags;
struct worker_slot;

#define SERVICE_KEEPER_STATUS 700

struct service_keeper {
	const struct log *log; /* borrowed */
	int64_t watchdog_ms;   /* it must be fed that often; 0: there is none */
	int64_t feed_ms;       /* when it is fed next; INT64_MAX: never */
	unsigned n_inherited;  /* sockets, from descriptor 3 on: see inherited.h */
	bool is_starved;       /* a loop does not turn: said once */
	bool is_ready, is_reloading, is_stopping;
	char where[512];		    /* what is listened on */
	char status[SERVICE_KEEPER_STATUS]; /* sent last */
};

/* From the environment, at now_ms. */
void service_keeper_init(struct service_keeper *k, const struct log *log, int64_t now_ms);

/* Serving on all these addresses: at first, and when a reload is over. */
void service_keeper_ready(struct service_keeper *k, const char *where);
/* Until service_keeper_ready(). now_us is the monotonic clock. */
void service_keeper_reloading(struct service_keeper *k, int64_t now_us);
/* What is in flight has so long. */
void service_keeper_stopping(struct service_keeper *k, int64_t grace_ms);

/* What is due: the status if it has changed, the watchdog's food. */
void service_keeper_tick(struct service_keeper *k, int64_t now_ms, const struct worker_slot *slots,
			 unsigned n_slots, const struct worker_lags *lags);
int64_t service_keeper_next_ms(const struct service_keeper *k);

/* In a child: it, and what it starts, is not the service. */
void service_keeper_forget(const struct service_keeper *k);

#endif
