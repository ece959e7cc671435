/*
 * bare.c - the least a server can do: the yardstick that scripts/bench puts
 * beside weir. It parses nothing: each blank line is taken for the end of a
 * request and answered with the same bytes. One recv and one send for whatever
 * has arrived, edge-triggered epoll, one thread, 127.0.0.1 only.
 *
 *	bench_bare PORT			keep-alive
 *	bench_bare PORT --close		closes after the first answer
 *	bench_bare PORT --size=N	keep-alive; answers have a body of N bytes
 *	bench_bare PORT -W		keep-alive; a WebSocket echoes what it gets
 *	bench_bare PORT -B		the same; a WebSocket sends it to all of them
 *
 * A request to upgrade must come in one piece, and nothing with it.
 * What is hard: a blank line may arrive in two parts, and a client that does
 * not read must not lose an answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bare_ws.h"
#include "base/macro.h"

#define BLANK_LINE "\r\n\r\n"
#define BLANK_LINE_LEN 4
#define MAX_OPEN_FILES 20000
#define MAX_EVENTS 256
#define CONN_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)
#define BATCH 64 /* copies of the answer that go out in one send, if they are small */
#define BATCH_BYTES ((size_t)1 << 20)
#define MAX_BODY ((size_t)1 << 28)

#define HEAD                                      \
	"HTTP/1.1 200 OK\r\nServer: bare\r\n"     \
	"Date: Fri, 20 Nov 2026 18:00:00 GMT\r\n" \
	"Content-Type: text/plain\r\n"
#define BODY "hello, world\n"

struct server {
	int listen_fd;
	int epoll_fd;
	bool is_once;	    /* close after the first answer */
	struct bare_ws *ws; /* NULL: there are no WebSockets */
	char in[65536];
	char *answers; /* n_answers of them, back to back */
	size_t answer_len, n_answers;
	size_t body_len; /* 0: that of BODY */
};

struct conn {
	int fd;
	unsigned matched;		 /* how much of a blank line the bytes so far end with */
	size_t n_owed;			 /* answers not yet sent completely */
	size_t sent;			 /* bytes of the first of them that are sent */
	struct bare_ws_session *session; /* NULL until it is upgraded */
};

/* How many blank lines end in these bytes, the first maybe begun by the bytes before. */
static size_t count_heads(const char *p, size_t len, unsigned *matched)
{
	const char *end = p + len;
	size_t n = 0;

	for (; *matched > 0 && p < end; p++) {
		if (*p != BLANK_LINE[*matched])
			*matched = *p == '\r';
		else if (++*matched == BLANK_LINE_LEN) {
			*matched = 0;
			n++;
		}
	}
	for (const char *q; (q = memmem(p, (size_t)(end - p), BLANK_LINE, BLANK_LINE_LEN)); n++)
		p = q + BLANK_LINE_LEN;
	for (unsigned k = BLANK_LINE_LEN - 1; k > 0 && *matched == 0; k--) {
		if (end - p >= k && memcmp(end - k, BLANK_LINE, k) == 0)
			*matched = k;
	}
	return n;
}

static int watch(const struct server *s, int how, int fd, struct conn *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	return epoll_ctl(s->epoll_fd, how, fd, &event) == 0 ? 0 : -errno;
}

/*
 * 0 when everything owed is sent or the client has to read first. Only then is
 * writability watched: a new connection, always writable, would wake us for it.
 */
static int conn_send(struct conn *c, const struct server *s)
{
	while (c->n_owed > 0) {
		size_t n = c->n_owed < s->n_answers ? c->n_owed : s->n_answers;
		size_t len = n * s->answer_len - c->sent;
		ssize_t sent;

		sent = send(c->fd, s->answers + c->sent, len, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return watch(s, EPOLL_CTL_MOD, c->fd, c, CONN_EVENTS | EPOLLOUT);
		if (sent < 0)
			return -errno;
		c->n_owed -= (c->sent + (size_t)sent) / s->answer_len;
		c->sent = (c->sent + (size_t)sent) % s->answer_len;
	}
	return s->is_once ? -ESHUTDOWN : 0;
}

/* 1 if it is a WebSocket from now on. Writability is an edge as well: it costs one event. */
static int conn_upgrade(struct conn *c, struct server *s, size_t n)
{
	int r;

	r = bare_ws_hello(s->ws, c->fd, s->in, n, &c->session);
	if (r > 0 && watch(s, EPOLL_CTL_MOD, c->fd, c, CONN_EVENTS | EPOLLOUT) < 0)
		return -EIO;
	return r;
}

/* A negative errno, -ESHUTDOWN among them, when the connection has ended. */
static int conn_read(struct conn *c, struct server *s)
{
	ssize_t n;
	int r;

	do {
		n = recv(c->fd, s->in, sizeof(s->in), 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return -ESHUTDOWN;
		r = s->ws ? conn_upgrade(c, s, (size_t)n) : 0;
		if (r != 0)
			return r < 0 ? r : 0;
		c->n_owed += count_heads(s->in, (size_t)n, &c->matched);
		r = c->n_owed > 0 ? conn_send(c, s) : 0;
		if (r < 0)
			return r;
	} while (n == sizeof(s->in));
	return 0;
}

static int conn_on_event(struct conn *c, struct server *s, uint32_t events)
{
	bool is_readable = events & ~(uint32_t)EPOLLOUT;
	int r = 0;

	if (c->session) {
		if (events & EPOLLOUT)
			r = bare_ws_write(c->session);
		return r == 0 && is_readable ? bare_ws_read(s->ws, c->session) : r;
	}
	if (events & EPOLLOUT && c->n_owed > 0)
		r = conn_send(c, s);
	return r == 0 && is_readable ? conn_read(c, s) : r;
}

static void on_event(struct server *s, struct conn *c, uint32_t events)
{
	if (conn_on_event(c, s, events) == 0)
		return;
	(void)bare_ws_free(s->ws, c->session);
	(void)close(c->fd);
	free(c);
}

static void accept_all(struct server *s)
{
	int one = 1;
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));

		if (!c) {
			(void)close(fd);
			continue;
		}
		c->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (watch(s, EPOLL_CTL_ADD, fd, c, CONN_EVENTS) < 0) {
			(void)close(fd);
			free(c);
		}
	}
}

/* The answers, back to back: as many as are worth a send. */
static int write_answers(struct server *s)
{
	size_t body_len = s->body_len ? s->body_len : strlen(BODY);
	char head[sizeof(HEAD) + 80];
	int head_len = snprintf(head, sizeof(head), "%sContent-Length: %zu\r\n%s\r\n", HEAD,
				body_len, s->is_once ? "Connection: close\r\n" : "");

	s->answer_len = (size_t)head_len + body_len;
	s->n_answers = BATCH_BYTES / s->answer_len;
	s->n_answers = s->n_answers < 1 ? 1 : s->n_answers < BATCH ? s->n_answers : BATCH;
	s->answers = malloc(s->n_answers * s->answer_len);
	if (!s->answers)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_answers; i++) {
		char *answer = s->answers + i * s->answer_len;

		memcpy(answer, head, (size_t)head_len);
		if (s->body_len)
			memset(answer + head_len, 'x', body_len);
		else
			memcpy(answer + head_len, BODY, body_len);
	}
	return 0;
}

static int prepare(struct server *s, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1, r;

	r = write_answers(s);
	if (r < 0)
		return r;
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0)
		return -errno;
	(void)setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(s->listen_fd, 4096) < 0)
		return -errno;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return -errno;
	return watch(s, EPOLL_CTL_ADD, s->listen_fd, NULL, EPOLLIN);
}

/* Ends with the process: whoever started it sends TERM. */
static void serve(struct server *s)
{
	struct epoll_event events[MAX_EVENTS];

	for (;;) {
		int n = epoll_wait(s->epoll_fd, events, MAX_EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (!events[i].data.ptr)
				accept_all(s);
			else
				on_event(s, events[i].data.ptr, events[i].events);
		}
	}
}

int main(int argc, char **argv)
{
	const struct rlimit files = { MAX_OPEN_FILES, MAX_OPEN_FILES };
	long port = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	const char *mode = argc > 2 ? argv[2] : "";
	bool is_once = strcmp(mode, "--close") == 0;
	bool is_broadcast = strcmp(mode, "-B") == 0;
	bool has_ws = is_broadcast || strcmp(mode, "-W") == 0;
	size_t body_len = strncmp(mode, "--size=", 7) == 0 ? strtoul(mode + 7, NULL, 10) : 0;
	struct server *s;
	int r = 0;

	if (port < 1 || port > UINT16_MAX || argc > 3 || body_len > MAX_BODY ||
	    (argc == 3 && !is_once && !has_ws && body_len == 0)) {
		fprintf(stderr, "usage: %s PORT [--close | --size=N | -W | -B]\n", argv[0]);
		return 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files); /* fewer connections, then */
	s = calloc(1, sizeof(*s));
	if (!s)
		return 1;
	s->is_once = is_once;
	s->body_len = body_len;
	if (has_ws)
		r = bare_ws_new(is_broadcast, &s->ws);
	if (r == 0)
		r = prepare(s, (uint16_t)port);
	if (r < 0) {
		fprintf(stderr, "%s: port %ld: %s\n", argv[0], port, strerror(-r));
		return 1;
	}
	serve(s);
}
