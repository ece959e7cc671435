/* ws_world.c - see ws_world.h. */
#include "ws_world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "ws_feed.h"

#define SHOWN_MAX 48

/* ---- the session's owner */

struct seat {
	struct ws_session session;
	struct ws_client *client;
};

static struct ws_client *client_of(const struct ws_session *s)
{
	return container_of((struct ws_session *)(uintptr_t)s, struct seat, session)->client;
}

static void on_readable(struct ws_session *s)
{
	client_of(s)->n_readable++;
	cr_assert_eq(client_of(s)->n_over, 0);
}

static void on_writable(struct ws_session *s)
{
	client_of(s)->n_writable++;
	cr_assert_eq(client_of(s)->n_over, 0);
}

void client_free_session(struct ws_client *c)
{
	struct seat *seat = container_of(c->session, struct seat, session);

	ws_session_done(&seat->session);
	free(seat);
	c->session = NULL;
}

static void on_over(struct ws_session *s)
{
	struct ws_client *c = client_of(s);
	weir_str reason = ws_session_close_reason(s);

	cr_assert_eq(++c->n_over, 1);
	c->state = s->state;
	c->code = s->close_code;
	memcpy(c->reason, reason.ptr ? reason.ptr : "", reason.len);
	c->reason[reason.len] = '\0';
	if (!c->keeps)
		client_free_session(c);
}

static weir_str on_client(const struct ws_session *s)
{
	return WEIR_STR("peer");
}

static const struct ws_session_up session_up = {
	.readable = on_readable,
	.writable = on_writable,
	.over = on_over,
	.client = on_client,
};

/* ---- the tunnel */

static struct ws_client *of_tunnel(struct tunnel *t)
{
	return container_of(t, struct ws_client, tunnel);
}

static void give_in(struct tunnel *t)
{
	t->in = block_give(&of_tunnel(t)->world->blocks, t->in);
}

static void on_taken(struct tunnel *t)
{
	if (t->in && block_len(t->in) == 0)
		give_in(t);
}

static void on_queued(struct tunnel *t)
{
	cr_assert(!of_tunnel(t)->has_ended && !of_tunnel(t)->was_aborted);
	of_tunnel(t)->is_flushing = true;
}

static void on_end(struct tunnel *t)
{
	on_queued(t);
	of_tunnel(t)->has_ended = true;
	give_in(t);
}

static void on_abort(struct tunnel *t)
{
	on_queued(t);
	of_tunnel(t)->was_aborted = true;
	give_in(t);
	outq_done(&of_tunnel(t)->out);
}

static const struct tunnel_down tunnel_down = {
	.taken = on_taken,
	.queued = on_queued,
	.end = on_end,
	.abort = on_abort,
};

static bool is_gone(const struct ws_client *c)
{
	return c->has_ended || c->was_aborted;
}

/* ---- the world */

struct ws_limits ws_world_limits(void)
{
	return (struct ws_limits){ .max_message = 64 * 1024 };
}

void ws_world_init(struct ws_world *w, const struct ws_limits *limits, size_t queue_budget)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	cr_assert_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_DEBUG);
	w->log.has_time = false;
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	block_pool_init(&w->blocks, 4);
	cr_assert_eq(ws_policy_init_shared(&w->shared, w->loop, &w->log, &w->blocks, queue_budget),
		     0);
	ws_policy_init(&w->policy, &w->shared, "route", limits);
}

void ws_world_assert_nothing_owned(struct ws_world *w)
{
	const struct ws_tools *tools = &w->shared.tools;

	cr_assert_eq(tools->intakes.n_taken, 0);
	cr_assert_eq(tools->rooms.n_taken, 0);
	cr_assert_eq(tools->inflaters.n_taken, 0);
	for (size_t i = 0; i < ARRAY_LEN(tools->deflaters); i++)
		cr_assert_eq(tools->deflaters[i].n_taken, 0);
	cr_assert_eq(w->blocks.n_taken, 0);
	cr_assert_eq(w->shared.queued, 0);
	cr_assert(list_is_empty(&w->shared.slow));
}

void ws_world_done(struct ws_world *w)
{
	ws_world_assert_nothing_owned(w);
	cr_assert_eq(w->shared.n_open, 0);
	ws_policy_done(&w->policy);
	ws_policy_done_shared(&w->shared);
	block_pool_done(&w->blocks);
	loop_free(w->loop);
	(void)close(w->log_fd);
	(void)close(w->log.fd);
}

struct alarm {
	struct timer timer;
	struct loop *loop;
};

static void on_alarm(struct timer *timer)
{
	loop_stop(container_of(timer, struct alarm, timer)->loop);
}

void ws_world_pass(struct ws_world *w, int64_t ms)
{
	struct alarm alarm = { .loop = w->loop };

	timer_init(&alarm.timer, on_alarm);
	loop_timer_start(w->loop, &alarm.timer, loop_now_ms(w->loop) + ms);
	loop_run(w->loop);
}

const char *ws_world_log(struct ws_world *w)
{
	ssize_t n = read(w->log_fd, w->log_text, sizeof(w->log_text) - 1);

	w->log_text[n > 0 ? n : 0] = '\0';
	return w->log_text;
}

/* ---- clients */

struct ws_client *client_new(struct ws_world *w, const struct ws_deflate_params *deflate)
{
	struct ws_client *c = calloc(1, sizeof(*c));
	struct seat *seat = calloc(1, sizeof(*seat));

	cr_assert(c && seat);
	c->world = w;
	outq_init(&c->out, &w->blocks);
	c->tunnel = (struct tunnel){ .down = &tunnel_down,
				     .out = &c->out,
				     .high_water = WS_WORLD_HIGH_WATER };
	seat->client = c;
	c->session = &seat->session;
	c->keeps_context = deflate && !deflate->no_server_context;
	ws_session_open(c->session, &w->policy, &session_up, &c->tunnel, deflate);
	return c;
}

void client_free(struct ws_client *c)
{
	if (c->session && !c->session->is_over) {
		c->keeps = false;
		client_vanishes(c);
	}
	if (c->session)
		client_free_session(c);
	if (c->inflater)
		(void)inflateEnd(c->inflater);
	free(c->inflater);
	give_in(&c->tunnel);
	outq_done(&c->out);
	buf_done(&c->unsent);
	buf_done(&c->seen);
	buf_done(&c->told);
	buf_done(&c->packed);
	free(c->got);
	free(c);
}

static void append(struct buf *b, const void *bytes, size_t len)
{
	cr_assert_eq(buf_append(b, bytes, len), 0);
}

/* False: there is no room. */
static bool put_some(struct ws_client *c)
{
	struct tunnel *t = &c->tunnel;
	size_t n;

	if (!t->in)
		t->in = block_take(&c->world->blocks, 0);
	cr_assert(t->in);
	n = block_room(t->in) < c->unsent.len ? block_room(t->in) : c->unsent.len;
	if (n == 0)
		return false;
	memcpy(t->in->data + t->in->end, c->unsent.data, n);
	t->in->end += n;
	buf_consume(&c->unsent, n);
	return true;
}

static void push(struct ws_client *c)
{
	while (!is_gone(c) && c->unsent.len > 0 && put_some(c)) {
		c->is_flushing = true;
		c->tunnel.up->readable(&c->tunnel);
	}
}

void client_puts(struct ws_client *c, uint8_t first, const char *payload)
{
	ws_feed_frame(&c->unsent, first, weir_strz(payload));
	cr_assert(put_some(c));
	cr_assert_eq(c->unsent.len, 0);
}

void client_sends_raw(struct ws_client *c, weir_str bytes)
{
	append(&c->unsent, bytes.ptr, bytes.len);
	push(c);
}

void client_sends(struct ws_client *c, uint8_t first, weir_str payload)
{
	ws_feed_frame(&c->unsent, first, payload);
	push(c);
}

void client_says(struct ws_client *c, const char *text)
{
	client_sends(c, 0x81, weir_strz(text));
}

void client_closes(struct ws_client *c, int code, const char *reason)
{
	char payload[128] = { (char)(code >> 8), (char)code };
	size_t len = strlen(reason);

	memcpy(payload + 2, reason, len);
	client_sends(c, 0x88, (weir_str){ payload, 2 + len });
}

void client_half_closes(struct ws_client *c)
{
	c->tunnel.is_ended = true;
	if (!is_gone(c))
		c->tunnel.up->readable(&c->tunnel);
}

void client_vanishes(struct ws_client *c)
{
	cr_assert(!is_gone(c));
	c->has_ended = true;
	give_in(&c->tunnel);
	outq_done(&c->out);
	c->tunnel.up->gone(&c->tunnel, NULL);
}

/* ---- what it hears */

static void take_once(struct ws_client *c, size_t n)
{
	struct outq *q = &c->out;

	c->is_flushing = c->is_flushing || q->queued > 0;
	while (n > 0 && q->queued > 0) {
		struct block *b = list_entry(q->blocks.next, struct block, link);
		size_t part = block_len(b) < n ? block_len(b) : n;

		append(&c->seen, b->data + b->start, part);
		b->start += part;
		q->queued -= part;
		n -= part;
		if (block_len(b) == 0) {
			list_del(&b->link);
			(void)block_give(q->pool, b);
		}
	}
}

static bool offer_room(struct ws_client *c)
{
	struct tunnel *t = &c->tunnel;

	if (is_gone(c) || !c->is_flushing || !t->wants_room || c->out.queued > t->high_water / 2) {
		c->is_flushing = false;
		return false;
	}
	t->wants_room = false;
	t->up->writable(t);
	return true;
}

void client_takes(struct ws_client *c, size_t n)
{
	take_once(c, n);
	(void)offer_room(c);
}

static const char *name_of(int opcode)
{
	switch (opcode) {
	case WS_OP_CONTINUATION:
		return "more";
	case WS_OP_TEXT:
		return "text";
	case WS_OP_BINARY:
		return "binary";
	case WS_OP_CLOSE:
		return "close";
	case WS_OP_PING:
		return "ping";
	case WS_OP_PONG:
		return "pong";
	default:
		return "?";
	}
}

static void tell_bytes(struct buf *out, weir_str bytes)
{
	if (bytes.len > SHOWN_MAX)
		buf_say(out, ":[%zu]", bytes.len);
	else
		buf_say(out, ":%.*s", WEIR_ARG(bytes));
}

static void inflate_all(struct ws_client *c)
{
	char *plain = malloc(1024 * 1024);
	z_stream *z = c->inflater;
	weir_str all = { plain, 0 };

	append(&c->packed, "\x00\x00\xff\xff", 4);
	if (!z) {
		z = calloc(1, sizeof(*z));
		cr_assert_eq(inflateInit2(z, -15), Z_OK);
		c->inflater = z;
	}
	if (!c->keeps_context)
		(void)inflateReset(z);
	z->next_in = (Bytef *)c->packed.data;
	z->avail_in = (uInt)c->packed.len;
	z->next_out = (Bytef *)plain;
	z->avail_out = 1024 * 1024;
	cr_assert_eq(inflate(z, Z_SYNC_FLUSH), Z_OK);
	cr_assert_eq(z->avail_in, 0);
	all.len = 1024 * 1024 - z->avail_out;
	tell_bytes(&c->told, all);
	buf_clear(&c->packed);
	free(plain);
}

static void on_frame(struct ws_client *c, uint8_t first, weir_str payload)
{
	int opcode = first & 15;
	bool is_last = first & 0x80;

	if (c->told.len > 0)
		buf_say(&c->told, " ");
	if (first & 0x40) {
		c->is_packed = true;
		c->packed_as = opcode;
	}
	if (opcode == WS_OP_CLOSE) {
		cr_assert_neq(payload.len, 1);
		if (payload.len == 0) {
			buf_say(&c->told, "close:");
			return;
		}
		buf_say(&c->told, "close:%d",
			(uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1]);
		tell_bytes(&c->told, (weir_str){ payload.ptr + 2, payload.len - 2 });
		return;
	}
	if (c->is_packed && opcode < WS_OP_CLOSE) {
		append(&c->packed, payload.ptr, payload.len);
		if (!is_last) {
			buf_say(&c->told, "z");
			return;
		}
		buf_say(&c->told, "z:%s", name_of(c->packed_as));
		c->is_packed = false;
		inflate_all(c);
		return;
	}
	buf_say(&c->told, "%s%s", name_of(opcode), is_last ? "" : "+");
	tell_bytes(&c->told, payload);
}

/* The first frame, if all of it is there. */
static bool parse(struct ws_client *c)
{
	const uint8_t *p = (const uint8_t *)c->seen.data;
	size_t have = c->seen.len, header = 2, len;

	if (have < 2)
		return false;
	cr_assert_eq(p[1] & 0x80, 0);
	len = p[1];
	if (len == 126) {
		header = 4;
		len = have < 4 ? SIZE_MAX / 2 : (size_t)p[2] << 8 | p[3];
	} else if (len == 127) {
		header = 10;
		len = SIZE_MAX / 2;
		if (have >= 10) {
			len = 0;
			for (int i = 2; i < 10; i++)
				len = len << 8 | p[i];
		}
	}
	if (have < header + len)
		return false;
	on_frame(c, p[0], (weir_str){ c->seen.data + header, len });
	buf_consume(&c->seen, header + len);
	return true;
}

const char *client_hears(struct ws_client *c)
{
	do {
		take_once(c, SIZE_MAX);
	} while (offer_room(c) || c->out.queued > 0);
	buf_clear(&c->told);
	while (parse(c))
		;
	append(&c->told, "", 1);
	return c->told.data;
}

/* ---- what the owner does */

const char *client_pull(struct ws_client *c, bool is_whole)
{
	_cleanup_(buf_done) struct buf out;
	struct ws_event ev;
	int r;

	buf_init(&out, 0);
	r = ws_inbox_next(c->session, is_whole, &ev);
	while (r == -EAGAIN && c->unsent.len > 0) {
		push(c);
		if (!c->session)
			return "closed";
		r = ws_inbox_next(c->session, is_whole, &ev);
	}
	free(c->got);
	c->got = NULL;
	if (r == -EAGAIN)
		return "again";
	if (r == 0)
		return "closed";
	if (r == -EPIPE)
		return "lost";
	cr_assert_eq(r, 1);
	cr_assert(!is_whole || (ev.is_first && ev.is_last));
	buf_say(&out, "%s%s", ev.is_first ? (ev.is_text ? "text" : "binary") : "more",
		ev.is_last ? "" : "+");
	tell_bytes(&out, ev.bytes);
	c->got = buf_steal(&out);
	return c->got;
}

ssize_t client_begin(struct ws_client *c, const char *text, bool is_last)
{
	return ws_outbox_begin(c->session, true, is_last, weir_strz(text));
}

weir_str world_filler(size_t len)
{
	static char filler[1024 * 1024];
	uint32_t x = 1;

	cr_assert_leq(len, sizeof(filler));
	for (size_t i = 0; filler[sizeof(filler) - 1] == '\0' && i < sizeof(filler); i++) {
		x = x * 1103515245 + 12345;
		filler[i] = (char)('a' + (x >> 16) % 26);
	}
	return (weir_str){ filler, len };
}
