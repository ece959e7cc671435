#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "inflater.h"
#include "ws_frame.h"
#include "ws_session.h"

#define MAX_HEAD 8192
#define MAX_CONTROL 125

/* The pair of RFC 6455 §1.3. A key is there to be new each time; what we talk to is our own. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

#define OFFER                                            \
	"Sec-WebSocket-Extensions: permessage-deflate; " \
	"server_no_context_takeover; client_no_context_takeover\r\n"

static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };

static int dial(const struct plan *plan, int *ret_fd)
{
	const struct timeval patience = { .tv_sec = plan->patience_s };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)plan->port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	_cleanup_(close_fdp) int fd = -1;
	int one = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (plan->from) {
		/* The port is chosen when connecting: one that is free towards this server. */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		(void)inet_pton(AF_INET, plan->from, &from.sin_addr);
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			return -errno;
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	*ret_fd = steal_fd(fd);
	return 0;
}

static int write_hello(const struct plan *plan, uint32_t number, char *out, size_t max)
{
	const char *sharp = strchr(plan->path, '#');
	int before = sharp ? (int)(sharp - plan->path) : (int)strlen(plan->path);
	char own[32] = "";
	int n;

	if (sharp)
		(void)snprintf(own, sizeof(own), "%d-%u", (int)getpid(), number);
	n = snprintf(out, max,
		     "GET %.*s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Key: " KEY "\r\n%s\r\n",
		     before, plan->path, own, sharp ? sharp + 1 : "", plan->port,
		     plan->deflate == WSLOAD_PLAIN ? "" : OFFER);
	return n < 0 || (size_t)n >= max ? -E2BIG : n;
}

/* The head ends with its blank line; what follows it is not looked at. */
static int judge(struct load *l, struct session *s, const char *head)
{
	int first = (int)strcspn(head, "\r");

	if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
		return wsload_wrong(s, "refused: %.*s", first, head);
	if (!strcasestr(head, ACCEPT))
		return wsload_wrong(s, "101 without the right Sec-WebSocket-Accept");
	if (!strcasestr(head, "\r\nsec-websocket-extensions:"))
		return 0;
	if (l->plan.deflate == WSLOAD_PLAIN)
		return wsload_wrong(s, "an extension that was not offered");
	if (!strcasestr(head, "permessage-deflate") ||
	    !strcasestr(head, "server_no_context_takeover"))
		return wsload_wrong(s, "agreed to something else than was offered");
	s->has_deflate = true;
	l->n_deflate++;
	return 0;
}

static int feed(struct load *l, struct session *s, char *bytes, size_t n);

static int shake_hands(struct load *l, struct session *s)
{
	char head[MAX_HEAD + 1];
	size_t got = 0, head_len;
	char *end;
	int n, r;

	n = write_hello(&l->plan, s->number, head, sizeof(head));
	if (n < 0)
		return n;
	r = ws_session_send(s, head, (size_t)n);
	if (r < 0)
		return r;
	do {
		ssize_t more = recv(s->fd, head + got, MAX_HEAD - got, 0);

		if (more < 0)
			return wsload_wrong(s, "no answer: %s", strerror(errno));
		if (more == 0)
			return wsload_wrong(s, "closed after %zu bytes of an answer", got);
		got += (size_t)more;
		head[got] = '\0';
		end = strstr(head, "\r\n\r\n");
	} while (!end);
	head_len = (size_t)(end + 4 - head);
	/* A frame that came along may have anything in it. */
	memcpy(l->in, end + 4, got - head_len);
	end[4] = '\0';
	r = judge(l, s, head);
	if (r < 0)
		return r;
	if (l->plan.deflate == WSLOAD_PACKED && !s->has_deflate)
		return wsload_wrong(s, "permessage-deflate was refused");
	return feed(l, s, l->in, got - head_len);
}

int ws_session_open(struct load *l, struct session *s)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = s };
	int r;

	r = dial(&l->plan, &s->fd);
	if (r < 0)
		return wsload_wrong(s, "connecting: %s", strerror(-r));
	r = shake_hands(l, s);
	if (r < 0)
		return r;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &event) == 0 ? 0 : -errno;
}

void ws_session_close(struct session *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	free(s->cut);
	s->cut = NULL;
}

/* Blocks when the server does not read, but not for ever: SO_SNDTIMEO. */
int ws_session_send(struct session *s, const char *bytes, size_t len)
{
	ssize_t n;

	n = send(s->fd, bytes, len, MSG_NOSIGNAL);
	if (n == (ssize_t)len)
		return 0;
	return wsload_wrong(s, "it takes %zd bytes of %zu: %s", n, len,
			    n < 0 ? strerror(errno) : "it does not read");
}

static size_t put_masked(char *out, uint8_t first, const char *payload, size_t len)
{
	size_t n = ws_frame_put_head(out, first, true, len);

	memcpy(out + n, mask, sizeof(mask));
	ws_frame_mask(out + n + sizeof(mask), payload, len, mask);
	return n + sizeof(mask) + len;
}

int ws_session_write_batch(struct load *l, size_t turn)
{
	const struct plan *plan = &l->plan;
	bool is_packed = plan->deflate == WSLOAD_PACKED;
	uint8_t first = WS_FRAME_FIN | WS_FRAME_TEXT | (is_packed ? WS_FRAME_RSV1 : 0);
	const char *text = l->text + (long)turn * plan->at_once * plan->size;
	struct batch *batch = &l->batches[turn];

	batch->len = 0;
	for (long i = 0; i < plan->at_once; i++) {
		_cleanup_(freep) char *packed = NULL;
		const char *payload = text + i * plan->size;
		size_t len = (size_t)plan->size;
		int r;

		if (is_packed) {
			r = inflater_pack(payload, len, &packed, &len);
			if (r < 0)
				return r;
			payload = packed;
		}
		batch->len += put_masked(batch->frames + batch->len, first, payload, len);
	}
	return 0;
}

static int on_closed(struct session *s, const char *payload, size_t len)
{
	const uint8_t *p = (const uint8_t *)payload;

	if (len < 2)
		return wsload_wrong(s, "a close frame without a code");
	return wsload_wrong(s, "a close frame with %d \"%.*s\"", p[0] << 8 | p[1], (int)len - 2,
			    payload + 2);
}

static int on_message(struct load *l, struct session *s, char *payload, size_t len, bool is_packed)
{
	const char *text = payload;
	int r;

	if (is_packed) {
		r = inflater_read(l->inflater, payload, len, &text, &len);
		if (r < 0)
			return wsload_wrong(s, "a message that does not inflate, or too large");
		l->n_packed++;
	}
	return l->on_message(l, s, text, len);
}

/* The payload is complete. */
static int on_frame(struct load *l, struct session *s, const struct ws_frame *f, char *payload)
{
	char pong[WS_FRAME_MAX_HEAD + MAX_CONTROL];
	size_t len = (size_t)f->len;

	switch (f->first & ~WS_FRAME_RSV1) {
	case WS_FRAME_FIN | WS_FRAME_TEXT:
		if (f->first & WS_FRAME_RSV1 && !s->has_deflate)
			break;
		return on_message(l, s, payload, len, f->first & WS_FRAME_RSV1);
	case WS_FRAME_FIN | WS_FRAME_PING:
		if (len > MAX_CONTROL)
			break;
		return ws_session_send(
			s, pong, put_masked(pong, WS_FRAME_FIN | WS_FRAME_PONG, payload, len));
	case WS_FRAME_FIN | WS_FRAME_PONG:
		return 0;
	case WS_FRAME_FIN | WS_FRAME_CLOSE:
		return on_closed(s, payload, len);
	}
	return wsload_wrong(s, "a frame that begins with 0x%02x: not a whole text message",
			    f->first);
}

static int keep_cut(struct session *s, const char *bytes, size_t n)
{
	free(s->cut);
	s->cut = NULL;
	s->cut_len = (uint32_t)n;
	if (n == 0)
		return 0;
	s->cut = malloc(n);
	if (!s->cut)
		return -ENOMEM;
	memcpy(s->cut, bytes, n);
	return 0;
}

static int feed(struct load *l, struct session *s, char *bytes, size_t n)
{
	struct ws_frame f;
	int r;

	while (ws_frame_read(bytes, n, &f)) {
		if (f.is_masked)
			return wsload_wrong(s, "a masked frame");
		if (f.len > WSLOAD_MAX_SIZE)
			return wsload_wrong(s, "a frame of %llu bytes", (unsigned long long)f.len);
		if (n - f.head_len < f.len)
			break;
		r = on_frame(l, s, &f, bytes + f.head_len);
		if (r < 0)
			return r;
		bytes += f.head_len + f.len;
		n -= f.head_len + (size_t)f.len;
	}
	return n > 0 || s->cut ? keep_cut(s, bytes, n) : 0;
}

int ws_session_read(struct load *l, struct session *s)
{
	ssize_t n;
	size_t cut_len, space;
	int r;

	do {
		cut_len = s->cut_len;
		space = sizeof(l->in) - cut_len;
		if (cut_len > 0)
			memcpy(l->in, s->cut, cut_len);
		n = recv(s->fd, l->in + cut_len, space, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return wsload_wrong(s, "lost: %s", n < 0 ? strerror(errno) : "the end");
		r = feed(l, s, l->in, cut_len + (size_t)n);
		if (r < 0)
			return r;
	} while ((size_t)n == space); /* edge-triggered: nobody tells about the rest */
	return 0;
}
