/* trust.c - see trust.h. Its exchanges are marked by their maker: see make_ours() in h1_steps.c. */
#include "serve/trust.h"

#include <errno.h>

#include "base/log.h"
#include "base/str.h"
#include "serve/errpage.h"
#include "serve/server.h"

static void refuse(const struct trust *trust, struct exchange *ex, enum fault fault)
{
	char body[ERRPAGE_MAX];
	int status = fault_status(fault);
	weir_str page = { body, errpage_body(body, status, fault_words(fault)) };

	trust->server->n_refused++;
	log_write(trust->server->log, LOG_AT_INFO, "%.*s: refused with %d %s: %s",
		  WEIR_ARG(ex->client), status, fault_name(fault), fault_words(fault));
	if (exchange_respond(ex, status, WEIR_STR("text/plain; charset=utf-8"), NULL, 0, page) < 0)
		exchange_abort(ex);
	exchange_finish(ex);
}

static void on_start(struct exchange *ex)
{
	const struct trust *trust = container_of(ex->up, struct trust, up);
	struct forwarded f = { .client = { NULL, 0 } };
	enum fault fault = FAULT_OVERLOADED; /* what -ENOMEM comes to */

	/* What the exchange before this one was told is over. */
	ex->scheme = ex->tls ? WEIR_STR("https") : WEIR_STR("http");
	if (forwarded_read(&trust->proxies, ex->head.fields, ex->head.n_fields, &ex->arena, &f,
			   &fault) < 0) {
		refuse(trust, ex, fault);
		return;
	}
	if (f.client.ptr)
		ex->client = f.client;
	if (f.scheme.ptr)
		ex->scheme = f.scheme;
	if (f.host.ptr)
		ex->head.host = f.host;
	trust->next->start(ex);
}

void trust_init(struct trust *trust, struct server *server, const struct forwarded_trust *proxies,
		bool has_unix)
{
	*trust = (struct trust){ .proxies = *proxies,
				 .has_unix = has_unix,
				 .server = server,
				 .up = *server->up,
				 .next = server->up };
	trust->up.start = on_start;
	server->trust = trust;
}

bool trust_has(const struct trust *trust, weir_str name)
{
	struct inet inet;

	if (inet_parse_name(name, &inet) < 0)
		return trust->has_unix && str_starts(name, WEIR_STR("unix:"));
	return forwarded_trusts(&trust->proxies, &inet);
}
