/* worker_conns.c - see worker_conns.h. Those that do not speak HTTP yet, in their handshake, are left out. */
#include "daemon/worker_conns.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"
#include "io/loop.h"
#include "io/sock.h"
#include "serve/h1_conn.h"
#include "serve/h1_tunnel.h"
#include "serve/server.h"

static const char *state_name(const struct h1_conn *c)
{
	static const char *const names[] = {
		[H1_IDLE] = "idle",	[H1_HEAD] = "head",	  [H1_BODY] = "body",
		[H1_ANSWER] = "answer", [H1_DISCARD] = "discard", [H1_FLUSHING] = "flushing",
		[H1_LINGER] = "linger", [H1_CLOSED] = "closed",
	};

	return c->state < ARRAY_LEN(names) ? names[c->state] : "?";
}

static weir_str client_of(const struct h1_conn *c)
{
	return (weir_str){ c->names, c->client_len };
}

/* Whose it is, so that one that comes to lie in the same place is not taken for it. */
static uint32_t tag_of_conn(const struct h1_conn *c)
{
	return ctl_request_tag(c, client_of(c));
}

static size_t peer_name(const struct h1_tunnel *ht, char ret_name[SOCK_NAME_MAX])
{
	struct sock_addr peer = { .len = sizeof(peer.ss) };

	if (getpeername(ht->stream.fd, (struct sockaddr *)&peer.ss, &peer.len) < 0)
		return 0;
	return sock_name(&peer, ret_name);
}

static uint32_t tag_of_tunnel(const struct h1_tunnel *ht)
{
	char name[SOCK_NAME_MAX];

	return ctl_request_tag(ht, (weir_str){ name, peer_name(ht, name) });
}

static void put_id(struct ctl_text *text, unsigned slot, uint32_t tag)
{
	struct ctl_id id = { .slot = slot, .tag = tag };
	char words[CTL_REQUEST_ID];

	ctl_text_cell(text, (weir_str){ words, ctl_request_id_text(&id, words) });
}

static void put_exchange(struct ctl_text *text, const struct h1_conn *c)
{
	char words[200];
	int n;

	if (!c->ex) {
		ctl_text_unknown(text);
		ctl_text_unknown(text);
		return;
	}
	n = snprintf(words, sizeof(words), "%.*s %.*s", WEIR_ARG(c->ex->head.method),
		     WEIR_ARG(c->ex->head.target));
	if (n >= (int)sizeof(words))
		n = sizeof(words) - 1;
	ctl_text_cell(text, (weir_str){ words, n > 0 ? (size_t)n : 0 });
	ctl_text_number(text, loop_now_ms(c->server->loop) - c->ex->started_ms);
}

static void put_conn(struct ctl_text *text, const struct h1_conn *c, unsigned slot)
{
	ctl_text_row(text);
	put_id(text, slot, tag_of_conn(c));
	ctl_text_cell(text, client_of(c));
	ctl_text_cell(text, (weir_str){ c->names + c->client_len, c->local_len });
	ctl_text_cell(text, weir_strz(c->tls ? "https/1.1" : "http/1.1"));
	ctl_text_cell(text, weir_strz(state_name(c)));
	put_exchange(text, c);
	ctl_text_number(text, (int64_t)c->stream.out.queued);
	ctl_text_row_end(text);
}

static void put_tunnel(struct ctl_text *text, const struct h1_tunnel *ht, unsigned slot)
{
	char name[SOCK_NAME_MAX];
	struct sock_addr local;

	ctl_text_row(text);
	put_id(text, slot, tag_of_tunnel(ht));
	ctl_text_cell(text, (weir_str){ name, peer_name(ht, name) });
	if (sock_local(ht->stream.fd, &local) >= 0)
		ctl_text_cell(text, (weir_str){ name, sock_name(&local, name) });
	else
		ctl_text_unknown(text);
	ctl_text_cell(text, weir_strz(ht->stream.tls ? "wss" : "ws"));
	ctl_text_cell(text, weir_strz(ht->is_ending ? "ending" : "open"));
	ctl_text_unknown(text);
	ctl_text_unknown(text);
	ctl_text_number(text, (int64_t)ht->stream.out.queued);
	ctl_text_row_end(text);
}

int worker_conns_write(const struct server *server, unsigned slot, struct buf *out)
{
	struct ctl_text text;

	ctl_text_init(&text, out);
	list_for_each (link, &server->conns)
		put_conn(&text, list_entry(link, struct h1_conn, link), slot);
	list_for_each (link, &server->tunnels.open)
		put_tunnel(&text, list_entry(link, struct h1_tunnel, link), slot);
	return text.r;
}

bool worker_conns_kill(struct server *server, uint32_t tag)
{
	list_for_each (link, &server->conns) {
		struct h1_conn *c = list_entry(link, struct h1_conn, link);

		if (tag_of_conn(c) == tag) {
			h1_conn_lost(c);
			return true;
		}
	}
	list_for_each (link, &server->tunnels.open) {
		struct h1_tunnel *ht = list_entry(link, struct h1_tunnel, link);

		if (tag_of_tunnel(ht) == tag) {
			h1_tunnel_lost(ht, "it was killed by weirctl");
			return true;
		}
	}
	return false;
}
