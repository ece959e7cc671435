/* test_static_send.c - whole files and parts of them, from memory and from a descriptor. */
#include "app/static_send.h"

#include <fcntl.h>
#include <unistd.h>

#include "app/req.h"
#include "app/static_file.h"
#include "app_world.h"
#include "static_files.h"

static struct static_body body;
static weir_str range;

static int send_it(weir_req *req)
{
	return range.ptr ? static_send_ranges(req_of(req), &body, range)
			 : static_send_all(req_of(req), &body);
}

/* The digits, so that each byte says where it stands; in memory, or in a file. */
static const char *ask(const char *wanted, bool is_in_memory)
{
	static char text[200000];
	static char bytes[2001];
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	for (size_t i = 0; i < 2000; i += 4)
		(void)snprintf(bytes + i, 5, "%04zu", i);
	body = (struct static_body){ .fd = -1, .bytes = bytes, .size = 2000, .n_fields = 2 };
	body.fields[0] = (weir_header){ WEIR_STR("etag"), WEIR_STR("\"x\"") };
	body.fields[1] = (weir_header){ WEIR_STR("content-type"), WEIR_STR("text/plain") };
	if (!is_in_memory) {
		static_files_make();
		static_files_write("file", bytes);
		body.fd = open("file", O_RDONLY | O_CLOEXEC);
		static_files_remove();
	}
	range = weir_strz(wanted);
	app_world_route(a, "/x", send_it);
	client_send(c, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)strcpy(text, client_text(c));
	app_world_free(a);
	if (body.fd >= 0)
		(void)close(body.fd);
	return text;
}

static void expect_both(const char *wanted, const char *text)
{
	cr_expect_str_eq(ask(wanted, true), text);
	cr_expect_str_eq(ask(wanted, false), text);
}

Test(static_send, all_of_it)
{
	for (int is_in_memory = 0; is_in_memory < 2; is_in_memory++) {
		const char *text = ask(NULL, is_in_memory);

		cr_expect(strstr(text, "HTTP/1.1 200 OK\r\ncontent-length: 2000\r\netag: \"x\"\r\n"
				       "content-type: text/plain\r\n\r\n00000004"));
		cr_expect_str_eq(text + strlen(text) - 8, "19921996");
	}
}

/* Not a chunk at a time: of a sparse file that would take for ever. */
Test(static_send, a_head_of_the_largest_file_takes_no_time, .timeout = 60)
{
	struct app_world *a = app_world_new();
	struct client *c = client_new(a->w);

	range = (weir_str){ NULL, 0 };
	body = (struct static_body){ .fd = STDIN_FILENO, .size = INT64_MAX, .n_fields = 0 };
	app_world_route(a, "/x", send_it);
	client_send(c, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_expect_str_eq(client_text(c),
			 "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n");
	app_world_free(a);
}

Test(static_send, a_part)
{
	expect_both("bytes=4-11", "HTTP/1.1 206 Partial Content\r\ncontent-length: 8\r\n"
				  "etag: \"x\"\r\ncontent-type: text/plain\r\n"
				  "content-range: bytes 4-11/2000\r\n\r\n00040008");
}

Test(static_send, no_part)
{
	expect_both("bytes=2000-", "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 26\r\n"
				   "content-range: bytes */2000\r\n"
				   "content-type: text/plain; charset=utf-8\r\n\r\n"
				   "416 Range Not Satisfiable\n");
}

/* Its length is what was promised, or the exchange would have been cut. */
Test(static_send, several_parts)
{
	for (int is_in_memory = 0; is_in_memory < 2; is_in_memory++) {
		const char *text = ask("bytes=1000-1003,-4", is_in_memory);

		cr_expect(strstr(text, "content-type: multipart/byteranges; boundary=part-"));
		cr_expect(strstr(text,
				 "\r\ncontent-type: text/plain\r\n"
				 "content-range: bytes 1000-1003/2000\r\n\r\n1000\r\n--part-"));
		cr_expect(
			strstr(text, "content-range: bytes 1996-1999/2000\r\n\r\n1996\r\n--part-"));
		cr_expect_str_eq(text + strlen(text) - 4, "--\r\n");
	}
}

Test(static_send, what_makes_no_sense_is_all_of_it)
{
	cr_expect_eq(strncmp(ask("lines=1-2", true), "HTTP/1.1 200 OK", 15), 0);
}
