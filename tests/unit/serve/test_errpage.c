/* test_errpage.c - what a client is told that did wrong. */
#include "serve/errpage.h"

#include <criterion/criterion.h>
#include <string.h>

#include "proto/h1_write.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct h1_own *own(void)
{
	static struct h1_own own;

	h1_write_own(&own, DATE);
	return &own;
}

static const char *body(int status, const char *words)
{
	static _Thread_local char out[ERRPAGE_MAX + 1];

	out[errpage_body(out, status, words)] = '\0';
	return out;
}

Test(errpage, is_a_line_of_text)
{
	cr_assert_str_eq(body(404, NULL), "404 Not Found\n");
	cr_assert_str_eq(body(400, "a CR stands without LF"),
			 "400 Bad Request: a CR stands without LF\n");
}

Test(errpage, knows_statuses_that_nobody_registered)
{
	cr_assert_str_eq(body(599, NULL), "599\n");
	cr_assert_str_eq(body(999, "tea"), "999: tea\n");
}

Test(errpage, cuts_words_that_are_too_long)
{
	char words[600];

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	cr_assert_lt(strlen(body(500, words)), 256);
}

Test(errpage, is_a_whole_response)
{
	char out[ERRPAGE_MAX + 1];

	out[errpage_write(out, FAULT_TARGET_TOO_LONG, own(), true)] = '\0';
	cr_assert_str_eq(out, "HTTP/1.1 414 URI Too Long\r\ndate: " DATE "\r\nserver: weir\r\n"
			      "connection: close\r\ncontent-length: 49\r\n"
			      "content-type: text/plain; charset=utf-8\r\n\r\n"
			      "414 URI Too Long: the request target is too long\n");
}

Test(errpage, has_no_body_for_a_head_request)
{
	char out[ERRPAGE_MAX + 1];

	out[errpage_write(out, FAULT_EXPECTATION, own(), false)] = '\0';
	cr_assert_str_eq(strstr(out, "\r\n\r\n"), "\r\n\r\n");
	cr_assert(strstr(out, "\r\ncontent-length: "));
}

Test(errpage, has_room_for_every_fault)
{
	char out[ERRPAGE_MAX];

	for (int fault = FAULT_NONE + 1; fault < FAULT_COUNT; fault++) {
		/* A WebSocket's close codes are no statuses: such a fault has no page. */
		if (fault_status((enum fault)fault) < 1000)
			cr_assert_leq(errpage_write(out, (enum fault)fault, own(), true),
				      sizeof(out));
	}
}
