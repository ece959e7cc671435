/* h1_world.c - see h1_world.h. */
#include "h1_world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_AT_ONCE 8
#define TURNS_MAX 2000

/* ---- the application */

static struct visit *visit_of(const struct exchange *ex)
{
	return ex->owner;
}

static void on_start(struct exchange *ex)
{
	struct h1_world *w = ex->up_arg;
	struct visit *v = &w->visits[w->n_visits++];

	cr_assert_lt(w->n_visits, H1_WORLD_VISITS);
	*v = (struct visit){ .world = w, .ex = ex };
	buf_init(&v->body, 0);
	ex->owner = v;
	w->start(v);
}

static void on_readable(struct exchange *ex)
{
	struct visit *v = visit_of(ex);

	v->n_readable++;
	v->world->readable(v);
}

static void on_writable(struct exchange *ex)
{
	struct visit *v = visit_of(ex);

	v->n_writable++;
	v->world->writable(v);
}

static void on_gone(struct exchange *ex)
{
	struct visit *v = visit_of(ex);

	v->n_gone++;
	if (!v->is_left)
		visit_finish(v);
}

static const struct exchange_up up = {
	.start = on_start,
	.readable = on_readable,
	.writable = on_writable,
	.gone = on_gone,
};

void visit_nothing(struct visit *v)
{
}

void visit_finish(struct visit *v)
{
	struct exchange *ex = v->ex;

	v->ex = NULL;
	exchange_finish(ex);
}

void visit_head(struct visit *v, int status, int64_t length)
{
	cr_assert_eq(exchange_head(v->ex, status, length, NULL, 0), 0);
}

void visit_piece(struct visit *v, const char *text)
{
	cr_assert_eq(exchange_piece(v->ex, weir_strz(text)), (ssize_t)strlen(text));
}

void visit_end(struct visit *v)
{
	cr_assert_eq(exchange_end(v->ex, NULL, 0), 0);
}

void visit_reply(struct visit *v, int status, const char *body)
{
	visit_head(v, status, (int64_t)strlen(body));
	visit_piece(v, body);
	visit_end(v);
	visit_finish(v);
}

void visit_at_once(struct visit *v)
{
	weir_str target = v->ex->head.target;

	cr_assert_eq(exchange_head(v->ex, 200, (int64_t)target.len, NULL, 0), 0);
	cr_assert_eq(exchange_piece(v->ex, target), (ssize_t)target.len);
	visit_end(v);
	visit_finish(v);
}

void visit_drink(struct visit *v)
{
	weir_str piece;
	int r;

	while ((r = exchange_next(v->ex, &piece)) == 1)
		cr_assert_eq(buf_append_str(&v->body, piece), 0);
	v->error = r;
}

void visit_pull(struct visit *v)
{
	visit_drink(v);
	if (v->error == -EAGAIN)
		return;
	if (v->error < 0) {
		visit_reply(v, fault_status(v->ex->fault), "");
		return;
	}
	cr_assert_eq(buf_append(&v->body, "", 1), 0);
	visit_reply(v, 200, v->body.data);
	v->body.len--;
}

void visit_pour(struct visit *v)
{
	char water[4096];

	memset(water, '~', sizeof(water));
	while (v->to_send > 0) {
		size_t n = v->to_send < sizeof(water) ? v->to_send : sizeof(water);
		ssize_t taken = exchange_piece(v->ex, (weir_str){ water, n });

		cr_assert_geq(taken, 0);
		v->to_send -= (size_t)taken;
		if ((size_t)taken < n)
			return;
	}
	visit_end(v);
	visit_finish(v);
}

/* ---- the world */

static void on_drained(struct server *server)
{
	container_of(server, struct h1_world, server)->n_drained++;
}

struct h1_world *h1_world_new(void)
{
	static const struct server_limits limits = {
		.head = { .max_head = 32768, .max_target = 8192, .max_fields = 100 },
		.request_memory = 1024 * 1024,
		.high_water = 16384,
		.handshake_ms = 10000,
		.header_ms = 10000,
		.keep_alive_ms = 75000,
		.pace = { .body_ms = 20000,
			  .send_ms = 30000,
			  .min_rate = 240,
			  .average_ms = 20000 },
	};
	struct h1_world *w = calloc(1, sizeof(*w));
	int fds[2];

	(void)signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_DEBUG);
	w->log.has_time = false;
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	cr_assert_eq(server_init(&w->server, w->loop, &w->log, &limits), 0);
	w->server.up = &up;
	w->server.up_arg = w;
	w->server.drained = on_drained;
	w->start = visit_nothing;
	w->readable = visit_pull;
	w->writable = visit_nothing;
	return w;
}

void h1_world_close(struct h1_world *w)
{
	if (w->is_closed)
		return;
	w->is_closed = true;
	for (unsigned i = 0; i < w->n_clients; i++) {
		client_close(w->clients[i]);
		buf_done(&w->clients[i]->bytes);
		free(w->clients[i]);
	}
	h1_world_settle(w);
	server_close_all(&w->server);
	for (unsigned i = 0; i < w->n_visits; i++) {
		if (w->visits[i].ex)
			visit_finish(&w->visits[i]);
		buf_done(&w->visits[i].body);
	}
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 0);
	cr_assert(list_is_empty(&w->server.conns));
	cr_assert_eq(w->server.exchanges.n_live, 0);
	cr_assert_eq(w->server.blocks.n_taken, 0);
	server_done(&w->server);
}

void h1_world_free(struct h1_world *w)
{
	h1_world_close(w);
	loop_free(w->loop);
	(void)close(w->log_fd);
	(void)close(w->log.fd);
	free(w);
}

void h1_world_settle(struct h1_world *w)
{
	for (int i = 0; i < TURNS_AT_ONCE; i++)
		loop_turn(w->loop, false);
}

struct alarm {
	struct timer timer;
	struct loop *loop;
};

static void on_alarm(struct timer *timer)
{
	loop_stop(container_of(timer, struct alarm, timer)->loop);
}

void h1_world_pass(struct h1_world *w, int64_t ms)
{
	struct alarm alarm = { .loop = w->loop };

	h1_world_settle(w);
	timer_init(&alarm.timer, on_alarm);
	loop_timer_start(w->loop, &alarm.timer, loop_now_ms(w->loop) + ms);
	loop_run(w->loop);
	h1_world_settle(w);
}

const char *h1_world_log(struct h1_world *w)
{
	size_t len = strlen(w->text);
	ssize_t n = read(w->log_fd, w->text + len, sizeof(w->text) - len - 1);

	w->text[len + (n > 0 ? (size_t)n : 0)] = '\0';
	return w->text;
}

/* ---- clients */

static struct client *client_add(struct h1_world *w, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	cr_assert_lt(w->n_clients, H1_WORLD_CLIENTS);
	w->clients[w->n_clients++] = c;
	c->world = w;
	c->fd = fd;
	buf_init(&c->bytes, 0);
	return c;
}

static struct client *client_pair(struct h1_world *w, int type)
{
	struct client *c;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	c = client_add(w, fds[0]);
	server_accept(&w->server, fds[1], WEIR_STR("192.0.2.7:51234"), WEIR_STR("192.0.2.1:80"));
	return c;
}

struct client *client_new(struct h1_world *w)
{
	return client_pair(w, SOCK_STREAM);
}

struct client *client_new_packets(struct h1_world *w)
{
	return client_pair(w, SOCK_SEQPACKET);
}

struct client *client_new_tcp(struct h1_world *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, small = 4096;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;
	socklen_t len = sizeof(in);
	struct client *c;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listening, (struct sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(listen(listening, 1), 0);
	cr_assert_eq(getsockname(listening, (struct sockaddr *)&in, &len), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	cr_assert_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	accepted = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	cr_assert_geq(accepted, 0);
	(void)close(listening);
	(void)setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	c = client_add(w, fd);
	server_accept(&w->server, accepted, WEIR_STR("127.0.0.1:51234"), WEIR_STR("127.0.0.1:80"));
	return c;
}

size_t client_push(struct client *c, const void *bytes, size_t len)
{
	ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

void client_send_bytes(struct client *c, const void *bytes, size_t len)
{
	const char *p = bytes;

	for (int i = 0; len > 0 && i < TURNS_MAX; i++) {
		size_t n = client_push(c, p, len);

		p += n;
		len -= n;
		h1_world_settle(c->world);
	}
	cr_assert_eq(len, 0);
	h1_world_settle(c->world);
}

void client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

size_t client_sip(struct client *c, size_t max)
{
	char bytes[65536];
	ssize_t n;

	if (c->fd < 0 || c->has_ended || c->was_reset)
		return 0;
	n = recv(c->fd, bytes, max < sizeof(bytes) ? max : sizeof(bytes), MSG_DONTWAIT);
	if (n > 0)
		cr_assert_eq(buf_append(&c->bytes, bytes, (size_t)n), 0);
	if (n == 0)
		c->has_ended = true;
	if (n < 0 && errno == ECONNRESET)
		c->was_reset = true;
	return n > 0 ? (size_t)n : 0;
}

/* Takes lines out of heads that are different each time, or each time the same. */
static void cut_line(char *text, const char *start, size_t len)
{
	char *at;

	while ((at = strstr(text, start)))
		memmove(at + 2, at + len, strlen(at + len) + 1);
}

const char *client_text(struct client *c)
{
	h1_world_settle(c->world);
	for (int i = 0; i < TURNS_MAX && client_sip(c, SIZE_MAX) > 0; i++)
		h1_world_settle(c->world);
	cr_assert_lt(c->bytes.len, sizeof(c->text));
	if (c->bytes.len > 0)
		memcpy(c->text, c->bytes.data, c->bytes.len);
	c->text[c->bytes.len] = '\0';
	cut_line(c->text, "\r\ndate: ", strlen("\r\ndate: ") + CLOCK_HTTP_DATE + 2);
	cut_line(c->text, "\r\nserver: weir\r\n", strlen("\r\nserver: weir\r\n"));
	return c->text;
}

void client_forget(struct client *c)
{
	(void)client_text(c);
	buf_clear(&c->bytes);
}

bool client_is_closed(struct client *c)
{
	(void)client_text(c);
	return c->has_ended || c->was_reset;
}

void client_half_close(struct client *c)
{
	cr_assert_eq(shutdown(c->fd, SHUT_WR), 0);
	h1_world_settle(c->world);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	h1_world_settle(c->world);
}

void client_reset(struct client *c)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(c);
}
