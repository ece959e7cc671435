/* test_h1_tunnel.c - behind a 101: bytes both ways, back-pressure both ways, and every way to end. */
#include "serve/h1_tunnel.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "h1_world.h"
#include "oom.h"

#define UPGRADE "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n"

/* The owner of the one tunnel of a test. */
static struct owner {
	struct tunnel *t; /* NULL when it is over */
	bool reads;	  /* takes what comes */
	bool echoes;	  /* and sends it back, as far as there is room */
	bool ends_at_end;
	bool pours; /* sends whenever there is room */
	unsigned n_readable, n_writable, n_drain, n_gone;
	const char *why;
	struct buf bytes; /* what came */
} owner;

static void send_text(const char *text, size_t len)
{
	cr_assert_eq(outq_append(owner.t->out, text, len), 0);
	tunnel_queued(owner.t);
}

static void work(void)
{
	static const char many[4000];
	struct tunnel *t = owner.t;

	while (owner.pours && tunnel_has_room(t))
		send_text(many, sizeof(many));

	while (owner.reads && t->in && (!owner.echoes || tunnel_has_room(t))) {
		size_t n = block_len(t->in);

		cr_assert_eq(buf_append(&owner.bytes, t->in->data + t->in->start, n), 0);
		if (owner.echoes)
			send_text(t->in->data + t->in->start, n);
		t->in->start += n;
		tunnel_taken(t);
	}
	if (t->is_ended && !t->in && owner.ends_at_end) {
		tunnel_end(t);
		owner.t = NULL;
	}
}

static void on_readable(struct tunnel *t)
{
	owner.n_readable++;
	work();
}

static void on_writable(struct tunnel *t)
{
	owner.n_writable++;
	work();
}

static void on_drain(struct tunnel *t)
{
	owner.n_drain++;
	send_text("bye", 3);
	tunnel_end(t);
	owner.t = NULL;
}

static void on_gone(struct tunnel *t, const char *why)
{
	owner.n_gone++;
	owner.why = why;
	owner.t = NULL;
}

static const struct tunnel_up up = { on_readable, on_writable, on_drain, on_gone };

static const weir_header fields[] = { { { "upgrade", 7 }, { "test", 4 } } };

static void upgrade(struct visit *v)
{
	cr_assert_eq(exchange_upgrade(v->ex, fields, 1, &owner.t), 0);
	owner.t->up = &up;
	cr_assert_eq(v->ex->status, 101);
	cr_assert_eq(v->ex->phase, EXCHANGE_ENDED);
	cr_assert(exchange_is_gone(v->ex));
	visit_finish(v);
}

static struct h1_world *tunnel_world(void)
{
	struct h1_world *w = h1_world_new();

	w->start = upgrade;
	owner = (struct owner){ .reads = true, .echoes = true };
	buf_init(&owner.bytes, (size_t)64 * 1024 * 1024);
	return w;
}

static void leave(struct h1_world *w)
{
	if (owner.t) {
		tunnel_abort(owner.t);
		owner.t = NULL;
		h1_world_settle(w);
	}
	buf_done(&owner.bytes);
	h1_world_free(w);
}

Test(h1_tunnel, carries_bytes_both_ways)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	cr_assert_str_eq(client_text(c), SWITCHED);
	client_forget(c);
	client_send(c, "one");
	client_send(c, "GET / HTTP/1.1\r\n\r\n"); /* not HTTP any more */
	cr_assert_str_eq(client_text(c), "oneGET / HTTP/1.1\r\n\r\n");
	cr_assert_eq(w->n_visits, 1u);
	cr_assert_eq(w->server.n_conns, 1u);
	leave(w);
}

/* Tasks in place of an owner that works at once: they are called by the loop. */
static struct tasks {
	bool aborts;
	unsigned n_worked;
	size_t n_left; /* bytes that a whole turn found in the queue */
} tasks;

static bool run_tasks(void *arg, bool is_short)
{
	if (!owner.t)
		return false;
	if (!is_short) {
		tasks.n_left += owner.t->out->queued;
		return false;
	}
	if (!owner.t->in)
		return false;
	tasks.n_worked++;
	if (tasks.aborts) {
		tunnel_abort(owner.t);
		owner.t = NULL;
		return false;
	}
	owner.reads = true;
	work();
	owner.reads = false;
	return false;
}

Test(h1_tunnel, who_was_woken_answers_before_the_next_is_read)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	tasks = (struct tasks){ 0 };
	client_send(c, UPGRADE);
	client_forget(c);
	owner.reads = false;
	loop_set_turn(w->loop, run_tasks, NULL);
	client_send(c, "one");
	cr_assert_str_eq(client_text(c), "one");
	cr_assert_eq(tasks.n_worked, 1u);
	cr_assert_eq(tasks.n_left, 0u, "sent with the event, not at the end of the turn");
	cr_assert_eq(w->server.blocks.n_taken, 0u);
	leave(w);
}

Test(h1_tunnel, who_was_woken_may_end_it)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	tasks = (struct tasks){ .aborts = true };
	client_send(c, UPGRADE);
	cr_assert_str_eq(client_text(c), SWITCHED);
	owner.reads = false;
	loop_set_turn(w->loop, run_tasks, NULL);
	client_send(c, "one");
	cr_assert_eq(tasks.n_worked, 1u);
	cr_assert_eq(w->server.n_conns, 0u);
	leave(w);
}

Test(h1_tunnel, loses_nothing_that_came_behind_the_request)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE "early");
	cr_assert_str_eq(client_text(c), SWITCHED "early");
	leave(w);
}

Test(h1_tunnel, answers_what_was_pipelined_before_it_first)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	w->start = visit_at_once;
	client_send(c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
	w->start = upgrade;
	client_send(c, UPGRADE "x");
	cr_assert_str_eq(client_text(c),
			 "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/a" SWITCHED "x");
	leave(w);
}

Test(h1_tunnel, holds_no_buffer_while_it_is_idle)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE "x");
	(void)client_text(c);
	cr_assert_eq(w->server.blocks.n_taken, 0u);
	cr_assert_eq(w->server.exchanges.n_live, 0u);
	leave(w);
}

Test(h1_tunnel, holds_back_a_peer_that_nobody_reads)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	static char many[60000];
	size_t sent;

	memset(many, 'm', sizeof(many));
	client_send(c, UPGRADE);
	owner.reads = false;
	owner.echoes = false;
	sent = client_push(c, many, sizeof(many));
	cr_assert_gt(sent, BLOCK_SIZE);
	h1_world_settle(w);
	cr_assert_eq(w->server.blocks.n_taken, 1u);
	owner.reads = true;
	work();
	h1_world_settle(w);
	cr_assert_eq(owner.bytes.len, sent);
	cr_assert_eq(w->server.blocks.n_taken, 0u);
	leave(w);
}

Test(h1_tunnel, sees_a_peer_that_leaves_while_nobody_reads)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new_tcp(w);
	static char many[60000];

	client_send(c, UPGRADE);
	owner.reads = false;
	(void)client_push(c, many, sizeof(many));
	h1_world_settle(w);
	client_reset(c);
	h1_world_pass(w, 1500);
	cr_assert_eq(owner.n_gone, 1u);
	cr_assert_null(owner.why);
	leave(w);
}

Test(h1_tunnel, waits_for_a_peer_that_does_not_read)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	static char many[100000];
	size_t room = 0;

	client_send(c, UPGRADE);
	(void)client_text(c);
	while (tunnel_has_room(owner.t)) {
		send_text(many, 4000);
		room += 4000;
		h1_world_settle(w);
		cr_assert_lt(room, (size_t)4000000);
	}
	cr_assert_eq(owner.n_writable, 0u);
	client_forget(c);
	while (owner.n_writable == 0 && client_sip(c, 4000) > 0)
		h1_world_settle(w);
	cr_assert_eq(owner.n_writable, 1u);
	cr_assert(tunnel_has_room(owner.t));
	leave(w);
}

Test(h1_tunnel, cuts_off_a_peer_that_takes_nothing)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	static char many[4000];

	client_send(c, UPGRADE);
	(void)client_text(c);
	while (tunnel_has_room(owner.t)) {
		send_text(many, sizeof(many));
		h1_world_settle(w);
	}
	h1_world_pass(w, 29000);
	cr_assert_eq(owner.n_gone, 0u);
	h1_world_pass(w, 3000);
	cr_assert_eq(owner.n_gone, 1u);
	cr_assert_not_null(owner.why);
	cr_assert_eq(w->server.n_slow, 1u);
	leave(w);
}

static void upgrade_on_an_impatient_route(struct visit *v)
{
	const struct pace_limits limits = { .send_ms = 5000 };
	struct pace *pace;

	cr_assert_eq(server_pace(&v->world->server, &limits, &pace), 0);
	exchange_set_pace(v->ex, pace);
	upgrade(v);
}

Test(h1_tunnel, has_the_time_limit_of_its_route)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	static char many[4000];

	w->start = upgrade_on_an_impatient_route;
	client_send(c, UPGRADE);
	(void)client_text(c);
	while (tunnel_has_room(owner.t)) {
		send_text(many, sizeof(many));
		h1_world_settle(w);
	}
	h1_world_pass(w, 4000);
	cr_assert_eq(owner.n_gone, 0u);
	h1_world_pass(w, 3000);
	cr_assert_eq(owner.n_gone, 1u);
	leave(w);
}

/* ---- those who take by drops */

/* On a socket pair: TCP acknowledges in its own time, which is not virtual. */
static struct h1_world *pouring_world(struct client **ret_client)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	client_forget(c);
	owner.pours = true;
	work();
	h1_world_settle(w);
	*ret_client = c;
	return w;
}

/* So many bytes every time, until it is cut off; how many times it was not. */
static int sip_along(struct client *c, size_t n, int64_t pause_ms, int max)
{
	for (int i = 0; i < max; i++) {
		h1_world_pass(c->world, pause_ms);
		if (owner.n_gone > 0)
			return i;
		(void)client_sip(c, n);
	}
	return max;
}

Test(h1_tunnel, cuts_off_who_takes_by_drops)
{
	struct client *c;
	struct h1_world *w = pouring_world(&c);

	/* It has as long as it could have stopped. */
	w->server.pace.limits.min_rate = 50000;
	cr_assert_eq(sip_along(c, 30000, 1000, 100), 29);
	cr_assert_str_eq(owner.why, "it takes what is sent to it too slowly");
	cr_assert_eq(w->server.n_slow, 1u);
	leave(w);
}

Test(h1_tunnel, is_patient_with_who_takes_enough)
{
	struct client *c;
	struct h1_world *w = pouring_world(&c);

	cr_assert_eq(sip_along(c, 20000, 1000, 600), 600);
	leave(w);
}

/* It stops for a while, and then goes on: that is send_timeout's, not the average's. */
Test(h1_tunnel, does_not_call_a_pause_slow)
{
	struct client *c;
	struct h1_world *w = pouring_world(&c);

	for (int i = 0; i < 10; i++) {
		cr_assert_eq(sip_along(c, 1, 28000, 1), 1);
		cr_assert_eq(sip_along(c, 60000, 10, 20), 20);
		buf_clear(&c->bytes);
	}
	leave(w);
}

/* On average of all the time it would be for twice as long. */
Test(h1_tunnel, cuts_off_who_was_quick_once)
{
	struct client *c;
	struct h1_world *w = pouring_world(&c);
	int n;

	w->server.pace.limits.min_rate = 50000;
	cr_assert_eq(sip_along(c, 65536, 1000, 600), 600);
	buf_clear(&c->bytes);
	n = sip_along(c, 20000, 1000, 1000);
	cr_assert_lt(n, 150);
	cr_assert_str_eq(owner.why, "it takes what is sent to it too slowly");
	leave(w);
}

/* The kernel takes a burst each time, and the queue is empty for a moment: one average. */
static void sip_in_bursts(int64_t pause_ms, uint64_t min_rate)
{
	struct client *c;
	struct h1_world *w = pouring_world(&c);

	w->server.pace.limits.min_rate = min_rate;
	for (int i = 0; i < 200 && owner.n_gone == 0; i++) {
		(void)sip_along(c, 65536, pause_ms, 1);
		for (int k = 0; k < 3 && owner.n_gone == 0; k++) {
			(void)client_sip(c, 65536);
			h1_world_settle(w);
		}
		buf_clear(&c->bytes);
	}
	cr_assert_eq(owner.n_gone, 1u);
	leave(w);
}

Test(h1_tunnel, adds_up_the_waits)
{
	sip_in_bursts(2500, 200000);
}

/* Once a second it is looked whether somebody is slow, and each wait may be shorter. */
Test(h1_tunnel, adds_up_waits_that_nobody_has_looked_at)
{
	sip_in_bursts(600, 1000000);
}

Test(h1_tunnel, counts_nothing_against_who_waits_for_its_owner)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new_tcp(w);

	client_send(c, UPGRADE);
	for (int i = 0; i < 100; i++) {
		h1_world_pass(w, 60000);
		send_text("tick", 4);
		(void)client_text(c);
	}
	cr_assert_eq(owner.n_gone, 0u);
	leave(w);
}

static void upgrade_on_a_patient_route(struct visit *v)
{
	const struct pace_limits limits = { .send_ms = 30000, .average_ms = 20000 };
	struct pace *pace;

	cr_assert_eq(server_pace(&v->world->server, &limits, &pace), 0);
	exchange_set_pace(v->ex, pace);
	upgrade(v);
}

Test(h1_tunnel, asks_the_rate_of_its_route)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	w->start = upgrade_on_a_patient_route;
	client_send(c, UPGRADE);
	client_forget(c);
	owner.pours = true;
	work();
	h1_world_settle(w);
	cr_assert_eq(sip_along(c, 2000, 1000, 100), 100);
	leave(w);
}

Test(h1_tunnel, tells_of_the_peers_end_and_ends_behind_it)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	owner.ends_at_end = true;
	client_send(c, UPGRADE "last words");
	client_half_close(c);
	cr_assert_str_eq(client_text(c), SWITCHED "last words");
	cr_assert(client_is_closed(c));
	cr_assert_eq(owner.n_gone, 0u);
	cr_assert_eq(w->server.n_conns, 0u);
	leave(w);
}

Test(h1_tunnel, sends_what_is_queued_and_waits_a_while_for_the_peers_end)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	send_text("farewell", 8);
	tunnel_end(owner.t);
	owner.t = NULL;
	h1_world_settle(w);
	cr_assert_str_eq(client_text(c), SWITCHED "farewell");
	cr_assert_eq(w->server.n_conns, 1u);
	client_send(c, "nobody reads this");
	h1_world_pass(w, 1000);
	cr_assert_eq(w->server.n_conns, 1u);
	h1_world_pass(w, 1500);
	cr_assert_eq(w->server.n_conns, 0u);
	leave(w);
}

Test(h1_tunnel, ends_at_once_when_the_peer_does_too)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	tunnel_end(owner.t);
	owner.t = NULL;
	h1_world_settle(w);
	cr_assert_eq(w->server.n_conns, 1u);
	client_half_close(c);
	cr_assert_eq(w->server.n_conns, 0u);
	leave(w);
}

Test(h1_tunnel, resets_when_it_is_aborted)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new_tcp(w);

	client_send(c, UPGRADE);
	(void)client_text(c);
	tunnel_abort(owner.t);
	owner.t = NULL;
	h1_world_settle(w);
	cr_assert(client_is_closed(c));
	cr_assert(c->was_reset);
	cr_assert_eq(w->server.n_conns, 0u);
	leave(w);
}

Test(h1_tunnel, says_goodbye_when_the_worker_stops)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	server_drain(&w->server);
	h1_world_settle(w);
	cr_assert_eq(owner.n_drain, 1u);
	cr_assert_str_eq(client_text(c), SWITCHED "bye");
	cr_assert_eq(w->n_drained, 0u);
	client_half_close(c);
	cr_assert_eq(w->n_drained, 1u);
	leave(w);
}

Test(h1_tunnel, is_cut_off_at_the_end_of_the_grace)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	client_send(c, UPGRADE);
	server_close_all(&w->server);
	h1_world_settle(w);
	cr_assert_eq(owner.n_gone, 1u);
	cr_assert_not_null(owner.why);
	cr_assert(client_is_closed(c));
	leave(w);
}

Test(h1_tunnel, pays_for_the_memory_it_holds)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	static char many[4000];

	client_send(c, UPGRADE);
	while (tunnel_has_room(owner.t)) {
		send_text(many, sizeof(many));
		h1_world_settle(w);
	}
	h1_world_pass(w, 1000);
	w->server.blocks.budget = 1;
	block_pool_trim(&w->server.blocks);
	(void)block_give(&w->server.blocks, block_take(&w->server.blocks, BLOCK_SIZE * 2));
	h1_world_settle(w);
	cr_assert_eq(owner.n_gone, 1u);
	cr_assert(strstr(owner.why, "memory_budget"));
	cr_assert(strstr(h1_world_log(w), "memory_budget"));
	leave(w);
}

/* Half a large message that never goes on. */
Test(h1_tunnel, pays_for_what_its_owner_holds)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);
	struct block *held;

	owner.echoes = false;
	client_send(c, UPGRADE);
	owner.t->held = 100000;
	client_send(c, "x");
	h1_world_pass(w, 1000);
	w->server.blocks.budget = 20000;
	block_pool_trim(&w->server.blocks);
	held = block_take(&w->server.blocks, BLOCK_SIZE * 2);
	h1_world_settle(w);
	cr_assert_eq(owner.n_gone, 1u);
	(void)block_give(&w->server.blocks, held);
	leave(w);
}

static void fail_to_upgrade(struct visit *v)
{
	for (unsigned n = 1;; n++) {
		int r;

		oom_fail_at(n);
		r = exchange_upgrade(v->ex, fields, 1, &owner.t);
		if (!oom_has_failed()) {
			cr_assert_eq(r, 0);
			cr_assert_gt(n, 1u);
			break;
		}
		cr_assert_eq(r, -ENOMEM);
		cr_assert_eq(v->ex->phase, EXCHANGE_WAITING);
		cr_assert_eq(v->ex->status, 0);
	}
	owner.t->up = &up;
	visit_finish(v);
}

Test(h1_tunnel, changes_nothing_without_memory)
{
	struct h1_world *w = tunnel_world();
	struct client *c = client_new(w);

	w->start = fail_to_upgrade;
	client_send(c, UPGRADE "rest");
	cr_assert_str_eq(client_text(c), SWITCHED "rest");
	leave(w);
}

static void upgrade_twice(struct visit *v)
{
	struct tunnel *other;

	cr_assert_eq(exchange_upgrade(v->ex, fields, 1, &owner.t), 0);
	owner.t->up = &up;
	cr_assert_eq(exchange_upgrade(v->ex, fields, 1, &other), -EPIPE);
	visit_finish(v);
}

static void upgrade_too_late(struct visit *v)
{
	struct tunnel *none;

	visit_head(v, 200, 0);
	cr_assert_eq(exchange_upgrade(v->ex, fields, 1, &none), -EPROTO);
	visit_end(v);
	visit_finish(v);
}

Test(h1_tunnel, is_made_once_and_before_anything_is_answered)
{
	struct h1_world *w = tunnel_world();

	w->start = upgrade_twice;
	client_send(client_new(w), UPGRADE);
	w->start = upgrade_too_late;
	client_send(client_new(w), UPGRADE);
	leave(w);
}
