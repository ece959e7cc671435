#ifndef WEIR_IO_TLS_STREAM_H
#define WEIR_IO_TLS_STREAM_H
/*
 * tls_stream.h - TLS between a socket and a stream's bytes. For io/stream alone,
 * which knows when to call what; it holds no watcher and never waits.
 *
 * All of it runs OpenSSL: on the loop's stack, never on a task's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

struct outq;
struct tls_ctx;
struct tls_info;
struct tls_stream;

/* The server's side, on fd, which is borrowed. -ENOMEM. */
MUST_USE int tls_stream_new(struct tls_ctx *ctx, int fd, struct tls_stream **ret_tls);
/* NULL is fine; returns NULL. Says nothing to the peer. */
struct tls_stream *tls_stream_free(struct tls_stream *t);

/*
 * Goes on with the handshake: 0 when it is over, -EAGAIN when it needs more
 * bytes, or room for its own (tls_stream_wants_room()). -EPROTO: it has failed,
 * and tls_stream_why() says why; -ECONNRESET and others: the peer is gone.
 */
MUST_USE int tls_stream_handshake(struct tls_stream *t);
/* The last call that said -EAGAIN needs room in the socket, not bytes from it. */
bool tls_stream_wants_room(const struct tls_stream *t);
/*
 * It needs bytes: of tls_stream_flush(), that the peer has begun a message of a handshake, before
 * whose end nothing can be sent.
 */
bool tls_stream_wants_bytes(const struct tls_stream *t);
/* Words for why a call has failed. */
const char *tls_stream_why(const struct tls_stream *t);
/* What the handshake has come to; the caller owns a reference. -ENOMEM. */
MUST_USE int tls_stream_info(const struct tls_stream *t, struct tls_info **ret_info);

/*
 * Bytes into room: how many; 0: the peer has said that nothing follows
 * (close_notify); -EAGAIN. An end without that may be anybody's doing:
 * -ECONNRESET. may_recv false: only what has been received already. -EPROTO also
 * for a peer that keeps us busy with new keys.
 */
MUST_USE ssize_t tls_stream_recv(struct tls_stream *t, char *room, size_t len, bool may_recv);
/*
 * Is there something for tls_stream_recv() although the socket may stay silent?
 * When in doubt, true.
 */
bool tls_stream_has_more(const struct tls_stream *t);

/* As outq_flush(). */
MUST_USE int tls_stream_flush(struct tls_stream *t, struct outq *q);
/* Tells the peer that nothing follows: what is queued has left before. */
void tls_stream_end(struct tls_stream *t);
/* Bytes that the socket has taken. */
int64_t tls_stream_sent(const struct tls_stream *t);

#endif
