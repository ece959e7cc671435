#ifndef WEIR_TESTS_WS_WORLD_H
#define WEIR_TESTS_WS_WORLD_H
/*
 * ws_world.h - WebSocket sessions on tunnels that are no sockets: a policy, a virtual
 * loop, and clients that frame and read. A session is freed in over(), so that whoever
 * touches it afterwards is found; what it ended with stays with its client.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "io/loop.h"
#include "serve/ws_inbox.h"
#include "serve/ws_outbox.h"
#include "serve/ws_session.h"

#define WS_WORLD_HIGH_WATER ((size_t)16 * 1024)

struct ws_world {
	struct loop *loop;
	struct log log;
	int log_fd;
	char log_text[4096];
	struct block_pool blocks;
	struct ws_shared shared;
	struct ws_policy policy;
};

struct ws_client {
	struct ws_world *world;
	struct ws_session *session; /* NULL: it is over */
	bool keeps;		    /* until the test frees it: client_free_session() */

	/* how often it was called, and what the session was in the end */
	unsigned n_readable, n_writable, n_over;
	int state, code;
	char reason[128];

	struct tunnel tunnel;
	struct outq out;
	bool has_ended, was_aborted;
	bool is_flushing;  /* something was queued, or came: the connection looks after its queue */
	struct buf unsent; /* of the client, for which there is no room */
	struct buf seen;   /* what the client was sent, frames not complete yet */
	struct buf told;   /* of all frames: client_hears() */
	struct buf packed; /* of a compressed message */
	bool is_packed;
	int packed_as; /* opcode */
	void *inflater;
	bool keeps_context;
	char *got; /* pulled last */
};

/* All zeros but for a max_message of 64 KiB. */
struct ws_limits ws_world_limits(void);
void ws_world_init(struct ws_world *w, const struct ws_limits *limits, size_t queue_budget);
/* Nothing may be borrowed any more. */
void ws_world_done(struct ws_world *w);
void ws_world_pass(struct ws_world *w, int64_t ms);
/* No session has anything that is the worker's. */
void ws_world_assert_nothing_owned(struct ws_world *w);
/* All lines since the last call. */
const char *ws_world_log(struct ws_world *w);

struct ws_client *client_new(struct ws_world *w, const struct ws_deflate_params *deflate);
void client_free_session(struct ws_client *c);
/* Cuts its session off if it still has one. */
void client_free(struct ws_client *c);

/* ---- what the client does */

/* A masked frame, first is its first byte; as far as there is room for it. */
void client_sends(struct ws_client *c, uint8_t first, weir_str payload);
/* Any bytes. */
void client_sends_raw(struct ws_client *c, weir_str bytes);
/* They are there, but nobody was told. */
void client_puts(struct ws_client *c, uint8_t first, const char *payload);
void client_says(struct ws_client *c, const char *text);
void client_closes(struct ws_client *c, int code, const char *reason);
/* No byte will come any more. */
void client_half_closes(struct ws_client *c);
void client_vanishes(struct ws_client *c);

/* So many bytes leave for it; the session hears of room as from a connection. */
void client_takes(struct ws_client *c, size_t n);
/*
 * Takes all there is. A word for each frame since the last call: "text:hello",
 * "binary:", "more:" with a '+' in front of ':' unless it is the last, "ping:", "pong:", "close:1000:bye";
 * of long ones "text:[20000]"; of a compressed message "z:text:hello", once.
 */
const char *client_hears(struct ws_client *c);

/* ---- what the session's owner does */

/* ws_inbox_next(), as text: "text:hello", "more+:" and so on; "again", "closed", "lost".
 * "again" is said when all that the client has sent was taken. */
const char *client_pull(struct ws_client *c, bool is_whole);
/* As a task does it that sends and waits for no room: how much was taken of it. */
ssize_t client_begin(struct ws_client *c, const char *text, bool is_last);

/* Of len bytes 'x' and other letters; static. */
weir_str world_filler(size_t len);

#endif
