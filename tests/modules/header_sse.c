/* header_sse.c - the example of weir/sse.h. */
#include <weir/weir.h>

static int news(weir_req *req)
{
	weir_sse *sse;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
	if (r < 0)
		return r;
	r = weir_sse_start(req, &sse, .heartbeat_ms = 20000);
	if (r < 0)
		return r;
	if (!weir_sse_last_id(req).ptr) {
		r = weir_sse_send(sse, .event = WEIR_STR("hello"), .id = WEIR_STR("1"),
				  .data = WEIR_STR("two\nlines"));
		if (r < 0)
			return r;
	}
	return weir_sse_relay(sse, sub, NULL);
}

extern const weir_handler_entry header_sse[];
const weir_handler_entry header_sse[] = { { "news", news, "GET", "/news", 0 }, { 0 } };
