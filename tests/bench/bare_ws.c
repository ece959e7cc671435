/*
 * bare_ws.c - the least that a WebSocket server can do. All frames that one
 * recv has brought are unmasked into one buffer and leave with one send, to
 * their sender or to each session of the room. Any data frame is passed on as
 * it is; nothing is checked, and a control frame ends the session.
 *
 * What is hard: a frame may be cut by the end of a recv, and a client that
 * does not read must not lose a message, up to a limit.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bare_ws.h"
#include "ws_frame.h"

#define KEY_FIELD "\r\nsec-websocket-key: "
#define KEY_LEN 24
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 §1.3 */
#define MAX_UNSENT (4 * 1024 * 1024)

struct bare_ws {
	bool is_broadcast;
	struct bare_ws_session **room; /* those who get broadcasts */
	size_t n_room;
	char in[128 * 1024];
	char out[128 * 1024]; /* never more than comes in: heads lose their mask */
};

struct bare_ws_session {
	int fd;
	size_t place; /* in the room */
	char *cut;    /* the beginning of a frame */
	size_t cut_len;
	char *unsent;
	size_t unsent_len;
};

int bare_ws_new(bool is_broadcast, struct bare_ws **ret)
{
	struct bare_ws *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->is_broadcast = is_broadcast;
	*ret = w;
	return 0;
}

/* The room grows by doubling: its size is a power of two. */
static int enter_room(struct bare_ws *w, struct bare_ws_session *s)
{
	struct bare_ws_session **room = w->room;

	if ((w->n_room & (w->n_room - 1)) == 0) {
		room = realloc(room, (w->n_room > 0 ? 2 * w->n_room : 1) *
					     sizeof(struct bare_ws_session *));
		if (!room)
			return -ENOMEM;
		w->room = room;
	}
	s->place = w->n_room;
	room[w->n_room++] = s;
	return 0;
}

static int accept_hello(int fd, const char *key)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	unsigned char accept[32];
	char text[256];
	int n;

	n = snprintf(text, sizeof(text), "%.*s" GUID, KEY_LEN, key);
	(void)SHA1((const unsigned char *)text, (size_t)n, digest);
	(void)EVP_EncodeBlock(accept, digest, sizeof(digest));
	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		     (const char *)accept);
	return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -EPIPE;
}

static const char *find_key(const char *head, size_t len)
{
	for (size_t i = 0; i + strlen(KEY_FIELD) + KEY_LEN <= len; i++) {
		if (head[i] == '\r' && strncasecmp(head + i, KEY_FIELD, strlen(KEY_FIELD)) == 0)
			return head + i + strlen(KEY_FIELD);
	}
	return NULL;
}

int bare_ws_hello(struct bare_ws *w, int fd, const char *head, size_t len,
		  struct bare_ws_session **ret)
{
	_cleanup_(freep) struct bare_ws_session *s = NULL;
	const char *key = find_key(head, len);
	int r;

	if (!key)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fd = fd;
	r = accept_hello(fd, key);
	if (r < 0)
		return r;
	r = enter_room(w, s);
	if (r < 0)
		return r;
	*ret = steal_ptr(s);
	return 1;
}

struct bare_ws_session *bare_ws_free(struct bare_ws *w, struct bare_ws_session *s)
{
	if (s) {
		w->room[s->place] = w->room[--w->n_room];
		w->room[s->place]->place = s->place;
		free(s->cut);
		free(s->unsent);
		free(s);
	}
	return NULL;
}

/* *p is replaced by a copy of these bytes. */
static int keep(char **p, size_t *len, const char *bytes, size_t n)
{
	char *copy = NULL;

	if (n > 0) {
		copy = malloc(n);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, bytes, n);
	}
	free(*p);
	*p = copy;
	*len = n;
	return 0;
}

/* In its order, behind what is waiting already. */
static int send_or_keep(struct bare_ws_session *s, const char *bytes, size_t n)
{
	ssize_t sent = 0;
	char *more;

	if (s->unsent_len == 0) {
		sent = send(s->fd, bytes, n, MSG_NOSIGNAL);
		if (sent == (ssize_t)n)
			return 0;
		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0)
			sent = 0;
	}
	bytes += sent;
	n -= (size_t)sent;
	if (s->unsent_len + n > MAX_UNSENT)
		return -ENOBUFS;
	more = realloc(s->unsent, s->unsent_len + n);
	if (!more)
		return -ENOMEM;
	memcpy(more + s->unsent_len, bytes, n);
	s->unsent = more;
	s->unsent_len += n;
	return 0;
}

int bare_ws_write(struct bare_ws_session *s)
{
	ssize_t n;

	while (s->unsent_len > 0) {
		n = send(s->fd, s->unsent, s->unsent_len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (keep(&s->unsent, &s->unsent_len, s->unsent + n, s->unsent_len - (size_t)n) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int pass_on(struct bare_ws *w, struct bare_ws_session *s, size_t n)
{
	if (!w->is_broadcast)
		return send_or_keep(s, w->out, n);
	/* Who cannot get it is ended by his own next event. */
	for (size_t i = 0; i < w->n_room; i++) {
		if (send_or_keep(w->room[i], w->out, n) < 0)
			(void)shutdown(w->room[i]->fd, SHUT_RDWR);
	}
	return 0;
}

static int on_bytes(struct bare_ws *w, struct bare_ws_session *s, size_t n)
{
	const char *in = w->in;
	const char *end = in + n;
	char *out = w->out;
	struct ws_frame f;
	int r;

	while (ws_frame_read(in, (size_t)(end - in), &f) &&
	       (size_t)(end - in) - f.head_len >= f.len) {
		if (!f.is_masked || f.first & 8)
			return -ESHUTDOWN;
		out += ws_frame_put_head(out, f.first, false, f.len);
		ws_frame_mask(out, in + f.head_len, f.len, f.mask);
		out += f.len;
		in += f.head_len + f.len;
	}
	if (in < end || s->cut) {
		r = keep(&s->cut, &s->cut_len, in, (size_t)(end - in));
		if (r < 0)
			return r;
	}
	return out > w->out ? pass_on(w, s, (size_t)(out - w->out)) : 0;
}

int bare_ws_read(struct bare_ws *w, struct bare_ws_session *s)
{
	size_t space;
	ssize_t n;
	int r;

	do {
		space = sizeof(w->in) - s->cut_len;
		if (space == 0)
			return -EMSGSIZE;
		if (s->cut_len > 0)
			memcpy(w->in, s->cut, s->cut_len);
		n = recv(s->fd, w->in + s->cut_len, space, 0);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -ESHUTDOWN;
		r = on_bytes(w, s, s->cut_len + (size_t)n);
		if (r < 0)
			return r;
	} while ((size_t)n == space); /* edge-triggered: nobody tells about the rest */
	return 0;
}
