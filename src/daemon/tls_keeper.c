/*
 * tls_keeper.c - see tls_keeper.h. Looking at files again and again, instead of
 * inotify, sees a change however it was made: a file written anew, renamed over,
 * a link to it or to its directory set elsewhere. And a key and its certificate are
 * never changed in one moment: so nothing is read until two looks in a row have seen the same.
 */
#include "daemon/tls_keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/siphash.h"
#include "conf/conf.h"
#include "conf/messages.h"
#include "daemon/control.h"
#include "daemon/tls_bundle.h"
#include "daemon/tls_contexts.h"
#include "daemon/worker_slot.h"
#include "io/tls_tickets.h"

#define LOOK_MS 2000
#define ROTATE_MS ((int64_t)12 * 3600 * 1000)

struct tls_keeper {
	const struct conf *conf; /* borrowed */
	struct tls_tickets *tickets;
	struct tls_contexts *contexts; /* owned; what the next worker begins with */
	uint64_t seen;		       /* what all files looked like at the last look */
	uint64_t read;		       /* and when they were read */
	int64_t look_ms;	       /* the next look */
	int64_t rotate_ms;	       /* the next key for tickets */
	unsigned generation;
	bool is_late;  /* what has changed could not be read yet, which was said */
	int bundle_fd; /* owned: what the contexts were made of, if not at the start; -1 */
	uint64_t bundle_len;
};

/* ---- files */

struct looking {
	uint64_t sum;
};

static void look_at(void *arg, const char *path)
{
	static const struct siphash_key no_secret = { 0, 0 };
	struct looking *looking = arg;
	uint64_t facts[6] = { looking->sum };
	struct stat st;

	if (stat(path, &st) == 0) {
		facts[1] = (uint64_t)st.st_ino;
		facts[2] = (uint64_t)st.st_size;
		facts[3] = (uint64_t)st.st_mtim.tv_sec;
		facts[4] = (uint64_t)st.st_mtim.tv_nsec;
		facts[5] = (uint64_t)st.st_dev;
	}
	looking->sum = siphash(&no_secret, (weir_str){ (const char *)facts, sizeof(facts) });
}

static uint64_t look(const struct tls_keeper *k)
{
	struct looking looking = { 0 };

	tls_bundle_each(k->conf, look_at, &looking);
	return looking.sum;
}

static int make_contexts(struct tls_keeper *k, const struct tls_bundle *bundle,
			 struct messages *messages)
{
	struct tls_contexts *contexts;
	int r;

	r = tls_contexts_new(k->conf, bundle, k->tickets, messages, &contexts);
	if (r < 0)
		return r;
	(void)tls_contexts_free(k->contexts);
	k->contexts = contexts;
	return 0;
}

static int read_first(struct tls_keeper *k, struct messages *messages)
{
	struct tls_bundle bundle;
	int r;

	k->seen = k->read = look(k);
	r = tls_bundle_read(k->conf, messages, &bundle);
	if (r < 0)
		return r;
	r = make_contexts(k, &bundle, messages);
	tls_bundle_done(&bundle);
	return r;
}

/* ---- life */

static int make_tickets(struct tls_keeper *k, const struct tls_keeper *former, int64_t now_ms)
{
	if (!former) {
		k->rotate_ms = now_ms + ROTATE_MS;
		return tls_tickets_new(&k->tickets);
	}
	k->rotate_ms = former->rotate_ms;
	return tls_tickets_share(former->tickets, &k->tickets);
}

int tls_keeper_new(const struct conf *conf, const struct tls_keeper *former,
		   struct messages *messages, struct tls_keeper **ret_keeper)
{
	_cleanup_(tls_keeper_freep) struct tls_keeper *k = NULL;
	int64_t now_ms = clock_monotonic_ms();
	int r;

	*ret_keeper = NULL;
	if (!tls_contexts_are_wanted(conf))
		return 0;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->conf = conf;
	k->bundle_fd = -1;
	k->look_ms = now_ms + LOOK_MS;
	r = make_tickets(k, former, now_ms);
	if (r < 0)
		return r;
	r = read_first(k, messages);
	if (r < 0)
		return r;
	*ret_keeper = steal_ptr(k);
	return 0;
}

struct tls_keeper *tls_keeper_free(struct tls_keeper *k)
{
	if (!k)
		return NULL;
	(void)tls_contexts_free(k->contexts);
	(void)tls_tickets_free(k->tickets);
	close_fdp(&k->bundle_fd);
	free(k);
	return NULL;
}

/* ---- in a worker */

struct tls_contexts *tls_keeper_take(struct tls_keeper *k)
{
	if (!k)
		return NULL;
	tls_tickets_make_read_only(k->tickets);
	close_fdp(&k->bundle_fd);
	k->bundle_fd = -1;
	return steal_ptr(k->contexts);
}

/* The master has said what is wrong with them already: nothing can be, here. */
int tls_keeper_receive(struct tls_keeper *k, int take_fd, uint64_t len,
		       struct tls_contexts **ret_contexts)
{
	_cleanup_(close_fdp) int fd = take_fd;
	struct tls_bundle bundle;
	struct messages messages;
	int r;

	if (!k)
		return -EPROTO;
	r = tls_bundle_open(fd, len, &bundle);
	if (r < 0)
		return r;
	messages_init(&messages);
	r = tls_contexts_new(k->conf, &bundle, k->tickets, &messages, ret_contexts);
	messages_done(&messages);
	tls_bundle_done(&bundle);
	return r;
}

/* ---- in the master */

static void log_messages(const struct messages *messages, const struct log *log)
{
	for (size_t i = 0; i < messages->n_items; i++) {
		const struct message *m = &messages->items[i];

		log_write(log, m->is_warning ? LOG_AT_WARN : LOG_AT_ERROR, "%s:%d: %s",
			  m->pos.file ? m->pos.file : "the configuration", m->pos.line, m->text);
	}
}

/* Contexts and bundle change together, or not at all. */
static int renew(struct tls_keeper *k, struct messages *messages)
{
	struct tls_bundle bundle;
	uint64_t len = 0;
	int fd = -1, r;

	r = tls_bundle_read(k->conf, messages, &bundle);
	if (r < 0)
		return r;
	r = tls_bundle_seal(&bundle, &fd, &len);
	if (r >= 0)
		r = make_contexts(k, &bundle, messages);
	tls_bundle_done(&bundle);
	if (r < 0) {
		close_fdp(&fd);
		return r;
	}
	close_fdp(&k->bundle_fd);
	k->bundle_fd = fd;
	k->bundle_len = len;
	k->generation++;
	return 0;
}

/* Nothing is wrong with the files: what was missing may be there at the next look. */
static void put_off(struct tls_keeper *k, int error, const struct log *log)
{
	if (!k->is_late)
		log_write(log, LOG_AT_ERROR,
			  "the new certificates cannot be read: %s: the old ones stay, and it is "
			  "tried again every %d s",
			  strerror(-error), LOOK_MS / 1000);
	k->is_late = true;
}

static void read_again(struct tls_keeper *k, const struct log *log)
{
	struct messages messages;
	int r;

	messages_init(&messages);
	r = renew(k, &messages);
	if (r < 0 && r != -EINVAL) {
		messages_done(&messages);
		put_off(k, r, log);
		return;
	}
	k->read = k->seen;
	k->is_late = false;
	log_messages(&messages, log);
	messages_done(&messages);
	if (r < 0)
		log_write(log, LOG_AT_ERROR,
			  "the new certificates cannot be used: the old ones stay");
	else
		log_write(log, LOG_AT_NOTICE, "new certificates: connections from now on get them");
}

static void look_again(struct tls_keeper *k, const struct log *log)
{
	uint64_t now = look(k);
	bool is_settled = now == k->seen;

	k->seen = now;
	if (is_settled && now != k->read)
		read_again(k, log);
}

void tls_keeper_tick(struct tls_keeper *k, int64_t now_ms, const struct log *log)
{
	if (!k)
		return;
	if (now_ms >= k->look_ms) {
		k->look_ms = now_ms + LOOK_MS;
		look_again(k, log);
	}
	if (now_ms >= k->rotate_ms) {
		k->rotate_ms = now_ms + ROTATE_MS;
		if (tls_tickets_rotate(k->tickets) < 0)
			log_write(log, LOG_AT_WARN,
				  "no random numbers: session tickets keep their key");
	}
}

int64_t tls_keeper_next_ms(const struct tls_keeper *k)
{
	if (!k)
		return INT64_MAX;
	return k->look_ms < k->rotate_ms ? k->look_ms : k->rotate_ms;
}

unsigned tls_keeper_generation(const struct tls_keeper *k)
{
	return k ? k->generation : 0;
}

void tls_keeper_tell(const struct tls_keeper *k, struct worker_slot *slots, unsigned n_slots,
		     unsigned generation)
{
	for (unsigned i = 0; k && i < n_slots; i++) {
		struct worker_slot *slot = &slots[i];

		if (slot->generation == generation && slot->certificates != k->generation &&
		    slot->control_fd >= 0 && worker_slot_has_process(slot) &&
		    control_send_certificates(slot->control_fd, k->bundle_fd, k->bundle_len) == 0)
			slot->certificates = k->generation;
	}
}
