/*
 * fuzz_h1_read.c - any bytes behind a first one, which says how they are cut and which
 * limits there are. However they are cut, the same text must come out; and of
 * each head h1_feed asks llhttp too, which must see the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "h1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct h1_feed *how, weir_str bytes, const char *whole)
{
	char *parts = h1_feed_run(how, bytes);

	if (strcmp(whole, parts) != 0) {
		(void)fprintf(stderr, "first %zu step %zu:\n%s--- whole:\n%s", how->first,
			      how->step, parts, whole);
		abort();
	}
	free(parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct h1_feed how = h1_feed_default();
	char *whole;
	weir_str bytes;

	if (size < 2)
		return 0;
	bytes = (weir_str){ (const char *)data + 1, size - 1 };
	if (data[0] & 0x80) {
		how.limits = (struct h1_limits){ .max_head = 512,
						 .max_target = 128,
						 .max_fields = 8 };
		how.max_body = 256;
	}
	whole = h1_feed_run(&how, bytes);
	how.first = 1 + data[0] % 128;
	check(&how, bytes, whole);
	how.step = 1 + data[0] % 7;
	check(&how, bytes, whole);
	free(whole);
	return 0;
}
