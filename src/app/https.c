/* https.c - see https.h. */
#include "app/https.h"

#include <stdio.h>

#include "app/req.h"
#include "proto/host.h"
#include "serve/errpage.h"
#include "serve/exchange.h"

bool https_make(struct https_rules *rules, unsigned redirect_port, int64_t hsts_ms,
		bool has_subdomains)
{
	*rules = (struct https_rules){ .redirect_port = redirect_port };
	if (hsts_ms > 0)
		(void)snprintf(rules->hsts, sizeof(rules->hsts), "max-age=%lld%s",
			       (long long)(hsts_ms / 1000),
			       has_subdomains ? "; includeSubDomains" : "");
	return redirect_port > 0 || hsts_ms > 0;
}

/* The same URL with https; ptr NULL: no memory. */
static weir_str make_location(struct exchange *ex, unsigned port)
{
	weir_str host = host_name(ex->head.host), path = ex->uri.raw_path, query = ex->uri.query;
	size_t max = sizeof("https://:65535?") + host.len + path.len + query.len;
	char *text = arena_bytes(&ex->arena, max);
	char colon[16] = "";
	int len;

	if (!text)
		return (weir_str){ NULL, 0 };
	if (port != 443)
		(void)snprintf(colon, sizeof(colon), ":%u", port);
	len = snprintf(text, max, "https://%.*s%s%.*s%s%.*s", WEIR_ARG(host), colon, WEIR_ARG(path),
		       query.len > 0 ? "?" : "", WEIR_ARG(query));
	return (weir_str){ text, (size_t)len };
}

/* 308: what was POSTed is POSTed again, there. */
static void redirect(struct exchange *ex, unsigned port)
{
	weir_header location = { WEIR_STR("location"), make_location(ex, port) };
	char body[ERRPAGE_MAX];
	weir_str page = { body, errpage_body(body, 308, "use https") };

	if (!location.value.ptr || exchange_respond(ex, 308, WEIR_STR("text/plain; charset=utf-8"),
						    &location, 1, page) < 0)
		exchange_abort(ex);
	exchange_finish(ex);
}

/* A proxy in front of us may have taken the TLS off. */
static bool is_secure(const struct exchange *ex)
{
	return weir_str_eq(ex->scheme, WEIR_STR("https"));
}

COLD void https_tell(const struct https_rules *rules, struct exchange *ex)
{
	if (!rules->hsts[0] || !is_secure(ex))
		return;
	exchange_add_field(ex, &(weir_header){ WEIR_STR("strict-transport-security"),
					       weir_strz(rules->hsts) });
}

COLD bool https_apply(const struct https_rules *rules, struct exchange *ex, const char *name)
{
	https_tell(rules, ex);
	if (is_secure(ex) || rules->redirect_port == 0)
		return false;
	if (ex->head.host.len == 0)
		req_refuse_for(ex, name, FAULT_H1_HOST_MISSING, NULL, 0);
	else
		redirect(ex, rules->redirect_port);
	return true;
}
