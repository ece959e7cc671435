/*
 * request_ids.c - see request_ids.h. What is made costs requests nothing but for
 * who asks: a trace needs random bytes, and few have use for one.
 */
#include "app/request_ids.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <weir/http.h>

#include "app/req.h"
#include "app/site.h"
#include "proto/fields.h"

/* Empty: there is none, or there are several, of which none is the right one. */
static weir_str field(const struct req *req, weir_str name)
{
	weir_str value = { NULL, 0 };

	(void)!fields_get_only(req->scope.headers, req->scope.n_headers, name, &value);
	return value;
}

/* Among parent's children, or, if that is NULL, alone. -EAGAIN: no random bytes; -ENOMEM. */
static int make_trace(struct req *req, const struct traceparent *parent)
{
	unsigned char random[24];
	struct traceparent own;
	char *text;

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return -EAGAIN;
	traceparent_make(random, &own);
	if (parent) {
		own = *parent;
		traceparent_make_parent(random, &own);
	}
	text = arena_alloc(req->arena, TRACEPARENT_LEN);
	if (!text)
		return -ENOMEM;
	traceparent_format(&own, text);
	req->trace = text;
	return 0;
}

void request_ids_take(struct req *req)
{
	struct traceparent parent;
	weir_str id;

	if (req->site->ids != SITE_IDS_OF_ALL && !req->ex->is_trusted)
		return;
	id = field(req, WEIR_STR("x-request-id"));
	if (traceparent_is_id(id))
		req->scope.request_id = id;
	if (traceparent_parse(field(req, WEIR_STR("traceparent")), &parent) >= 0)
		(void)make_trace(req, &parent); /* else it has none */
}

weir_str request_ids_trace(const struct req *req)
{
	return (weir_str){ req->trace + TRACEPARENT_TRACE_AT, TRACEPARENT_TRACE_LEN };
}

void request_ids_words(weir_str id, char ret_text[REQUEST_IDS_LOG_MAX])
{
	ret_text[0] = '\0';
	if (id.len > 0)
		(void)snprintf(ret_text, REQUEST_IDS_LOG_MAX, " [%.*s]", WEIR_ARG(id));
}

const char *request_ids_for_log(const struct req *req, char text[REQUEST_IDS_LOG_MAX])
{
	request_ids_words(req->site->logs_ids ? req->scope.request_id : WEIR_STR(""), text);
	return text;
}

weir_str weir_traceparent(weir_req *pub)
{
	struct req *req = req_of(pub);

	if (!req->trace && make_trace(req, NULL) < 0)
		return (weir_str){ NULL, 0 };
	return (weir_str){ req->trace, TRACEPARENT_LEN };
}
