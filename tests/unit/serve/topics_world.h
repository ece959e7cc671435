#ifndef WEIR_TESTS_TOPICS_WORLD_H
#define WEIR_TESTS_TOPICS_WORLD_H
/* topics_world.h - the topics of one worker, and readers that subscribe to them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/subscriber.h"
#include "serve/topics.h"

struct world {
	struct topics topics;
	char notes[1024]; /* what hooks were told: "+name", "-name" for wanted, "=bytes" for out */
};

struct reader {
	struct subscriber sub;
	unsigned n_ready;
	void (*then)(struct reader *reader); /* called by ready(); may be NULL */
	struct world *world;
	struct reader *other;
	char got[1024]; /* all bytes it has ever taken, with a space behind each */
};

static inline void world_note(struct world *w, char what, weir_str s, const char *end)
{
	size_t len = strlen(w->notes);

	(void)snprintf(w->notes + len, sizeof(w->notes) - len, "%c%.*s%s ", what, WEIR_ARG(s), end);
}

static inline void world_wanted(void *arg, const struct topic_key *key, bool is_wanted)
{
	world_note(arg, is_wanted ? '+' : '-', key->name, key->is_prefix ? "*" : "");
}

static inline void world_out(void *arg, const struct publication_view *view)
{
	world_note(arg, '=', view->bytes, "");
}

static inline void world_init(struct world *w, size_t budget)
{
	const struct siphash_key secret = { 1, 2 };

	memset(w, 0, sizeof(*w));
	topics_init(&w->topics, &secret, budget);
	w->topics.hooks = (struct topics_hooks){ world_wanted, world_out, w };
}

static inline void reader_on_ready(struct subscriber *s)
{
	struct reader *reader = container_of(s, struct reader, sub);

	reader->n_ready++;
	if (reader->then)
		reader->then(reader);
}

static inline void reader_init(struct reader *reader, struct world *w)
{
	memset(reader, 0, sizeof(*reader));
	subscriber_init(&reader->sub, reader_on_ready);
	reader->world = w;
}

static inline struct topic_key key_of(const char *name)
{
	return (struct topic_key){ .scope = WEIR_STR("mod"), .name = weir_strz(name) };
}

static inline struct topic_key prefix_of(const char *name)
{
	return (struct topic_key){ WEIR_STR("mod"), weir_strz(name), true };
}

static inline int reader_join(struct reader *reader, struct topic_key key, uint32_t queue,
			      bool ends_if_slow)
{
	const struct topics_limit limit = { queue, ends_if_slow };

	return topics_subscribe(&reader->world->topics, &reader->sub, &key, &limit);
}

/* A new reader of a topic; what is behind queue is dropped. */
static inline void reader_new(struct reader *reader, struct world *w, const char *name,
			      uint32_t queue)
{
	reader_init(reader, w);
	cr_assert_eq(reader_join(reader, key_of(name), queue, false), 0);
}

static inline bool reader_take(struct reader *reader)
{
	struct publication *p = subscriber_next(&reader->sub);
	size_t len = strlen(reader->got);

	if (!p)
		return false;
	(void)snprintf(reader->got + len, sizeof(reader->got) - len, "%.*s ",
		       WEIR_ARG(p->view.bytes));
	(void)publication_unref(p);
	return true;
}

static inline const char *reader_take_all(struct reader *reader)
{
	while (reader_take(reader))
		;
	return reader->got;
}

static inline int publish(struct world *w, const char *name, const char *bytes)
{
	const struct publication_view view = { .scope = WEIR_STR("mod"),
					       .name = weir_strz(name),
					       .bytes = weir_strz(bytes) };

	return topics_publish(&w->topics, &view);
}

/* Numbers from first to last. */
static inline void publish_numbers(struct world *w, const char *name, unsigned first, unsigned last)
{
	char digits[16];

	for (unsigned i = first; i <= last; i++) {
		(void)snprintf(digits, sizeof(digits), "%u", i);
		cr_assert_eq(publish(w, name, digits), 0);
	}
}

#endif
