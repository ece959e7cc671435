/*
 * bench_ws_read.c - N frames in and N out, for counting instructions:
 *
 *	valgrind --tool=callgrind bench_ws_read read 32 10000
 *	valgrind --tool=callgrind bench_ws_read read 32 20000
 *
 * The difference of the two, divided by 10000, is what one of 32 bytes costs. "cut" feeds
 * the header by itself, so that wslay reads it; "write" writes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/ws_read.h"
#include "proto/ws_tools.h"
#include "proto/ws_write.h"

#define MAX_LEN 4000

/* A masked frame: how long it is. */
static size_t make(struct ws_tools *tools, char *out, size_t len)
{
	char text[MAX_LEN], frame[MAX_LEN + WS_WRITE_HEADER_MAX];
	size_t header_len = len < 126 ? 2 : 4;

	memset(text, 'a', len);
	(void)ws_write_frame(tools, frame, WS_OP_TEXT, true, false, (weir_str){ text, len });
	memcpy(out, frame, header_len);
	out[1] |= (char)0x80;
	memcpy(out + header_len, "\x12\x34\x56\x78", 4);
	for (size_t i = 0; i < len; i++)
		out[header_len + 4 + i] = (char)(text[i] ^ "\x12\x34\x56\x78"[i % 4]);
	return header_len + 4 + len;
}

static int read_one(struct ws_read *r, weir_str bytes)
{
	enum fault fault = FAULT_NONE;
	struct ws_event event;
	int n = 0;

	while (bytes.len > 0 || ws_read_has_more(r)) {
		int rc = ws_read_next(r, &bytes, &event, &fault);

		if (rc < 0)
			return rc;
		n += rc;
	}
	ws_read_release(r);
	return n;
}

int main(int argc, char **argv)
{
	char what = argc > 1 ? *argv[1] : 'r';
	size_t len = argc > 2 ? strtoul(argv[2], NULL, 10) : 32;
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 1000;
	char frame[MAX_LEN + 14], out[MAX_LEN + WS_WRITE_HEADER_MAX];
	struct ws_tools tools;
	struct ws_read r;
	size_t frame_len;

	if (len > MAX_LEN || ws_tools_init(&tools) < 0)
		return 1;
	frame_len = make(&tools, frame, len);
	ws_read_init(&r, &tools, NULL);
	for (long i = 0; i < n; i++) {
		int got = 1;

		if (what == 'w')
			(void)ws_write_frame(&tools, out, WS_OP_TEXT, true, false,
					     (weir_str){ frame, len });
		else if (what == 'c')
			got = read_one(&r, (weir_str){ frame, 6 }) +
			      read_one(&r, (weir_str){ frame + 6, frame_len - 6 });
		else
			got = read_one(&r, (weir_str){ frame, frame_len });
		if (got != 1) {
			printf("refused\n");
			return 1;
		}
	}
	ws_read_done(&r);
	ws_tools_done(&tools);
	return 0;
}
