/*
 * fuzz_hub_wire.c - the stream of messages between workers and the hub, about
 * publications. What is taken encodes to the bytes it came as; what is refused
 * is refused as soon as its head is there; and however the stream is cut, who
 * waits for the rest waits for the right number of bytes.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/hub_wire.h"
#include "io/outq.h"

#define MAX_BYTES 300

static void check_again(const struct hub_message *message, weir_str in)
{
	struct block_pool pool;
	struct outq q;
	size_t at = 0;

	block_pool_init(&pool, 0);
	outq_init(&q, &pool);
	assert(hub_wire_len(message) == in.len);
	assert(hub_wire_put(&q, message) == 0);
	list_for_each (link, &q.blocks) {
		struct block *b = list_entry(link, struct block, link);

		assert(memcmp(b->data + b->start, in.ptr + at, block_len(b)) == 0);
		at += block_len(b);
	}
	assert(at == in.len);
	outq_done(&q);
	block_pool_done(&pool);
}

/* A part of a message, in memory of its own, so that a look beyond its end is seen. */
static void check_part(weir_str in, ssize_t whole)
{
	char *part = malloc(in.len > 0 ? in.len : 1);
	struct hub_message message;
	ssize_t r;

	memcpy(part, in.ptr, in.len);
	r = hub_wire_get((weir_str){ part, in.len }, MAX_BYTES, &message);
	if (in.len < HUB_WIRE_HEAD)
		assert(r == 0 && hub_wire_need((weir_str){ part, in.len }) == HUB_WIRE_HEAD);
	else if (whole < 0)
		assert(r == -EPROTO);
	else
		assert(r == 0 && hub_wire_need((weir_str){ part, in.len }) > in.len);
	free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str in = { (const char *)data, size };
	struct hub_message message;
	ssize_t len;

	while ((len = hub_wire_get(in, MAX_BYTES, &message)) > 0) {
		weir_str whole = { in.ptr, (size_t)len };

		assert((size_t)len <= in.len);
		assert(message.bytes.len <= MAX_BYTES);
		check_again(&message, whole);
		for (size_t n = 0; n < whole.len; n++)
			check_part((weir_str){ in.ptr, n }, len);
		in.ptr += len;
		in.len -= (size_t)len;
	}
	assert(len == 0 || (len == -EPROTO && in.len >= HUB_WIRE_HEAD));
	for (size_t n = 0; n < in.len; n++)
		check_part((weir_str){ in.ptr, n }, len);
	return 0;
}
