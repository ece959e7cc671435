/* fuzz_uri.c - any target: what comes out is text without dot segments, and no byte too far is read. */
#include <assert.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "proto/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct uri *uri)
{
	weir_str rest = uri->segments;

	assert(str_is_utf8(uri->path) && !memchr(uri->path.ptr, '\0', uri->path.len));
	while (rest.ptr) {
		weir_str segment = str_split(&rest, '/');

		assert(!weir_str_eq(segment, WEIR_STR(".")));
		assert(!weir_str_eq(segment, WEIR_STR("..")));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str target = { (const char *)data, size }, name, value;
	struct budget budget = { .limit = 1 << 20 };
	enum fault fault = FAULT_NONE;
	struct arena arena;
	size_t iter = 0;
	struct uri uri;

	arena_init(&arena, &budget);
	if (uri_parse(&arena, target, &uri, &fault) == 0) {
		check(&uri);
		while (uri_query_next(&arena, uri.query, &iter, &name, &value) == 1)
			;
	}
	arena_done(&arena);
	return 0;
}
