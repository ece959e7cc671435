/*
 * relief.c - see relief.h. Whoever takes one block too many gets it; at the end
 * of the turn, when nothing else is on the stack, those pay whose peers have
 * kept buffers busy: most bytes times longest without progress first. A handler
 * that takes its time is not its client's fault: what only handlers hold is
 * left to them, and new requests are answered 503 until there is room.
 *
 * Looking through all connections takes a while, so each look finds several,
 * and frees a little more than it has to.
 */
#include "serve/relief.h"

#include "base/log.h"
#include "serve/h1_conn.h"
#include "serve/h1_steps.h"
#include "serve/h1_time.h"
#include "serve/h1_tunnel.h"
#include "serve/server.h"

/* Found in one look through all connections. */
#define PAYERS 32
#define SAY_AGAIN_MS 10000

struct payer {
	struct h1_conn *c;    /* either this */
	struct h1_tunnel *ht; /* or that */
	size_t held;
	int64_t idle_ms;
	uint64_t weight;
};

static size_t block_bytes(const struct block *b)
{
	return b ? sizeof(*b) + b->cap : 0;
}

/* What the blocks of a queue cost; they are taken for full. */
static size_t queue_bytes(const struct stream *s)
{
	return (s->out.queued + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
}

static size_t held_by(const struct h1_conn *c)
{
	size_t queued = queue_bytes(&c->stream);

	if (c->ex && c->ex->pinned != c->in)
		queued += block_bytes(c->ex->pinned);
	return queued + block_bytes(c->in);
}

/* In order of weight, heaviest first; the lightest falls out. */
static void note_payer(struct payer *payers, unsigned *n_payers, struct payer payer)
{
	unsigned i;

	if (*n_payers == PAYERS && payers[PAYERS - 1].weight >= payer.weight)
		return;
	i = *n_payers < PAYERS ? (*n_payers)++ : PAYERS - 1;
	for (; i > 0 && payers[i - 1].weight < payer.weight; i--)
		payers[i] = payers[i - 1];
	payers[i] = payer;
}

/* Might it pay? since_ms: since when nothing moves; -1: it is not waited for. */
static void weigh(struct server *server, struct payer *payers, unsigned *n_payers,
		  struct payer payer, int64_t since_ms)
{
	if (since_ms < 0 || payer.held == 0)
		return;
	payer.idle_ms = loop_now_ms(server->loop) - since_ms;
	payer.weight = payer.held * ((uint64_t)payer.idle_ms + 1);
	note_payer(payers, n_payers, payer);
}

static unsigned find_payers(struct server *server, struct payer payers[PAYERS])
{
	unsigned n_payers = 0;

	list_for_each (link, &server->conns) {
		struct h1_conn *c = list_entry(link, struct h1_conn, link);

		weigh(server, payers, &n_payers, (struct payer){ .c = c, .held = held_by(c) },
		      h1_time_idle_since(c));
	}
	list_for_each (link, &server->tunnels.open) {
		struct h1_tunnel *ht = list_entry(link, struct h1_tunnel, link);
		size_t held = queue_bytes(&ht->stream) + block_bytes(ht->tunnel.in) +
			      ht->tunnel.held;

		weigh(server, payers, &n_payers, (struct payer){ .ht = ht, .held = held },
		      h1_tunnel_idle_since(ht));
	}
	return n_payers;
}

/* Half a head can still be answered; everything else is cut off. */
static void make_pay(const struct payer *payer)
{
	struct h1_conn *c = payer->c;

	if (!c) {
		stream_reset(&payer->ht->stream);
		h1_tunnel_lost(payer->ht, "memory_budget is used up, and it was among the slowest");
		return;
	}
	if (c->state == H1_HEAD && !timeout_is_active(&c->sending)) {
		h1_steps_refuse(c, FAULT_OVERLOADED);
		h1_conn_pump(c);
		return;
	}
	/* Closed, the socket would keep its queue, and the kernel busy, for minutes. */
	stream_reset(&c->stream);
	h1_conn_lost(c);
}

/* Closed a moment ago, it still has its names: its memory goes later in the reap step. */
static void say_who_paid(const struct server *server, const struct payer *first, unsigned n)
{
	const struct h1_conn *c = first->c;

	log_write(server->log, LOG_AT_WARN,
		  "memory_budget (%zu KiB) is used up: the %u slowest connections are closed, "
		  "first %.*s: it held %zu KiB and moved nothing for %lld ms",
		  server->blocks.budget / 1024, n, c ? (int)c->client_len : 9,
		  c ? c->names : "a session", first->held / 1024, (long long)first->idle_ms);
}

/*
 * From left bytes down to goal, if it can be. What comes of it is computed, not
 * looked up: a block that a handler still reads in comes back when it returns.
 */
static size_t relieve(struct relief *relief, size_t left, size_t goal)
{
	struct payer payers[PAYERS];
	unsigned n_payers, n = 0;

	n_payers = find_payers(relief->server, payers);
	for (; n < n_payers && left > goal; n++) {
		left -= payers[n].held < left ? payers[n].held : left;
		make_pay(&payers[n]);
	}
	relief->n_paid += n;
	if (n > 0)
		say_who_paid(relief->server, &payers[0], n);
	return left;
}

static void say_nobody_can_pay(struct relief *relief)
{
	struct server *server = relief->server;
	int64_t now_ms = loop_now_ms(server->loop);

	if (now_ms - relief->said_ms < SAY_AGAIN_MS)
		return;
	relief->said_ms = now_ms;
	log_write(server->log, LOG_AT_WARN,
		  "memory_budget (%zu KiB) is used up by requests whose handlers still run: "
		  "new ones are answered 503",
		  server->blocks.budget / 1024);
}

static void on_run(struct loop_defer *defer)
{
	struct relief *relief = container_of(defer, struct relief, run);
	struct block_pool *blocks = &relief->server->blocks;
	size_t left = block_pool_bytes(blocks), before;

	if (left <= blocks->budget)
		return;
	do {
		before = left;
		left = relieve(relief, left, blocks->budget - blocks->budget / 16);
	} while (left > blocks->budget && left < before);
	block_pool_trim(blocks);
	if (left <= blocks->budget)
		return;
	relief->is_short = true;
	say_nobody_can_pay(relief);
}

static void on_over(struct block_pool *pool)
{
	struct server *server = container_of(pool, struct server, blocks);

	loop_defer(server->loop, &server->relief.run);
}

bool relief_is_needed(struct relief *relief)
{
	const struct block_pool *blocks = &relief->server->blocks;

	relief->is_short = relief->is_short && block_pool_bytes(blocks) > blocks->budget;
	return relief->is_short;
}

void relief_init(struct relief *relief, struct server *server, size_t budget)
{
	*relief = (struct relief){ .server = server, .said_ms = -SAY_AGAIN_MS };
	loop_defer_init(&relief->run, on_run);
	server->blocks.budget = budget;
	server->blocks.over = on_over;
}

void relief_done(struct relief *relief)
{
	loop_defer_cancel(&relief->run);
}
