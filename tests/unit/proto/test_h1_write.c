/* test_h1_write.c - heads byte for byte, and that the bound holds. */
#include "proto/h1_write.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "proto/http.h"

static const weir_header two[] = { { { "X-A", 3 }, { "1", 1 } }, { { "b", 1 }, { "", 0 } } };

static const struct h1_own *own_of(const char *date)
{
	static struct h1_own own;

	h1_write_own(&own, date);
	return &own;
}

/* Into a buffer of exactly the bound, so that ASan sees one byte too many. */
static void expect_head(struct h1_response *resp, const char *expected)
{
	size_t bound = h1_write_measure(resp), len;
	char *out = malloc(bound);

	len = h1_write_head(resp, out);
	cr_expect_leq(len, bound);
	cr_expect(weir_str_eq((weir_str){ out, len }, weir_strz(expected)), "%.*s--- expected:\n%s",
		  (int)len, out, expected);
	free(out);
}

Test(h1_write, writes_a_usual_head)
{
	struct h1_response resp = {
		.status = 200,
		.version = 11,
		.keep_alive = true,
		.content_length = 13,
		.own = own_of("Sun, 06 Nov 1994 08:49:37 GMT"),
		.fields = two,
		.n_fields = 2,
	};

	expect_head(&resp, "HTTP/1.1 200 OK\r\n"
			   "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			   "server: weir\r\n"
			   "content-length: 13\r\n"
			   "X-A: 1\r\n"
			   "b: \r\n"
			   "\r\n");
}

Test(h1_write, writes_the_most_usual_head_as_any_other)
{
	const struct h1_own *own = own_of("Sun, 06 Nov 1994 08:49:37 GMT");
	const weir_str types[] = { { NULL, 0 }, WEIR_STR(""), WEIR_STR("text/html") };
	struct h1_response resp = { .status = 200, .version = 11, .keep_alive = true, .own = own };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t bound = H1_WRITE_USUAL_MAX + types[i].len;
		char *out = malloc(bound + 1), *end;

		resp.content_length = i ? INT64_MAX : 0;
		resp.type = types[i];
		end = h1_write_usual(own, resp.content_length, types[i], out);
		*end = '\0';
		expect_head(&resp, out);
		free(out);
	}
}

Test(h1_write, leaves_date_and_server_to_the_application)
{
	static const weir_header date = { { "DATE", 4 }, { "d", 1 } };
	static const weir_header server = { { "Server", 6 }, { "s", 1 } };
	struct h1_response resp = {
		.status = 200,
		.version = 11,
		.keep_alive = true,
		.content_length = -1,
		.own = own_of("Sun, 06 Nov 1994 08:49:37 GMT"),
		.fields = &date,
		.n_fields = 1,
	};

	expect_head(&resp, "HTTP/1.1 200 OK\r\nserver: weir\r\nDATE: d\r\n\r\n");
	resp.fields = &server;
	expect_head(&resp, "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			   "Server: s\r\n\r\n");
	resp.status = 404;
	resp.fields = &two[0];
	expect_head(&resp, "HTTP/1.1 404 Not Found\r\n"
			   "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			   "server: weir\r\nX-A: 1\r\n\r\n");
}

Test(h1_write, says_every_length)
{
	char expected[128];
	uint64_t length = 1;

	for (int digits = 1; digits <= 19; digits++, length *= 10) {
		for (int less = 0; less < 2; less++) {
			struct h1_response resp = { .status = 200,
						    .version = 11,
						    .keep_alive = true };

			resp.content_length = (int64_t)(length - (unsigned)less);
			(void)snprintf(expected, sizeof(expected),
				       "HTTP/1.1 200 OK\r\ncontent-length: %lld\r\n\r\n",
				       (long long)resp.content_length);
			expect_head(&resp, expected);
		}
	}
}

Test(h1_write, says_chunked_and_close)
{
	struct h1_response resp = {
		.status = 404,
		.version = 11,
		.content_length = -1,
		.is_chunked = true,
	};

	expect_head(&resp, "HTTP/1.1 404 Not Found\r\n"
			   "connection: close\r\n"
			   "transfer-encoding: chunked\r\n\r\n");
}

Test(h1_write, says_keep_alive_to_1_0_and_never_chunked)
{
	struct h1_response resp = {
		.status = 200,
		.version = 10,
		.keep_alive = true,
		.content_length = -1,
		.is_chunked = true,
	};

	expect_head(&resp, "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n");
}

Test(h1_write, says_no_length_where_none_is_allowed)
{
	struct h1_response resp = { .status = 204, .version = 11, .keep_alive = true };

	expect_head(&resp, "HTTP/1.1 204 No Content\r\n\r\n");
}

Test(h1_write, may_say_the_length_a_304_would_have_had)
{
	struct h1_response resp = {
		.status = 304,
		.version = 11,
		.keep_alive = true,
		.content_length = 9223372036854775807,
	};

	expect_head(&resp,
		    "HTTP/1.1 304 Not Modified\r\ncontent-length: 9223372036854775807\r\n\r\n");
}

Test(h1_write, writes_interim_heads_bare)
{
	struct h1_response resp = {
		.status = 103,
		.version = 11,
		.content_length = 5,
		.own = own_of("Sun, 06 Nov 1994 08:49:37 GMT"),
		.fields = two,
		.n_fields = 1,
	};

	expect_head(&resp, "HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n");
	cr_expect(weir_str_eq(h1_write_continue(), WEIR_STR("HTTP/1.1 100 Continue\r\n\r\n")));
}

static const weir_header to_websocket = { { "Upgrade", 7 }, { "websocket", 9 } };

Test(h1_write, says_that_an_upgrade_is_of_this_connection)
{
	struct h1_response resp = {
		.status = 101,
		.version = 11,
		.keep_alive = true,
		.content_length = -1,
		.fields = &to_websocket,
		.n_fields = 1,
	};

	expect_head(&resp, "HTTP/1.1 101 Switching Protocols\r\n"
			   "connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

Test(h1_write, says_so_before_the_connection_closes_too)
{
	struct h1_response resp = {
		.status = 426,
		.version = 11,
		.content_length = 0,
		.fields = &to_websocket,
		.n_fields = 1,
	};

	expect_head(&resp, "HTTP/1.1 426 Upgrade Required\r\n"
			   "connection: close, upgrade\r\ncontent-length: 0\r\n"
			   "Upgrade: websocket\r\n\r\n");
}

Test(h1_write, formats_statuses_nobody_registered)
{
	struct h1_response resp = { .status = 299, .version = 11, .keep_alive = true };

	expect_head(&resp, "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n");
	resp.status = 999;
	expect_head(&resp, "HTTP/1.1 999 \r\ncontent-length: 0\r\n\r\n");
}

Test(h1_write, keeps_its_bound_for_every_status)
{
	for (int status = 100; status <= 999; status++) {
		struct h1_response resp = { .status = status, .content_length = INT64_MAX };
		weir_str reason = http_reason(status);
		size_t bound = h1_write_measure(&resp);
		char *out = malloc(bound), line[64];
		size_t len = h1_write_head(&resp, out);
		int line_len = snprintf(line, sizeof(line), "HTTP/1.1 %d %.*s\r\n", status,
					WEIR_ARG(reason));

		cr_expect_leq(len, bound);
		cr_expect_eq(memcmp(out, line, (size_t)line_len), 0, "%d", status);
		free(out);
	}
}

Test(h1_write, writes_chunk_sizes_in_hex)
{
	static const uint64_t sizes[] = { 1, 9, 10, 15, 16, 255, 256, 65535, 1 << 20, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char out[H1_WRITE_CHUNK_MAX], expected[32];
		size_t len = h1_write_chunk(sizes[i], out);
		int n = snprintf(expected, sizeof(expected), "%llx\r\n",
				 (unsigned long long)sizes[i]);

		cr_expect_eq(len, (size_t)n, "%s", expected);
		cr_expect_eq(memcmp(out, expected, len), 0, "%s", expected);
	}
}

Test(h1_write, ends_a_chunked_body_with_trailers)
{
	size_t bound = h1_write_last_bound(two, 2);
	char *out = malloc(bound);
	size_t len = h1_write_last(two, 2, out);

	cr_expect_leq(len, bound);
	cr_expect(weir_str_eq((weir_str){ out, len }, WEIR_STR("0\r\nX-A: 1\r\nb: \r\n\r\n")));
	len = h1_write_last(NULL, 0, out);
	cr_expect(weir_str_eq((weir_str){ out, len }, WEIR_STR("0\r\n\r\n")));
	free(out);
}
