/* test_status_page.c - the page, and what its sessions hear. */
#include "app/status_page.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app_ws.h"

static char news[32];
static int n_looks, result;

/* Others look meanwhile: what was valid is not any more. */
static int look(void *arg, weir_str *ret_json)
{
	int n = snprintf(news, sizeof(news), "{\"n\":%d}", ++n_looks);

	*ret_json = (weir_str){ news, (size_t)n };
	return result;
}

static const struct site_status status = { .look = look };

static struct app_world *make(void)
{
	struct app_world *a = app_ws_world(status_page);

	a->routes[0].is_page_too = true;
	a->site.status = &status;
	n_looks = 0;
	result = 0;
	return a;
}

Test(status_page, is_a_page_for_who_asks_for_no_session)
{
	struct app_world *a = make();
	const char *text = app_world_ask(a, "/");

	cr_expect_eq(strncmp(text, "HTTP/1.1 200 OK\r\n", 17), 0, "%.80s", text);
	cr_expect(strstr(text, "content-type: text/html; charset=utf-8\r\n"));
	cr_expect(strstr(text, "cache-control: no-store\r\n"));
	cr_expect(strstr(text, "content-security-policy: default-src 'none'; script-src 'sha256-"));
	cr_expect(strstr(text, "x-content-type-options: nosniff\r\n"));
	cr_expect(strstr(text, "\r\n\r\n<!doctype html>\n"));
	cr_expect_str_eq(text + strlen(text) - 8, "</html>\n");
	cr_expect_eq(n_looks, 0, "nobody looks yet");
	app_world_free(a);
}

Test(status_page, tells_a_session_at_once_and_each_second)
{
	struct app_world *a = make();
	struct client *c = app_ws_open(a, "/", "Origin: http://x\r\n");

	cr_expect_str_eq(app_ws_text(c), "101 text:{\"n\":1}");
	h1_world_pass(a->w, 999);
	cr_expect_str_eq(app_ws_text(c), "101 text:{\"n\":1}");
	h1_world_pass(a->w, 1);
	cr_expect_str_eq(app_ws_text(c), "101 text:{\"n\":1} text:{\"n\":2}");
	h1_world_pass(a->w, 3000);
	cr_expect_eq(n_looks, 5);
	app_ws_close(c);
	(void)app_ws_text(c);
	h1_world_pass(a->w, 10000);
	cr_expect_eq(n_looks, 5, "nobody looks any more");
	app_world_free(a);
}

Test(status_page, is_told_no_more_by_who_talks)
{
	struct app_world *a = make();
	struct client *c = app_ws_open(a, "/", "");

	for (int i = 0; i < 10; i++) {
		app_ws_say(c, "more!");
		h1_world_pass(a->w, 90);
	}
	cr_expect_eq(n_looks, 1);
	h1_world_pass(a->w, 100);
	cr_expect_eq(n_looks, 2);
	app_ws_close(c);
	app_world_free(a);
}

Test(status_page, answers_no_page_of_others)
{
	struct app_world *a = make();
	struct client *c = app_ws_open(a, "/", "Origin: http://elsewhere\r\n");

	cr_expect_eq(strncmp(app_ws_text(c), "403", 3), 0);
	cr_expect_eq(n_looks, 0);
	app_world_free(a);
}

Test(status_page, closes_its_sessions_when_there_is_no_memory)
{
	struct app_world *a = make();
	struct client *c;

	result = -ENOMEM;
	c = app_ws_open(a, "/", "");
	cr_expect_str_eq(app_ws_text(c), "101 close:1011");
	app_ws_close(c);
	app_world_free(a);
}

Test(status_page, is_not_there_where_nothing_is_to_be_shown)
{
	struct app_world *a = make();

	a->site.status = NULL;
	cr_expect(strstr(app_world_ask(a, "/"), "HTTP/1.1 404 Not Found\r\n"));
	cr_expect_eq(strncmp(app_ws_text(app_ws_open(a, "/", "")), "404", 3), 0);
	app_world_free(a);
}
