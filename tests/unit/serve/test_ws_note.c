/* test_ws_note.c - the line of a session that is over. */
#include "serve/ws_note.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "serve/access_format.h"
#include "serve/access_log.h"
#include "serve/exchange.h"
#include "serve/exchange_log.h"
#include "serve/ws_session.h"

static struct world {
	struct loop *loop;
	struct log log;
	int fds[2];
	struct access_format *format;
	struct access_log *access_log;
	char text[4096];
} w;

static void describe(const struct exchange *ex, struct access_log_line *line)
{
	line->route = WEIR_STR("/chat/{room}");
	line->request_id = WEIR_STR("0123456789abcdef");
}

static const struct exchange_up up = { .describe = describe };

static void make(const char *format)
{
	const char *words;
	weir_str field;

	log_init(&w.log, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new_virtual(&w.loop), 0);
	cr_assert_eq(pipe2(w.fds, O_NONBLOCK), 0);
	if (format)
		cr_assert_eq(access_format_new(weir_strz(format), &w.format, &words, &field), 0);
	cr_assert_eq(access_log_new(w.loop, &w.log, w.fds[1], w.format, &w.access_log), 0);
}

static const char *end_session(const struct exchange_log_rule *rule, int code)
{
	char client[] = "192.0.2.7:80", target[] = "/chat/a", shop[] = "south";
	weir_header fields[] = { { WEIR_STR("host"), WEIR_STR("x") },
				 { WEIR_STR("x-shop"), weir_strz(shop) },
				 { WEIR_STR("x-shop"), WEIR_STR("north") } };
	struct exchange ex = { .client = weir_strz(client),
			       .status = 101,
			       .is_logged = true,
			       .log_rule = rule,
			       .up = &up,
			       .head = { .method = WEIR_STR("GET"),
					 .target = weir_strz(target),
					 .version = 11,
					 .fields = fields,
					 .n_fields = 3 } };
	struct ws_session session = { .close_code = (uint16_t)code };
	struct ws_note *note = ws_note_new(w.access_log, &ex, 1000);
	ssize_t n;

	*ws_note_counts(note) = (struct ws_counts){ 3, 4, 30, 40 };
	/* The request's memory has other uses by then. */
	memset(client, '#', sizeof(client) - 1);
	memset(target, '#', sizeof(target) - 1);
	memset(shop, '#', sizeof(shop) - 1);
	cr_expect_null(ws_note_end(note, &session, 3500));
	access_log_flush(w.access_log);
	n = read(w.fds[0], w.text, sizeof(w.text) - 1);
	w.text[n > 0 ? n : 0] = '\0';
	return w.text;
}

static void unmake(void)
{
	(void)access_log_free(w.access_log);
	(void)access_format_free(w.format);
	(void)loop_free(w.loop);
}

Test(ws_note, says_how_long_and_how_much)
{
	make("{client} {target} {route} {event} {status} {close_code} {duration} {messages_in} "
	     "{messages_out} {received} {bytes} {request_id} {header:X-Shop} {header:host} "
	     "{header:origin}");
	cr_expect_str_eq(
		end_session(NULL, 1001),
		"192.0.2.7 /chat/a /chat/{room} websocket_close 101 1001 2.500000 3 4 30 40 "
		"0123456789abcdef south x -\n");
	unmake();
}

Test(ws_note, in_combined_has_the_code_for_a_status)
{
	make(NULL);
	cr_expect_not_null(
		strstr(end_session(NULL, 1001), "\"GET /chat/a HTTP/1.1\" 1001 40 \"-\""));
	unmake();
}

Test(ws_note, only_errors)
{
	struct exchange_log_rule rule = { .only_errors = true };

	make(NULL);
	cr_expect_str_eq(end_session(&rule, 1000), "");
	cr_expect_str_neq(end_session(&rule, 1006), "");
	unmake();
}

Test(ws_note, without_a_log_there_is_none)
{
	struct exchange ex = { .is_logged = true };

	cr_expect_null(ws_note_new(NULL, &ex, 0));
	cr_expect_null(ws_note_end(NULL, NULL, 0));
}
