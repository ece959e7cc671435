#ifndef WEIR_PROTO_WS_TOOLS_H
#define WEIR_PROTO_WS_TOOLS_H
/*
 * ws_tools.h - what the WebSocket sessions of a worker borrow while they have
 * bytes, and have not between frames: wslay's contexts, buffers, zlib's streams.
 * A pool keeps some that were given back, the last one first: it is warm in the cache.
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "proto/ws_deflate.h"

/* First in everything that is pooled. */
struct ws_pooled {
	struct ws_pooled *next;
};

struct ws_pool {
	struct ws_pooled *unused; /* owned */
	unsigned n_unused, max_unused;
	unsigned n_taken; /* borrowed now */
};

/* Where a piece of a message lies until it is not needed any more. */
#define WS_ROOM_SIZE ((size_t)16 * 1024)

struct ws_room {
	struct ws_pooled pooled;
	char bytes[WS_ROOM_SIZE];
};

struct wslay_frame_context;

/* Makes the headers of all frames: between two calls it is between frames. */
struct ws_sender {
	struct wslay_frame_context *wslay; /* owned */
	char *out;			   /* where a header is to be written */
	size_t header_len;		   /* of the one that was */
};

/* A compressor has the same window for life. */
#define WS_TOOLS_N_DEFLATERS (WS_DEFLATE_MAX_BITS - WS_DEFLATE_MIN_SERVER_BITS + 1)

struct ws_tools {
	struct ws_pool intakes;				/* struct ws_intake */
	struct ws_pool rooms;				/* struct ws_room */
	struct ws_pool inflaters;			/* struct ws_inflater */
	struct ws_pool deflaters[WS_TOOLS_N_DEFLATERS]; /* struct ws_deflater, by its window */
	struct ws_sender sender;
};

/* -ENOMEM. From then on they stay where they are. */
MUST_USE int ws_tools_init(struct ws_tools *tools);
/* All must have been given back. */
void ws_tools_done(struct ws_tools *tools);
/* Frees what nobody has borrowed. */
void ws_tools_trim(struct ws_tools *tools);

/* NULL: none is unused. The caller then makes one, or calls ws_tools_not_taken(). */
static inline void *ws_tools_take(struct ws_pool *pool)
{
	struct ws_pooled *p = pool->unused;

	pool->n_taken++;
	if (p) {
		pool->unused = p->next;
		pool->n_unused--;
	}
	return p;
}

static inline void ws_tools_not_taken(struct ws_pool *pool)
{
	pool->n_taken--;
}

/* NULL: the pool has it. Else it has enough, and the caller frees what is returned. */
MUST_USE static inline void *ws_tools_give(struct ws_pool *pool, void *p)
{
	struct ws_pooled *pooled = p;

	pool->n_taken--;
	if (pool->n_unused >= pool->max_unused)
		return p;
	pooled->next = pool->unused;
	pool->unused = pooled;
	pool->n_unused++;
	return NULL;
}

static inline struct ws_pool *ws_tools_deflaters(struct ws_tools *tools, unsigned bits)
{
	assert(bits >= WS_DEFLATE_MIN_SERVER_BITS && bits <= WS_DEFLATE_MAX_BITS);
	return &tools->deflaters[bits - WS_DEFLATE_MIN_SERVER_BITS];
}

/* NULL: no memory. */
struct ws_room *ws_tools_take_room(struct ws_tools *tools);
/* Returns NULL, and NULL is fine. */
struct ws_room *ws_tools_give_room(struct ws_tools *tools, struct ws_room *room);

#endif
