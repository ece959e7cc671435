#ifndef WEIR_IO_STREAM_H
#define WEIR_IO_STREAM_H
/*
 * stream.h - a connected socket on the loop: bytes in by a block, bytes out
 * by a queue. Embedded in a connection. Where TLS stands between socket and
 * bytes, it stands here: only who has made the stream so, and done the handshake,
 * can tell.
 *
 * The read watcher stays on for the whole life, unless reading is paused: a
 * request costs no epoll_ctl.
 */
#include <ev.h>
#include <sys/types.h>

#include "io/loop.h"
#include "io/outq.h"

struct stream;
struct tls_ctx;
struct tls_info;
struct tls_stream;

struct stream_ops {
	void (*readable)(struct stream *s);
	/* After a flush that had to wait: some of the queue has left now, perhaps all. */
	void (*writable)(struct stream *s);
	/* Sending failed: -EPIPE, -ECONNRESET, … Nothing more can be sent. */
	void (*broken)(struct stream *s, int error);
};

struct stream {
	struct loop *loop; /* borrowed */
	const struct stream_ops *ops;
	int fd; /* owned; -1 once closed */
	unsigned
		label; /* its owner's, who finds it again where the stream has moved to; at first 0 */
	struct tls_stream *tls; /* owned; NULL: its bytes are those of the socket */
	ev_io reading;
	struct outq out;
	ev_io writing;
	/* With TLS: */
	bool is_fed; /* the event was ours, and the socket may have nothing */
	bool awaits_room; /* reading goes on when the socket can be written to, and stands still until then */
	bool awaits_bytes; /* the queue leaves when more has been read */
};

/* Takes fd, which is non-blocking, and starts to read. */
void stream_open(struct stream *s, struct loop *loop, struct block_pool *pool, int take_fd,
		 const struct stream_ops *ops);
/*
 * From now on its bytes come and go by TLS, as the server's side; nothing was
 * received or sent yet. First comes the handshake, whenever readable() or
 * writable() is called: 0 when it is over, -EAGAIN; other errors are final. -ENOMEM.
 */
MUST_USE int stream_secure(struct stream *s, struct tls_ctx *ctx);
MUST_USE int stream_handshake(struct stream *s);
/* Why that failed, or what it has come to: a reference. */
const char *stream_tls_why(const struct stream *s);
MUST_USE int stream_tls_info(const struct stream *s, struct tls_info **ret_info);

/* The first bytes that wait, which stay there: how many; 0 at the end; -EAGAIN. Not with TLS. */
MUST_USE ssize_t stream_peek(const struct stream *s, char *ret_bytes, size_t len);
/* They were looked at, and do not stay. bytes: room for as many. 0; other errors are final. */
MUST_USE int stream_skip(const struct stream *s, char *bytes, size_t len);

/* Takes over the socket of from, with what is queued, and reads; from is closed then. */
void stream_move(struct stream *s, struct stream *from, const struct stream_ops *ops);
/* Closes at once; what is still queued is lost. Twice is once. */
void stream_close(struct stream *s);
/* Closes so that the peer sees a reset, not an end: a response was cut short. */
void stream_reset(struct stream *s);

/* Bytes into the room of block: how many; 0 at the end; -EAGAIN; other errors are final. */
MUST_USE ssize_t stream_recv(struct stream *s, struct block *block);
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
static inline bool stream_is_paused(const struct stream *s)
{
	return !ev_is_active(&s->reading) && !s->awaits_room;
}

/*
 * Sends what is queued: 0 when all is gone, -EAGAIN when writable() will
 * follow, else the connection is dead (broken() is not called for it). While
 * writable() is awaited it does nothing: the kernel has said that it is full.
 */
MUST_USE int stream_flush(struct stream *s);

/*
 * How many of all bytes sent are with the peer's kernel. Good for comparing two
 * points in time: Unix sockets also count what each packet costs as not taken yet.
 */
int64_t stream_taken(const struct stream *s);

/* No more bytes from us. Call it when the queue is empty. */
void stream_shutdown(struct stream *s);

/* While reading is paused nobody is told of a peer that left; so the kernel must be asked. */
enum stream_peer {
	STREAM_PEER_THERE,
	STREAM_PEER_ENDED, /* it has sent its last byte (FIN), but may still read */
	STREAM_PEER_GONE,  /* it has closed or reset the connection */
};
enum stream_peer stream_peer(const struct stream *s);

#endif
