/* test_ws_turns_receive.c - sessions with functions for messages, which also receive by themselves. */
#include <criterion/criterion.h>

#include "app/ws.h"
#include "app_ws.h"

/* What the functions leave for their test; each test is a process of its own. */
static int n_closed, seen;

static void count_close(weir_req *req, weir_ws *ws, void *state)
{
	n_closed++;
}

/* The first message belongs to open(): a name, say. */
static int open_and_ask(weir_req *req, void *state)
{
	weir_str name;
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	seen = r = weir_ws_recv(ws, &name);
	return r > 0 ? weir_ws_send(ws, weir_printf(req, "hello %.*s", WEIR_ARG(name))) : r;
}

/* And what follows a message may belong to it. */
static int ask_for_more(weir_req *req, weir_ws *ws, void *state, weir_str message)
{
	weir_str first = weir_printf(req, "%.*s", WEIR_ARG(message)), second;
	int r;

	seen = r = weir_ws_recv(ws, &second);
	if (r <= 0)
		return r;
	return weir_ws_send(ws, weir_printf(req, "%.*s+%.*s", WEIR_ARG(first), WEIR_ARG(second)));
}

WEIR_WS_HANDLERS(asker, .open = open_and_ask, .message = ask_for_more, .close = count_close);

Test(ws_turns_receive, functions_may_receive)
{
	struct app_world *a = app_ws_turns_world(&asker);
	struct client *c = app_ws_open(a, "/", "");

	app_ws_say(c, "ann");
	cr_assert_str_eq(app_ws_text(c), "101 text:hello ann");
	app_ws_say(c, "a");
	app_ws_say(c, "b");
	app_ws_say(c, "c");
	app_ws_say(c, "d");
	cr_assert_str_eq(app_ws_text(c), "101 text:hello ann text:a+b text:c+d");
	app_ws_say(c, "e");
	app_ws_close(c);
	cr_assert_eq(seen, 0);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}

Test(ws_turns_receive, who_receives_in_open_hears_of_the_end)
{
	struct app_world *a = app_ws_turns_world(&asker);
	struct client *c = app_ws_open(a, "/", "");

	seen = 1;
	app_ws_close(c);
	cr_assert_eq(seen, 0);
	cr_assert_eq(n_closed, 1);
	app_world_free(a);
}
