#ifndef WEIR_TESTS_SSE_WORLD_H
#define WEIR_TESTS_SSE_WORLD_H
/* sse_world.h - a site with topics, and what a client reads of a stream of events. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "app/sse.h"
#include "app_world.h"
#include "serve/topics.h"

static struct topics topics;
static int seen[16];

static inline struct app_world *new_world(void)
{
	static const struct siphash_key secret;
	struct app_world *a = app_world_new();

	memset(seen, 0, sizeof(seen));
	topics_init(&topics, &secret, 0);
	a->site.topics = &topics;
	return a;
}

static inline void free_world(struct app_world *a)
{
	h1_world_close(a->w);
	cr_assert(list_is_empty(&a->site.streams));
	topics_done(&topics);
	app_world_free(a);
}

/* The events in a chunked body: its chunks, put together. */
static inline const char *stream_of(const char *answer)
{
	static char text[200000];
	const char *at = strstr(answer, "\r\n\r\n");
	char *to = text;

	for (at = at ? at + 4 : ""; *at;) {
		char *bytes;
		size_t len = strtoul(at, &bytes, 16);

		memcpy(to, bytes + 2, len);
		to += len;
		at = bytes + 2 + len + 2;
	}
	*to = '\0';
	return text;
}

/* What a client has read after so long. */
static inline const char *after(struct app_world *a, struct client *c, int64_t ms)
{
	h1_world_pass(a->w, ms);
	return stream_of(client_text(c));
}

#endif
