#ifndef WEIR_SERVE_H1_CONN_H
#define WEIR_SERVE_H1_CONN_H
/*
 * h1_conn.h - one HTTP/1 connection: requests in, one at a time, in order.
 *
 *	h1_conn.c    the socket's side: bytes in, bytes out, life
 *	h1_time.c    how long the peer may take
 *	h1_steps.c   what to do next: the states below, heads to exchanges
 *	h1_body.c    the request's body: pulled, or thrown away
 *	h1_answer.c  the response: what an exchange says, as bytes
 *
 * Behind a 101 it is an h1_tunnel.h.
 *
 * The struct is open to these five only. An idle connection holds no buffer
 * and no exchange.
 */
#include <stdbool.h>
#include <stdint.h>

#include "io/stream.h"
#include "io/timeouts.h"
#include "proto/h1_read.h"
#include "serve/exchange.h"

struct server;
struct tls_info;

enum h1_state {
	H1_IDLE,     /* between requests, no byte of the next one is here */
	H1_HEAD,     /* some bytes of a head are */
	H1_BODY,     /* an exchange is on, its body is not complete */
	H1_ANSWER,   /* an exchange is on, its request has been read */
	H1_DISCARD,  /* the answer is given; the rest of the body is thrown away */
	H1_FLUSHING, /* nothing more is answered; what is queued leaves first */
	H1_LINGER,   /* our end is sent; we read on so that the peer sees it, not a reset */
	H1_CLOSED,   /* the socket is closed; the memory goes in the reap step */
};

struct h1_conn {
	struct stream stream;
	struct server *server; /* borrowed */
	struct list link;      /* among the server's connections */

	struct loop_defer flush; /* something was queued this turn */
	struct loop_defer reap;
	struct timeout waiting; /* for the peer's bytes */
	struct timeout sending; /* for the peer to take ours */
	struct timeout probing; /* whether it is still there while we do not read */

	struct h1_read read;
	struct block *in;	     /* owned; NULL when no byte is here */
	struct h1_conn *next_unused; /* in the server's pool */
	struct exchange *ex;	     /* owned until finish or detach; NULL when idle */

	uint64_t body_len;	/* bytes of the body so far: handed on, or thrown away */
	int64_t body_waited_ms; /* for the body, so far; 0 between bodies */
	int64_t take_waited_ms; /* for the peer to take of answers, before it waits again */

	struct tls_info *tls; /* counted; NULL: without TLS */
	void *maker;	      /* what its exchanges have in common: see exchange.h */
	struct pace *pace;    /* borrowed: of the route that was asked for last */
	int64_t asked_ms;     /* since when the body's next bytes are waited for */
	int64_t taking_ms;    /* when sending began, with what was waited before put in front */
	int64_t taken_first;  /* what the peer had taken when it was first waited for */
	int64_t taken;	      /* and by the last look */
	int64_t taken_ms;     /* when that was seen to grow */

	int body_error; /* what exchange_next() says from now on */

	uint8_t state;	  /* enum h1_state */
	bool is_pumping;  /* on the call stack: whoever queues need not flush */
	bool has_ended;	  /* the peer's last byte is here */
	bool has_orphan;  /* an exchange that was detached still reads our names */
	bool is_cut;	  /* the answer was broken off */
	bool must_linger; /* unread bytes may still come */
	bool keeps_alive; /* the answer under way did not say close */
	bool is_trusted;  /* the peer is a proxy of ours: see trust.h */

	/* all false when a request begins */
	bool is_chunked;     /* the answer is */
	bool is_until_close; /* the answer ends with the connection */
	bool owes_crlf;	     /* behind a chunk that is a file */
	bool has_continued;  /* 100 was sent */
	bool has_piece_out;  /* the application reads in our buffer */
	bool wants_body;     /* readable() is owed */
	bool wants_room;     /* writable() is owed */

	uint8_t client_len, local_len;
	char names[]; /* where from, where to */
};

/*
 * Starts to read; with another fault than FAULT_NONE it is only told so. label is that
 * of server_judge(). It may be over when this returns. -ENOMEM; the descriptor is taken
 * in any case, but not the label.
 */
MUST_USE int h1_conn_open(struct server *server, int take_fd, unsigned label, weir_str client,
			  weir_str local, enum fault fault);
/*
 * The same for a stream that had an early life; from is closed then. With TLS its
 * handshake has come to take_info; else NULL. On -ENOMEM from is not closed, but take_info
 * is taken.
 */
MUST_USE int h1_conn_open_moved(struct server *server, struct stream *from,
				struct tls_info *take_info, weir_str client, weir_str local);
/* Only to be told so. */
MUST_USE int h1_conn_refuse_moved(struct server *server, struct stream *from, weir_str client,
				  weir_str local, enum fault fault);
/* The worker stops: closes now if idle, else after what is in flight. */
void h1_conn_drain(struct h1_conn *c);
/* Closes at once; the application hears gone(). */
void h1_conn_lost(struct h1_conn *c);

/* The pool's memory: for the end of the server. */
void h1_conn_free_unused(struct server *server);

/* What a list of time-outs calls once a second: is the peer there, of whom nothing is read? */
void h1_conn_probe(struct timeout *timeout);

/* For the other four files. */
void h1_conn_set_state(struct h1_conn *c, enum h1_state state);
/* Goes as far as it can with the bytes that are here, and sends what was queued on the way. */
void h1_conn_pump(struct h1_conn *c);
/* Something was queued: it leaves at the latest at the end of this turn. */
void h1_conn_queued(struct h1_conn *c);
/* Reads on, if reading was paused. */
void h1_conn_resume(struct h1_conn *c);
/* Nothing more is answered: the connection ends when its queue is empty. */
void h1_conn_end(struct h1_conn *c);
/* The peer has seen our end, or need not: closes. */
void h1_conn_close(struct h1_conn *c);
/* Behind a 101: socket and queue are somebody else's now, and the connection is closed. */
void h1_conn_hand_over(struct h1_conn *c, struct stream *to, const struct stream_ops *ops);

#endif
