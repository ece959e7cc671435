/*
 * fuzz_ws_read.c - any bytes behind a first one, which says how they are cut and
 * whether compression was agreed. However they are cut, the same must come
 * out; and without compression it must be what ws_model says.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "ws_feed.h"
#include "ws_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HAS_DEFLATE 0x80
#define KEEPS_CONTEXT 0x40

static void compare(const struct ws_feed *how, char *take_parts, const char *whole)
{
	if (strcmp(whole, take_parts) != 0) {
		(void)fprintf(stderr, "first %zu step %zu:\n%s--- whole:\n%s", how->first,
			      how->step, take_parts, whole);
		abort();
	}
	free(take_parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_feed how = { .is_terse = true };
	struct ws_deflate_params deflate;
	weir_str bytes;
	char *whole;

	if (size < 2)
		return 0;
	bytes = (weir_str){ (const char *)data + 1, size - 1 };
	deflate = (struct ws_deflate_params){
		/*
		 * With a smaller window zlib lets a client refer to what is further away than was
		 * agreed, if it came out in the same call: where the cuts are would show.
		 */
		.client_bits = 15,
		.no_client_context = !(data[0] & KEEPS_CONTEXT),
	};
	if (data[0] & HAS_DEFLATE)
		how.deflate = &deflate;

	whole = ws_feed_run(&how, bytes);
	if (!how.deflate)
		compare(&how, ws_model_run(bytes), whole);
	how.first = how.step = 1;
	compare(&how, ws_feed_run(&how, bytes), whole);
	how.first = 1 + data[0] % 32;
	how.step = 1 + data[0] % 7;
	compare(&how, ws_feed_run(&how, bytes), whole);
	free(whole);
	return 0;
}
