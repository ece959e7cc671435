#ifndef BENCH_WSLOAD_H
#define BENCH_WSLOAD_H
/*
 * wsload.h - what the modes of wsload share: sessions that are opened, read
 * and checked by ws_session.c, and one loop over them.
 *
 * Whatever is not as it should be ends the run: a function says it once, with
 * wsload_wrong(), and returns a negative errno that goes all the way up.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "gauge.h"

#define WSLOAD_MAX_SESSIONS 19990 /* descriptors for them, of 20 000 */
#define WSLOAD_MAX_AT_ONCE 64
#define WSLOAD_MAX_SIZE 65536
#define WSLOAD_MAX_SECONDS 600
#define WSLOAD_IN (256 * 1024)

enum wsload_deflate {
	WSLOAD_PLAIN,	/* permessage-deflate is not offered */
	WSLOAD_OFFERED, /* it is, but what we send is not compressed */
	WSLOAD_PACKED,	/* what we send is compressed */
};

/* What was asked for. */
struct plan {
	const char *mode;
	const char *path; /* '#' in it is what no other session has there */
	const char *from; /* source address */
	long port;
	long n_sessions;
	long seconds;
	long patience_s; /* for what must come or be taken */
	long at_once;
	long size;	 /* of a message */
	long n_messages; /* 0: until the time is over */
	enum wsload_deflate deflate;
};

struct session {
	int fd;
	uint32_t number;
	bool has_deflate; /* the server agreed to it */
	uint32_t cut_len;
	char *cut;	  /* the beginning of a frame whose rest has not come yet; owned */
	uint64_t n_sent;  /* messages whose echo shall come */
	uint64_t n_got;	  /* messages that were as expected */
	int64_t since_ns; /* when the last were sent */
};

/* What is sent at once. */
struct batch {
	char *frames; /* owned */
	size_t len;
};

struct load;

/* What a mode does with a message; with none, nothing may come. */
typedef int (*wsload_on_message)(struct load *l, struct session *s, const char *text, size_t len);

struct inflater;

struct load {
	struct plan plan;
	int epoll_fd;
	struct session *sessions;
	long n_open;
	long n_deflate; /* sessions that have it negotiated */
	wsload_on_message on_message;

	/*
	 * Two batches take turns, and their messages differ, so that one that
	 * comes twice is not taken for the next.
	 */
	char *text; /* their messages, plan.size bytes each; owned */
	struct batch batches[2];
	struct inflater *inflater; /* owned */

	uint64_t n_sent;
	uint64_t n_done;   /* messages that came as expected, all sessions together */
	uint64_t n_packed; /* of them, those that came compressed */
	uint64_t n_other;  /* messages before the first of ours was sent */
	uint64_t n_rounds;
	int64_t now_ns;
	int64_t started_ns;
	double cpu_s; /* used before that */
	struct gauge gauge;
	char in[WSLOAD_IN];
};

/* Says what is wrong with a session, and returns -EBADMSG. */
int wsload_wrong(const struct session *s, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Opens n sessions, reading what the others get meanwhile, until nothing comes
 * any more: welcomes, who else is there. Says "open" then.
 */
int wsload_open(struct load *l, long n) MUST_USE;

/* A line to whoever waits for it. */
void wsload_say(const char *word);

/* Waits at most so long for events and handles them; returns their number. */
int wsload_wait(struct load *l, int timeout_ms) MUST_USE;

/* From here on it is measured. */
void wsload_start(struct load *l);

/* The seconds, rates and counts common to all modes: a line of JSON. */
void wsload_report(const struct load *l);

/* The batch that follows so many messages. */
static inline size_t wsload_turn(const struct load *l, uint64_t n_sent)
{
	return n_sent / (uint64_t)l->plan.at_once % ARRAY_LEN(l->batches);
}

/* A message that must be the next of the n_sent that were sent to this session. */
int wsload_compare(struct load *l, struct session *s, const char *text, size_t len,
		   uint64_t n_sent) MUST_USE;

/* The modes. */
int wsload_echo(struct load *l) MUST_USE;
int wsload_idle(struct load *l) MUST_USE;
int wsload_broadcast(struct load *l) MUST_USE;

#endif
