/*
 * events.c - whoever listens to a topic gets what anybody posts to it, whichever
 * worker they are connected to. In two terminals:
 *
 *	curl -N http://127.0.0.1:8000/events/news
 *	curl -d 'it rains' http://127.0.0.1:8000/events/news
 *
 * A page reads it with three lines of JavaScript, and comes back by itself when
 * the server restarts or the network was gone:
 *
 *	const events = new EventSource("/events/news");
 *	events.onmessage = (event) => console.log(event.data);
 */
#include <weir/weir.h>

#define MAX_WORDS 4096

/* Until the listener leaves, or the worker stops. */
static int listen(weir_req *req)
{
	weir_sse *sse;
	weir_sub *sub;
	int r;

	r = weir_subscribe(req, &sub, .topic = weir_param(req, "topic"));
	if (r < 0)
		return r;
	r = weir_sse_start(req, &sse);
	if (r < 0)
		return r;
	/* The client comes back two seconds after it was cut off. */
	r = weir_sse_send(sse, .retry_ms = 2000);
	if (r < 0)
		return r;
	return weir_sse_relay(sse, sub, NULL);
}

static int post(weir_req *req)
{
	weir_str words;
	int r;

	r = weir_body(req, MAX_WORDS, &words);
	if (r < 0)
		return r; /* too many: 413 */
	r = weir_publish(req, weir_param(req, "topic"), words, 0);
	if (r == -EBADMSG)
		return weir_respond(req, 400, "text/plain", WEIR_STR("UTF-8, please\n"));
	if (r < 0)
		return r;
	return weir_respond(req, 202, "text/plain", WEIR_STR("told\n"));
}

WEIR_MODULE(.name = "events",
	    .handlers = WEIR_HANDLERS({ "listen", listen, "GET", "/events/{topic}", 0 },
				      { "post", post, "POST", "/events/{topic}", 0 }));
