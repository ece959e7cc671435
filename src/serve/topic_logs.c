/*
 * topic_logs.c - see topic_logs.h. What must always be true: somebody stands at
 * the first place, unless the log is empty; one whose cursor is older than first
 * stands there (at the end, if it is empty); all who wait stand at the end.
 *
 * Nothing but their own word makes subscribers wait: one that was told and has
 * not looked yet is not told again, even if what it was told of has gone.
 */
#include "serve/topic_logs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "serve/publication.h"
#include "serve/subscriber.h"

#define LEAST_PLACES 4

/* --- all logs of a worker --- */

void topic_logs_init(struct topic_logs *logs, size_t budget)
{
	*logs = (struct topic_logs){ .budget = budget };
	for (unsigned i = 0; i < TOPIC_LOG_SIZES; i++)
		list_init(&logs->by_size[i]);
	list_init(&logs->waking);
}

void topic_logs_wake(struct topic_logs *logs)
{
	if (logs->is_waking)
		return;
	logs->is_waking = true;
	while (!list_is_empty(&logs->waking)) {
		struct topic_log *log = list_entry(logs->waking.next, struct topic_log, waking);
		struct list *link = log->untold;
		struct subscriber *s = list_entry(link, struct subscriber, link);

		if (link == &log->informed) {
			list_del(&log->waking);
			continue;
		}
		log->untold = link->next;
		s->ready(s);
	}
	logs->is_waking = false;
}

static inline unsigned size_class(size_t bytes)
{
	return 63 - (unsigned)__builtin_clzl(bytes);
}

/* Called with each change, so it must cost little when the class stays the same. */
static void resize(struct topic_log *log, size_t bytes)
{
	struct topic_logs *logs = log->logs;
	unsigned old, new;

	old = log->bytes ? size_class(log->bytes) : TOPIC_LOG_SIZES;
	new = bytes ? size_class(bytes) : TOPIC_LOG_SIZES;
	log->bytes = bytes;
	if (old == new)
		return;
	list_del(&log->by_size);
	if (old < TOPIC_LOG_SIZES && list_is_empty(&logs->by_size[old]))
		logs->sizes_used &= ~(UINT64_C(1) << old);
	if (new < TOPIC_LOG_SIZES) {
		list_add_tail(&logs->by_size[new], &log->by_size);
		logs->sizes_used |= UINT64_C(1) << new;
	}
}

/* --- places --- */

static inline struct topic_log_place *place_at(const struct topic_log *log, uint64_t number)
{
	return &log->ring[number & (log->n_places - 1)];
}

/* How many stand there. */
static inline size_t *standing_at(struct topic_log *log, uint64_t number)
{
	return number == log->end ? &log->n_at_end : &place_at(log, number)->n_standing;
}

/* Where s stands. */
static inline uint64_t position(const struct topic_log *log, const struct subscriber *s)
{
	return s->cursor < log->first ? log->first : s->cursor;
}

/* --- lists --- */

/* Before it is taken off its list. */
static inline void pass_untold(struct topic_log *log, const struct subscriber *s)
{
	if (log->untold == &s->link)
		log->untold = s->link.next;
}

/* From link on they have just come to the end of informed. */
static void must_tell(struct topic_log *log, struct list *link)
{
	if (log->untold == &log->informed)
		log->untold = link;
	if (list_is_empty(&log->waking))
		list_add_tail(&log->logs->waking, &log->waking);
}

/* s has come to the end by its own steps. */
static inline void wait_for_more(struct topic_log *log, struct subscriber *s)
{
	pass_untold(log, s);
	list_move_tail(&log->waiting, &s->link);
}

/* --- the ring --- */

/* n_places holds what is in the log; 0 when nothing is. */
static int resize_ring(struct topic_log *log, size_t n_places)
{
	struct topic_log_place *ring = NULL;

	if (n_places > 0) {
		ring = malloc(n_places * sizeof(*ring));
		if (!ring)
			return -ENOMEM;
		for (uint64_t i = log->first; i < log->end; i++)
			ring[i & (n_places - 1)] = *place_at(log, i);
	}
	free(log->ring);
	log->ring = ring;
	log->logs->bytes += n_places * sizeof(*ring);
	log->logs->bytes -= log->n_places * sizeof(*ring);
	resize(log, log->bytes + n_places * sizeof(*ring) - log->n_places * sizeof(*ring));
	log->n_places = n_places;
	return 0;
}

/* The first place, at which nobody stands. */
static void forget_first(struct topic_log *log)
{
	struct topic_log_place *place = place_at(log, log->first);
	struct publication *p = place->publication;

	log->first++;
	if (--p->n_logs == 0)
		log->logs->bytes -= p->size;
	resize(log, log->bytes - p->size);
	(void)publication_unref(p);
}

/* What nobody has to get any more. */
static void forget_unneeded(struct topic_log *log)
{
	while (log->first < log->end && place_at(log, log->first)->n_standing == 0)
		forget_first(log);
}

/* A ring that is far too large for what is in it. */
static void shrink(struct topic_log *log)
{
	uint64_t len = log->end - log->first;

	if (len == 0 && log->n_places > 0)
		(void)resize_ring(log, 0); /* cannot fail */
	else if (log->n_places > LEAST_PLACES && len <= log->n_places / 8)
		(void)resize_ring(log, log->n_places / 2); /* larger, not wrong */
}

static void trim(struct topic_log *log)
{
	forget_unneeded(log);
	shrink(log);
}

/*
 * Who stands at the first place is ended, and told so. They have to be looked
 * for, which takes longer than anything else here; but it is done only when
 * somebody is there, who is then found for the last time.
 */
static void end_first(struct topic_log *log, uint64_t n_lost)
{
	struct topic_log_place *place = place_at(log, log->first);
	struct list *link = log->informed.next, *next;

	for (; place->n_standing > 0; link = next) {
		struct subscriber *s = list_entry(link, struct subscriber, link);

		assert(link != &log->informed);
		next = link->next;
		if (s->cursor > log->first)
			continue;
		s->lost += n_lost;
		s->cursor = TOPIC_LOG_ENDED;
		place->n_standing--;
		pass_untold(log, s);
		list_move_tail(&log->informed, link);
		must_tell(log, link);
	}
}

/* The ring stays as large as it is: a publication may be about to come. */
static void drop_first(struct topic_log *log, unsigned n_coming)
{
	size_t n = place_at(log, log->first)->n_standing;
	uint64_t n_lost = log->ends_if_slow ? log->end - log->first + n_coming : 1;

	log->counts->dropped += n * n_lost;
	log->logs->counts.dropped += n * n_lost;
	if (log->ends_if_slow) {
		end_first(log, n_lost);
	} else {
		*standing_at(log, log->first + 1) += n;
		forget_first(log);
	}
	forget_unneeded(log);
}

/* Of those in the highest class that are used the one that has been there longest. */
void topic_logs_fit(struct topic_logs *logs)
{
	if (logs->budget == 0)
		return;
	while (logs->bytes > logs->budget) {
		struct list *largest = &logs->by_size[size_class(logs->sizes_used)];
		struct topic_log *log = list_entry(largest->next, struct topic_log, by_size);

		drop_first(log, 0);
		shrink(log);
	}
}

/* --- a log --- */

struct topic_log *topic_log_new(struct topic_logs *logs, uint32_t queue, bool ends_if_slow)
{
	struct topic_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	log->logs = logs;
	log->queue = queue;
	log->ends_if_slow = ends_if_slow;
	list_init(&log->waiting);
	list_init(&log->informed);
	log->untold = &log->informed;
	list_init(&log->waking);
	list_init(&log->by_size);
	return log;
}

static void dismiss(struct topic_log *log, struct list *subscribers)
{
	list_for_each_safe (link, subscribers)
		topic_log_leave(log, list_entry(link, struct subscriber, link));
}

struct topic_log *topic_log_free(struct topic_log *log)
{
	if (!log)
		return NULL;
	dismiss(log, &log->waiting);
	dismiss(log, &log->informed);
	list_del(&log->waking);
	free(log);
	return NULL;
}

void topic_log_join(struct topic_log *log, struct subscriber *s)
{
	s->log = log;
	s->cursor = log->end;
	s->lost = 0;
	list_add_tail(&log->waiting, &s->link);
	log->n_at_end++;
	log->n_subscribers++;
}

void topic_log_leave(struct topic_log *log, struct subscriber *s)
{
	uint64_t at = position(log, s);

	pass_untold(log, s);
	list_del(&s->link);
	log->n_subscribers--;
	s->lost = subscriber_lost(s);
	s->log = NULL;
	if (s->cursor == TOPIC_LOG_ENDED)
		return;
	--*standing_at(log, at);
	if (at == log->first)
		trim(log);
}

static bool is_heard(const struct topic_log *log)
{
	return log->first < log->end || log->n_at_end > 0;
}

int topic_log_reserve(struct topic_log *log)
{
	uint64_t len = log->end - log->first;

	if (len < log->n_places || len == log->queue || !is_heard(log))
		return 0;
	return resize_ring(log, len ? log->n_places * 2 : LEAST_PLACES);
}

void topic_log_unreserve(struct topic_log *log)
{
	shrink(log);
}

void topic_log_append(struct topic_log *log, struct publication *p)
{
	struct topic_logs *logs = log->logs;

	if (log->end - log->first == log->queue)
		drop_first(log, 1);
	if (!is_heard(log)) {
		shrink(log);
		return;
	}
	assert(log->end - log->first < log->n_places);
	*place_at(log, log->end) = (struct topic_log_place){ publication_ref(p), log->n_at_end };
	log->n_at_end = 0;
	log->end++;
	if (!list_is_empty(&log->waiting)) {
		struct list *first = log->waiting.next;

		list_splice_tail(&log->informed, &log->waiting);
		must_tell(log, first);
	}

	if (p->n_logs++ == 0)
		logs->bytes += p->size;
	resize(log, log->bytes + p->size);
}

/* One that knew of something, which has gone before it asked. */
COLD static void find_nothing(struct topic_log *log, struct subscriber *s)
{
	s->lost += log->end - s->cursor;
	s->cursor = log->end;
	wait_for_more(log, s);
}

/* The last one that takes the first publication. */
APART static struct publication *take_last(struct topic_log *log, struct publication *p)
{
	(void)publication_ref(p);
	trim(log);
	return p;
}

struct publication *topic_log_take(struct topic_log *log, struct subscriber *s)
{
	struct topic_log_place *place;
	uint64_t at = s->cursor;

	if (at < log->first) {
		if (log->first == log->end) {
			find_nothing(log, s);
			return NULL;
		}
		at = log->first;
		s->lost += at - s->cursor;
	}
	s->cursor = at + 1;
	place = place_at(log, at);
	log->counts->delivered++;
	log->logs->counts.delivered++;
	if (at + 1 == log->end) {
		log->n_at_end++;
		wait_for_more(log, s);
	} else {
		place_at(log, at + 1)->n_standing++;
	}
	if (--place->n_standing == 0 && at == log->first)
		return take_last(log, place->publication);
	return publication_ref(place->publication);
}
