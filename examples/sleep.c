/*
 * sleep.c - answers later, and holds nobody else up meanwhile.
 *
 *	curl http://127.0.0.1:8000/sleep/500
 *
 * The route's {ms} is a parameter. It comes from the client: it is checked
 * here, and whoever sends nonsense gets a 400.
 */
#include <weir/weir.h>

#define LONGEST_MS 60000

/* Digits only. -1 for anything else, or beyond LONGEST_MS. */
static int parse_ms(weir_str text)
{
	int ms = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c < '0' || c > '9')
			return -1;
		ms = ms * 10 + (c - '0');
		if (ms > LONGEST_MS)
			return -1;
	}
	return text.len > 0 ? ms : -1;
}

static int sleep_then_answer(weir_req *req)
{
	int ms = parse_ms(weir_param(req, "ms"));
	int r;

	if (ms < 0)
		return weir_respond(
			req, 400, "text/plain",
			weir_printf(req, "milliseconds, please: 0 to %d\n", LONGEST_MS));

	r = weir_sleep(ms);
	if (r < 0)
		return r; /* the client did not wait, or the worker stops */
	return weir_respond(req, 200, "text/plain", weir_printf(req, "slept %d ms\n", ms));
}

WEIR_MODULE(.name = "sleep",
	    .handlers = WEIR_HANDLERS({ "sleep", sleep_then_answer, "GET", "/sleep/{ms}", 0 }));
