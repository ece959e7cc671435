/*
 * fuzz_h1_read.c - any bytes, cut at a place the first byte chooses: the same
 * text must come out as when they are fed whole.
 *
 *	clang -g -O1 -fsanitize=fuzzer,address,undefined ... tests/support/h1_feed.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "h1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h1_feed how = h1_feed_default(), cut;
	char *whole, *parts;
	weir_str bytes;

	if (size < 2)
		return 0;
	bytes = (weir_str){ (const char *)data + 1, size - 1 };
	how.limits = (struct h1_limits){ .max_head = 512, .max_target = 128, .max_fields = 8 };
	how.max_body = 256;
	cut = how;
	cut.first = 1 + data[0];
	cut.step = 1 + data[0] % 7;
	whole = h1_feed_run(&how, bytes);
	parts = h1_feed_run(&cut, bytes);
	if (strcmp(whole, parts) != 0)
		abort();
	free(whole);
	free(parts);
	return 0;
}
