/* test_request_ids.c - whose word about a request's names is taken. */
#include "app/request_ids.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <weir/http.h>

#include "app/site.h"
#include "app_world.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define FIELDS                                                  \
	"GET /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1\r\n" \
	"Traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n\r\n"

static int say(weir_req *req)
{
	weir_str trace = weir_traceparent(req), again = weir_traceparent(req);
	char text[256];

	cr_expect(weir_str_eq(trace, again), "it keeps it");
	(void)snprintf(text, sizeof(text), "%.*s %.*s", WEIR_ARG(req->scope->request_id),
		       WEIR_ARG(trace));
	return weir_respond(req, 200, NULL, weir_strz(text));
}

static const char *ask(enum site_ids ids, const char *request)
{
	static char text[1024];
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	a->site.ids = ids;
	(void)app_world_route(a, "/x", say);
	client_send(c, request);
	(void)snprintf(text, sizeof(text), "%s", client_text(c));
	app_world_free(a);
	return strstr(text, "\r\n\r\n") + 4;
}

Test(request_ids, are_taken_from_whom_is_trusted)
{
	const char *said = ask(SITE_IDS_OF_ALL, FIELDS);

	cr_expect_eq(strncmp(said, "abc-1 00-" TRACE "-", 9 + 32 + 1), 0, "%s", said);
	cr_expect_null(strstr(said, "00f067aa0ba902b7"), "but the parent is this request");
	cr_expect_str_eq(said + strlen(said) - 3, "-01");
}

Test(request_ids, of_others_are_made)
{
	static const enum site_ids trusts[] = { SITE_IDS_MADE, SITE_IDS_OF_PROXIES };

	for (size_t i = 0; i < 2; i++) {
		const char *said = ask(trusts[i], FIELDS);

		cr_expect_eq(strspn(said, "0123456789abcdef"), SITE_ID_LEN, "%s", said);
		cr_expect_eq(strlen(said), SITE_ID_LEN + 1 + 55);
		cr_expect_null(strstr(said, TRACE));
		cr_expect_str_eq(said + strlen(said) - 3, "-00");
	}
}

Test(request_ids, bad_ones_are_made_anew)
{
	const char *said = ask(SITE_IDS_OF_ALL,
			       "GET /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n"
			       "Traceparent: 00-" TRACE "-0000000000000000-01\r\n\r\n");

	cr_expect_eq(strspn(said, "0123456789abcdef"), SITE_ID_LEN, "%s", said);
	cr_expect_null(strstr(said, TRACE));
}

/* Somebody on the way has added one: which of them is the right one, nobody knows. */
Test(request_ids, of_several_none_is_taken)
{
	const char *said = ask(SITE_IDS_OF_ALL,
			       "GET /x HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1\r\n"
			       "X-Request-Id: abc-2\r\n"
			       "Traceparent: 00-" TRACE "-00f067aa0ba902b7-01\r\n"
			       "Traceparent: 00-" TRACE "-00f067aa0ba902b8-01\r\n\r\n");

	cr_expect_eq(strspn(said, "0123456789abcdef"), SITE_ID_LEN, "%s", said);
	cr_expect_null(strstr(said, TRACE));
}

static int complain(weir_req *req)
{
	weir_log(req, WEIR_LOG_WARN, "so it is");
	return -EIO;
}

Test(request_ids, stand_in_the_log_where_that_is_wanted)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	a->site.ids = SITE_IDS_OF_ALL;
	a->site.logs_ids = true;
	(void)app_world_route(a, "/x", complain);
	client_send(c, FIELDS);
	h1_world_settle(a->w);
	cr_expect(strstr(h1_world_log(a->w), "so it is [abc-1]"));
	app_world_free(a);
}
