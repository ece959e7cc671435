/*
 * service_keeper.c - see service_keeper.h. The watchdog is of the whole service: who starves it
 * is killed with all the others. So it waits long for a loop that is held (half of WatchdogSec=
 * before it is fed no more), and stall_abort, which replaces the one worker, can be faster.
 */
#include "daemon/service_keeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macro.h"
#include "base/str.h"
#include "daemon/inherited.h"
#include "daemon/notify.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_slot.h"

/* Of its time: one is lost, another comes late, and it is still fed. */
#define FEED_PART 4
#define STUCK_PART 2
/* As long as it takes. */
#define LONG_MS ((int64_t)7 * 24 * 3600 * 1000)
/* Room for a number or two beside the status. */
#define MESSAGE (SERVICE_KEEPER_STATUS + 128)

static bool read_number(const char *variable, uint64_t *ret_number)
{
	const char *text = getenv(variable);

	return text && str_to_u64(weir_strz(text), ret_number) >= 0;
}

/* 0: it is not asked for, or of somebody else. */
static int64_t read_watchdog_ms(void)
{
	uint64_t pid, us;

	if (!read_number("WATCHDOG_USEC", &us) || us / 1000 > INT64_MAX / 2)
		return 0;
	if (getenv("WATCHDOG_PID") &&
	    (!read_number("WATCHDOG_PID", &pid) || pid != (uint64_t)getpid()))
		return 0;
	return (int64_t)(us / 1000);
}

void service_keeper_init(struct service_keeper *k, const struct log *log, int64_t now_ms)
{
	*k = (struct service_keeper){ .log = log, .watchdog_ms = read_watchdog_ms() };
	k->feed_ms = k->watchdog_ms > 0 ? now_ms : INT64_MAX;
	k->n_inherited = inherited_count();
}

void service_keeper_ready(struct service_keeper *k, const char *where)
{
	(void)snprintf(k->where, sizeof(k->where), "%s", where);
	k->is_ready = true;
	k->is_reloading = false;
	if (notify_send("READY=1") < 0)
		log_write(k->log, LOG_AT_WARN, "cannot tell the service manager that we are ready");
}

void service_keeper_reloading(struct service_keeper *k, int64_t now_us)
{
	char message[MESSAGE];

	k->is_reloading = true;
	(void)snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_us);
	(void)notify_send(message); /* a courtesy, as all that follow */
}

void service_keeper_stopping(struct service_keeper *k, int64_t grace_ms)
{
	char message[MESSAGE];

	if (k->is_stopping)
		return;
	k->is_stopping = true;
	if (grace_ms > LONG_MS)
		grace_ms = LONG_MS;
	/* The configuration's grace counts, whatever TimeoutStopSec= says. */
	(void)snprintf(message, sizeof(message), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
		       (grace_ms + 1000) * 1000);
	(void)notify_send(message);
}

static void write_status(const struct service_keeper *k, const struct worker_slot *slots,
			 unsigned n_slots, char ret_status[SERVICE_KEEPER_STATUS])
{
	unsigned n_ready = 0, n_alive = 0, n_wanted = 0;

	for (unsigned i = 0; i < n_slots; i++) {
		n_ready += slots[i].state == WORKER_READY;
		n_alive += worker_slot_has_process(&slots[i]);
		n_wanted += slots[i].state != WORKER_EMPTY && slots[i].state != WORKER_DRAINING;
	}
	if (k->is_stopping)
		(void)snprintf(ret_status, SERVICE_KEEPER_STATUS,
			       "Stopping: %u worker%s not done yet", n_alive,
			       n_alive == 1 ? " is" : "s are");
	else if (!k->is_ready)
		(void)snprintf(ret_status, SERVICE_KEEPER_STATUS,
			       "Starting: %u of %u workers ready", n_ready, n_wanted);
	else
		(void)snprintf(ret_status, SERVICE_KEEPER_STATUS,
			       "%s on %s, %u of %u workers ready",
			       k->is_reloading ? "Reloading; serving" : "Serving", k->where,
			       n_ready, n_wanted);
}

static void send_status(struct service_keeper *k, const struct worker_slot *slots, unsigned n_slots)
{
	char status[SERVICE_KEEPER_STATUS], message[MESSAGE];

	write_status(k, slots, n_slots, status);
	if (!strcmp(status, k->status))
		return;
	memcpy(k->status, status, sizeof(status));
	(void)snprintf(message, sizeof(message), "STATUS=%s", status);
	(void)notify_send(message);
}

/* For so long some loop has been held; and whose. */
static int64_t longest_turn_ms(const struct worker_slot *slots, unsigned n_slots,
			       const struct worker_lags *lags, int64_t now_ms, unsigned *ret_slot)
{
	int64_t longest_us = 0;

	for (unsigned i = 0; i < n_slots; i++) {
		int64_t us = 0;

		/* One that starts or ends has other clocks: the master ends it, if need be. */
		if (slots[i].state == WORKER_READY)
			us = worker_lag_turn_us(worker_lags_at(lags, i), now_ms * 1000);
		if (us <= longest_us)
			continue;
		longest_us = us;
		*ret_slot = i;
	}
	return longest_us / 1000;
}

static void feed(struct service_keeper *k, int64_t held_ms, unsigned slot)
{
	if (k->is_stopping || held_ms < k->watchdog_ms / STUCK_PART) {
		if (k->is_starved)
			log_write(k->log, LOG_AT_NOTICE,
				  "all loops turn again: the service manager's watchdog is fed");
		k->is_starved = false;
		(void)notify_send("WATCHDOG=1");
		return;
	}
	if (!k->is_starved)
		log_write(k->log, LOG_AT_ERROR,
			  "the loop of worker %u has not turned for %" PRId64
			  " ms: the service manager's watchdog is not fed any more",
			  slot, held_ms);
	k->is_starved = true;
}

void service_keeper_tick(struct service_keeper *k, int64_t now_ms, const struct worker_slot *slots,
			 unsigned n_slots, const struct worker_lags *lags)
{
	unsigned slot = 0;
	int64_t held_ms;

	if (notify_is_wanted())
		send_status(k, slots, n_slots);
	if (k->feed_ms > now_ms)
		return;
	held_ms = longest_turn_ms(slots, n_slots, lags, now_ms, &slot);
	feed(k, held_ms, slot);
	k->feed_ms = now_ms + k->watchdog_ms / FEED_PART;
}

int64_t service_keeper_next_ms(const struct service_keeper *k)
{
	return k->feed_ms;
}

void service_keeper_forget(const struct service_keeper *k)
{
	static const char *const names[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
					     "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
	inherited_close(k->n_inherited);
}
