/* header_asgi.c - the examples of weir/asgi.h. */
#include <weir/weir.h>

static int hello(weir_req *req)
{
	weir_header type = { WEIR_STR("content-type"), WEIR_STR("text/plain") };
	int r;

	r = weir_send(req, &(weir_event){ .type = WEIR_HTTP_START,
					  .status = 200,
					  .headers = &type,
					  .n_headers = 1 });
	if (r < 0)
		return r;
	return weir_send(
		req, &(weir_event){ .type = WEIR_HTTP_BODY, .body = WEIR_STR("hello, world\n") });
}

static int stamp(const weir_io *io, weir_req *req, const weir_event *ev)
{
	if (ev->type == WEIR_HTTP_START)
		weir_log(req, WEIR_LOG_INFO, "answers %d", ev->status);
	return io->next->send(io->next, req, ev);
}

WEIR_MIDDLEWARE(header_audit, NULL, stamp);

extern const weir_handler_entry header_asgi[];
const weir_handler_entry header_asgi[] = { { "hello", hello, NULL, NULL, 0 }, { 0 } };
