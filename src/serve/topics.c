/*
 * topics.c - the table of topics, and who gets a publication. A name is looked
 * up once as it is, and once for each length that some prefix has: what does not
 * exist is never looked at. Everything that can fail is done before the first
 * log has changed.
 */
#include "serve/topics.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/str.h"
#include "serve/subscriber.h"

#define LEAST_SLOTS 16

/* --- the table --- */

/* Only names come from clients. A scope is the operator's, so it may stir the secret. */
static uint64_t hash_key(const struct topics *topics, const struct topic_key *key)
{
	struct siphash_key secret = topics->secret;

	secret.k0 ^= str_hash(key->scope);
	secret.k1 ^= key->is_prefix;
	return siphash(&secret, key->name);
}

static inline struct topic **slot_of(const struct topics *topics, uint64_t hash)
{
	return &topics->slots[hash & (topics->n_slots - 1)];
}

static bool is_same(const struct topic_key *a, const struct topic_key *b)
{
	return a->is_prefix == b->is_prefix && weir_str_eq(a->name, b->name) &&
	       weir_str_eq(a->scope, b->scope);
}

static struct topic *find(const struct topics *topics, const struct topic_key *key)
{
	struct topic *topic;
	uint64_t hash;

	if (topics->n_topics == 0)
		return NULL;
	hash = hash_key(topics, key);
	topic = *slot_of(topics, hash);
	while (topic && (topic->hash != hash || !is_same(&topic->key, key)))
		topic = topic->next;
	return topic;
}

static int resize(struct topics *topics, size_t n_slots)
{
	struct topics old = *topics;
	struct topic **slots = calloc(n_slots, sizeof(struct topic *));

	if (!slots)
		return -ENOMEM;
	topics->slots = slots;
	topics->n_slots = n_slots;
	for (size_t i = 0; i < old.n_slots; i++) {
		struct topic *topic = old.slots[i], *next;

		for (; topic; topic = next) {
			struct topic **slot = slot_of(topics, topic->hash);

			next = topic->next;
			topic->next = *slot;
			*slot = topic;
		}
	}
	free(old.slots);
	return 0;
}

struct topic *topics_next(const struct topics *topics, const struct topic *topic)
{
	size_t i = 0;

	if (topic && topic->next)
		return topic->next;
	if (topic)
		i = (topic->hash & (topics->n_slots - 1)) + 1;
	while (i < topics->n_slots && !topics->slots[i])
		i++;
	return i < topics->n_slots ? topics->slots[i] : NULL;
}

/* --- prefixes --- */

/* Where len is, or would be. */
static size_t prefix_index(const struct topics *topics, size_t len)
{
	size_t i = 0;

	while (i < topics->n_prefixes && topics->prefixes[i].len < len)
		i++;
	return i;
}

static int add_prefix(struct topics *topics, size_t len)
{
	size_t i = prefix_index(topics, len);
	struct topics_prefix *prefixes;

	if (i < topics->n_prefixes && topics->prefixes[i].len == len) {
		topics->prefixes[i].n_topics++;
		return 0;
	}
	prefixes = realloc(topics->prefixes, (topics->n_prefixes + 1) * sizeof(*prefixes));
	if (!prefixes)
		return -ENOMEM;
	topics->prefixes = prefixes;
	memmove(prefixes + i + 1, prefixes + i, (topics->n_prefixes - i) * sizeof(*prefixes));
	prefixes[i] = (struct topics_prefix){ .len = len, .n_topics = 1 };
	topics->n_prefixes++;
	return 0;
}

static void remove_prefix(struct topics *topics, size_t len)
{
	size_t i = prefix_index(topics, len);

	assert(i < topics->n_prefixes && topics->prefixes[i].len == len);
	if (--topics->prefixes[i].n_topics > 0)
		return;
	topics->n_prefixes--;
	memmove(topics->prefixes + i, topics->prefixes + i + 1,
		(topics->n_prefixes - i) * sizeof(*topics->prefixes));
	if (topics->n_prefixes == 0) {
		free(topics->prefixes);
		topics->prefixes = NULL;
	}
}

/* --- topics --- */

static struct topic *topic_free(struct topic *topic)
{
	struct topic_log *log = topic->logs, *next;

	for (; log; log = next) {
		next = log->next;
		(void)topic_log_free(log);
	}
	free(topic);
	return NULL;
}
DEFINE_CLEANUP(struct topic, topic_free)

static struct topic *topic_new(struct topics *topics, const struct topic_key *key)
{
	struct topic *topic = malloc(sizeof(*topic) + key->scope.len + key->name.len);
	char *out;

	if (!topic)
		return NULL;
	*topic = (struct topic){ .key = *key, .topics = topics, .hash = hash_key(topics, key) };
	out = (char *)(topic + 1);
	topic->key.scope.ptr = out;
	out = str_put(out, key->scope);
	topic->key.name.ptr = out;
	(void)str_put(out, key->name);
	return topic;
}

static struct topic_log *find_log(const struct topic *topic, const struct topics_limit *limit)
{
	struct topic_log *log = topic->logs;

	while (log && (log->queue != limit->queue || log->ends_if_slow != limit->ends_if_slow))
		log = log->next;
	return log;
}

static int add_log(struct topic *topic, const struct topics_limit *limit)
{
	struct topic_log *log;

	log = topic_log_new(&topic->topics->logs, limit->queue, limit->ends_if_slow);
	if (!log)
		return -ENOMEM;
	log->topic = topic;
	log->counts = &topic->counts;
	log->next = topic->logs;
	topic->logs = log;
	return 0;
}

static void remove_log(struct topic *topic, struct topic_log *log)
{
	struct topic_log **at = &topic->logs;

	while (*at != log)
		at = &(*at)->next;
	*at = log->next;
	(void)topic_log_free(log);
}

/* Somebody is about to subscribe to it: it has a log for that already. */
static int add_topic(struct topics *topics, const struct topic_key *key,
		     const struct topics_limit *limit, struct topic **ret_topic)
{
	_cleanup_(topic_freep) struct topic *topic = topic_new(topics, key);
	struct topic **slot;
	int r;

	if (!topic)
		return -ENOMEM;
	r = add_log(topic, limit);
	if (r < 0)
		return r;
	if (topics->n_topics == topics->n_slots) {
		r = resize(topics, topics->n_slots ? topics->n_slots * 2 : LEAST_SLOTS);
		if (r < 0 && topics->n_slots == 0)
			return r; /* else slower, not wrong */
	}
	r = key->is_prefix ? add_prefix(topics, key->name.len) : 0;
	if (r < 0)
		return r;

	slot = slot_of(topics, topic->hash);
	topic->next = *slot;
	*slot = topic;
	topics->n_topics++;
	*ret_topic = steal_ptr(topic);
	return 0;
}

static void remove_topic(struct topics *topics, struct topic *topic)
{
	struct topic **at = slot_of(topics, topic->hash);

	while (*at != topic)
		at = &(*at)->next;
	*at = topic->next;
	topics->n_topics--;
	if (topic->key.is_prefix)
		remove_prefix(topics, topic->key.name.len);
	if (topics->n_slots > LEAST_SLOTS && topics->n_topics <= topics->n_slots / 8)
		(void)resize(topics, topics->n_slots / 2); /* larger, not wrong */
	if (topics->hooks.wanted)
		topics->hooks.wanted(topics->hooks.arg, &topic->key, false);
	(void)topic_free(topic);
}

/* --- publishing --- */

static bool is_too_long(weir_str scope, weir_str name)
{
	return scope.len > TOPICS_NAME_MAX || name.len > TOPICS_NAME_MAX;
}

/* All topics that get it, in a chain. */
static struct topic *find_matches(const struct topics *topics, const struct publication_view *view)
{
	struct topic_key key = { view->scope, view->name, false };
	struct topic *first = find(topics, &key), *topic;

	if (first)
		first->next_match = NULL;
	key.is_prefix = true;
	for (size_t i = 0; i < topics->n_prefixes; i++) {
		if (topics->prefixes[i].len > view->name.len)
			break;
		key.name.len = topics->prefixes[i].len;
		topic = find(topics, &key);
		if (!topic)
			continue;
		topic->next_match = first;
		first = topic;
	}
	return first;
}

/* In all or in none. */
static int reserve(struct topic *matches)
{
	int r = 0;

	for (struct topic *topic = matches; topic && r == 0; topic = topic->next_match) {
		for (struct topic_log *log = topic->logs; log && r == 0; log = log->next)
			r = topic_log_reserve(log);
	}
	for (struct topic *topic = matches; topic && r < 0; topic = topic->next_match) {
		for (struct topic_log *log = topic->logs; log; log = log->next)
			topic_log_unreserve(log);
	}
	return r;
}

static int append(struct topic *matches, const struct publication_view *view)
{
	_cleanup_(publication_unrefp) struct publication *p = NULL;
	int r;

	if (!matches)
		return 0;
	p = publication_new(view);
	if (!p)
		return -ENOMEM;
	r = reserve(matches);
	if (r < 0)
		return r;
	for (struct topic *topic = matches; topic; topic = topic->next_match) {
		topic->counts.published++;
		for (struct topic_log *log = topic->logs; log; log = log->next)
			topic_log_append(log, p);
	}
	return 0;
}

static int publish(struct topics *topics, const struct publication_view *view, bool goes_out)
{
	int r;

	if (is_too_long(view->scope, view->name))
		return -EMSGSIZE;
	r = append(find_matches(topics, view), view);
	if (r < 0)
		return r;
	topics->logs.counts.published++;
	/* Before anybody is told: what they publish because of it must not overtake it. */
	if (goes_out && topics->hooks.publish_out)
		topics->hooks.publish_out(topics->hooks.arg, view);
	topic_logs_fit(&topics->logs);
	topic_logs_wake(&topics->logs);
	return 0;
}

int topics_publish(struct topics *topics, const struct publication_view *view)
{
	return publish(topics, view, true);
}

int topics_deliver(struct topics *topics, const struct publication_view *view)
{
	return publish(topics, view, false);
}

void topics_note_lost(struct topics *topics, uint64_t n)
{
	topics->n_lost += n;
}

/* --- subscribing --- */

int topics_subscribe(struct topics *topics, struct subscriber *s, const struct topic_key *key,
		     const struct topics_limit *limit)
{
	struct topic *topic;
	bool is_new;
	int r = 0;

	assert(!s->log && limit->queue > 0);
	if (is_too_long(key->scope, key->name))
		return -EMSGSIZE;
	topic = find(topics, key);
	is_new = !topic;
	if (is_new)
		r = add_topic(topics, key, limit, &topic);
	else if (!find_log(topic, limit))
		r = add_log(topic, limit);
	if (r < 0)
		return r;
	topic_log_join(find_log(topic, limit), s);
	if (is_new && topics->hooks.wanted)
		topics->hooks.wanted(topics->hooks.arg, &topic->key, true);
	return 0;
}

void topics_unsubscribe(struct subscriber *s)
{
	struct topic_log *log = s->log;
	struct topic *topic;

	if (!log)
		return;
	topic = log->topic;
	topic_log_leave(log, s);
	if (log->n_subscribers > 0)
		return;
	remove_log(topic, log);
	if (!topic->logs)
		remove_topic(topic->topics, topic);
}

int topics_end_if_slow(struct subscriber *s)
{
	struct topic_log *log = s->log;
	struct topics_limit limit = { .ends_if_slow = true };
	struct topic *topic;
	int r = 0;

	if (!log || log->ends_if_slow || s->cursor != log->end || s->lost > 0)
		return 0;
	topic = log->topic;
	limit.queue = log->queue;
	if (!find_log(topic, &limit))
		r = add_log(topic, &limit);
	if (r < 0)
		return r;
	topic_log_leave(log, s);
	topic_log_join(find_log(topic, &limit), s);
	if (log->n_subscribers == 0)
		remove_log(topic, log);
	return 0;
}

/* --- all of it --- */

void topics_init(struct topics *topics, const struct siphash_key *secret, size_t budget)
{
	*topics = (struct topics){ .secret = *secret };
	topic_logs_init(&topics->logs, budget);
}

void topics_done(struct topics *topics)
{
	for (size_t i = 0; i < topics->n_slots; i++) {
		struct topic *topic = topics->slots[i], *next;

		for (; topic; topic = next) {
			next = topic->next;
			(void)topic_free(topic);
		}
	}
	free(topics->slots);
	free(topics->prefixes);
}
