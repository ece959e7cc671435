/* test_respond.c - answers that are always the same. */
#include "app/respond.h"

#include <criterion/criterion.h>

#include "app_world.h"

static const char *ask(const struct respond_spec *spec, const char *method)
{
	static char text[4096];
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);
	struct route *route = app_world_route(a, "/x", respond_handler);

	cr_assert_eq(respond_new(spec, &route->settings), 0);
	client_send(c, method);
	client_send(c, " /x HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)strcpy(text, client_text(c));
	(void)builtin_settings_free(route->settings);
	app_world_free(a);
	return text;
}

Test(respond, says_what_it_was_told)
{
	struct respond_spec spec = { 200, "text/plain", WEIR_STR("User-agent: *\n"), NULL, 0 };

	cr_expect_str_eq(ask(&spec, "GET"), "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n"
					    "content-type: text/plain\r\n\r\nUser-agent: *\n");
	cr_expect_str_eq(ask(&spec, "HEAD"), "HTTP/1.1 200 OK\r\ncontent-length: 14\r\n"
					     "content-type: text/plain\r\n\r\n");
}

Test(respond, has_fields)
{
	static const struct respond_field fields[] = { { "cache-control", "no-store" },
						       { "x-a", "b" } };
	struct respond_spec spec = { 410, NULL, { NULL, 0 }, fields, 2 };

	cr_expect_str_eq(ask(&spec, "GET"), "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n"
					    "cache-control: no-store\r\nx-a: b\r\n\r\n");
}

Test(respond, needs_no_body)
{
	struct respond_spec spec = { 204, NULL, { NULL, 0 }, NULL, 0 };

	cr_expect_str_eq(ask(&spec, "DELETE"), "HTTP/1.1 204 No Content\r\n\r\n");
}
