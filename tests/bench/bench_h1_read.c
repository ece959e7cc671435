/*
 * bench_h1_read.c - N heads through the reader, for counting instructions:
 *
 *	valgrind --tool=callgrind bench_h1_read small 10000
 *	valgrind --tool=callgrind bench_h1_read small 20000
 *
 * The difference of the two, divided by 10000, is what one head costs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "proto/h1_read.h"

static const char small[] = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";
static const char browser[] =
	"GET /shop/cart?item=17&lang=en HTTP/1.1\r\n"
	"Host: www.example.org\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
	"q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Referer: https://www.example.org/shop/\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"\r\n";

int main(int argc, char **argv)
{
	const struct h1_limits limits = { 32768, 8192, 100 };
	bool is_small = argc < 2 || strcmp(argv[1], "browser") != 0;
	weir_str head = is_small ? weir_strz(small) : weir_strz(browser);
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 1000;
	struct budget budget = { .limit = 1 << 20 };
	struct arena arena;
	struct h1_field_at fields_at[100];
	struct h1_read r;
	char bytes[2048];

	arena_init(&arena, &budget);
	h1_read_init(&r, &limits, fields_at);
	for (long i = 0; i < n; i++) {
		enum fault fault = FAULT_NONE;
		size_t used;
		struct h1_head ret;
		weir_str piece;

		memcpy(bytes, head.ptr, head.len);
		if (h1_read_head(&r, bytes, head.len, &arena, &ret, &fault) <= 0 ||
		    h1_read_body(&r, bytes, 0, &used, &piece, &fault) != H1_READ_END) {
			printf("refused: %s\n", fault_name(fault));
			return 1;
		}
		h1_read_next(&r);
		arena_reset(&arena);
	}
	h1_read_done(&r);
	arena_done(&arena);
	printf("%ld heads of %zu bytes\n", n, head.len);
	return 0;
}
