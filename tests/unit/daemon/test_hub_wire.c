/* test_hub_wire.c - messages as bytes, and what is no message. */
#include "daemon/hub_wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "io/outq.h"

#define MAX_BYTES 1000

/* What was put, as one string. */
struct wire {
	struct block_pool pool;
	struct outq q;
	struct buf bytes;
};

static void begin(struct wire *w)
{
	block_pool_init(&w->pool, 4);
	outq_init(&w->q, &w->pool);
	buf_init(&w->bytes, 0);
}

static void done(struct wire *w)
{
	outq_done(&w->q);
	block_pool_done(&w->pool);
	buf_done(&w->bytes);
}

static weir_str put(struct wire *w, const struct hub_message *m)
{
	cr_assert_eq(hub_wire_put(&w->q, m), 0);
	buf_clear(&w->bytes);
	list_for_each (link, &w->q.blocks) {
		struct block *b = list_entry(link, struct block, link);

		cr_assert_eq(buf_append(&w->bytes, b->data + b->start, block_len(b)), 0);
	}
	return buf_str(&w->bytes);
}

static const struct hub_message publication = { .type = HUB_PUBLISH,
						.is_binary = true,
						.scope = { "shop", 4 },
						.name = { "room/1", 6 },
						.bytes = { "a\0b", 3 } };

static void expect_same(const struct hub_message *a, const struct hub_message *b)
{
	cr_assert_eq(a->type, b->type);
	cr_assert_eq(a->is_prefix, b->is_prefix);
	cr_assert_eq(a->is_binary, b->is_binary);
	cr_assert(weir_str_eq(a->scope, b->scope));
	cr_assert(weir_str_eq(a->name, b->name));
	cr_assert(weir_str_eq(a->bytes, b->bytes));
	cr_assert_eq(a->n_lost, b->n_lost);
}

static void check_round_trip(const struct hub_message *m)
{
	struct hub_message got = { 0 };
	struct wire w;
	weir_str in;

	begin(&w);
	in = put(&w, m);
	cr_assert_eq(in.len, hub_wire_len(m));
	cr_assert_eq(hub_wire_need(in), in.len);
	cr_assert_eq(hub_wire_get(in, MAX_BYTES, &got), (ssize_t)in.len);
	expect_same(&got, m);
	done(&w);
}

Test(hub_wire, a_publication_comes_back)
{
	check_round_trip(&publication);
}

Test(hub_wire, an_empty_publication_comes_back)
{
	check_round_trip(&(struct hub_message){ .type = HUB_PUBLISH });
}

Test(hub_wire, keys_come_back)
{
	check_round_trip(&(struct hub_message){ .type = HUB_WANT,
						.is_prefix = true,
						.scope = WEIR_STR("a"),
						.name = WEIR_STR("") });
	check_round_trip(&(struct hub_message){
		.type = HUB_UNWANT, .scope = WEIR_STR(""), .name = WEIR_STR("news") });
}

Test(hub_wire, a_count_comes_back)
{
	check_round_trip(&(struct hub_message){ .type = HUB_LOST, .n_lost = UINT64_MAX - 1 });
}

Test(hub_wire, every_part_of_a_message_waits_for_the_rest)
{
	struct hub_message got;
	struct wire w;
	weir_str in;

	begin(&w);
	in = put(&w, &publication);
	for (size_t len = 0; len < in.len; len++) {
		/* A copy of its own, so that a sanitizer sees what is read behind it. */
		char *part = malloc(len + 1);
		weir_str begun = { part, len };

		memcpy(part, in.ptr, len);
		part = realloc(part, len > 0 ? len : 1);
		begun.ptr = part;
		cr_assert_eq(hub_wire_get(begun, MAX_BYTES, &got), 0, "%zu", len);
		cr_assert_eq(hub_wire_need(begun), len < HUB_WIRE_HEAD ? HUB_WIRE_HEAD : in.len);
		free(part);
	}
	done(&w);
}

Test(hub_wire, what_follows_a_message_is_left)
{
	struct hub_message got;
	struct wire w;
	weir_str in;
	size_t len;

	begin(&w);
	len = put(&w, &publication).len;
	in = put(&w, &(struct hub_message){ .type = HUB_LOST, .n_lost = 3 });
	cr_assert_eq(hub_wire_get(in, MAX_BYTES, &got), (ssize_t)len);
	in.ptr += len;
	in.len -= len;
	cr_assert_eq(hub_wire_get(in, MAX_BYTES, &got), (ssize_t)in.len);
	cr_assert_eq(got.n_lost, 3u);
	done(&w);
}

Test(hub_wire, a_key_that_is_too_long_is_not_put)
{
	char *name = calloc(1, HUB_WIRE_KEY_MAX + 1);
	struct hub_message m = { .type = HUB_WANT, .name = { name, HUB_WIRE_KEY_MAX } };
	struct wire w;

	begin(&w);
	cr_assert_eq(hub_wire_put(&w.q, &m), 0);
	m.name.len++;
	cr_assert_eq(hub_wire_put(&w.q, &m), -EMSGSIZE);
	m = (struct hub_message){ .type = HUB_WANT, .scope = { name, HUB_WIRE_KEY_MAX + 1 } };
	cr_assert_eq(hub_wire_put(&w.q, &m), -EMSGSIZE);
	cr_assert_eq(w.q.queued, HUB_WIRE_HEAD + (size_t)HUB_WIRE_KEY_MAX);
	done(&w);
	free(name);
}

Test(hub_wire, a_publication_over_the_limit_is_refused_by_its_head)
{
	char bytes[MAX_BYTES + 1] = "";
	struct hub_message m = { .type = HUB_PUBLISH, .bytes = { bytes, MAX_BYTES } }, got;
	struct wire w;
	weir_str in;

	begin(&w);
	in = put(&w, &m);
	cr_assert_eq(hub_wire_get(in, MAX_BYTES, &got), (ssize_t)in.len);
	cr_assert_eq(hub_wire_get((weir_str){ in.ptr, HUB_WIRE_HEAD }, MAX_BYTES - 1, &got),
		     -EPROTO);
	done(&w);
}

struct head {
	uint32_t len;
	uint8_t type;
	uint8_t flags;
	uint16_t scope_len;
	uint32_t name_len;
};

static void check_refused(struct head head)
{
	struct hub_message got;

	cr_assert_eq(hub_wire_get((weir_str){ (char *)&head, sizeof(head) }, MAX_BYTES, &got),
		     -EPROTO, "type %u, length %u", head.type, head.len);
}

Test(hub_wire, heads_that_make_no_sense_are_refused)
{
	check_refused((struct head){ 12, 0, 0, 0, 0 });
	check_refused((struct head){ 12, HUB_LOST + 1, 0, 0, 0 });
	check_refused((struct head){ 11, HUB_WANT, 0, 0, 0 });
	check_refused((struct head){ 0, HUB_WANT, 0, 0, 0 });
	check_refused((struct head){ 13, HUB_WANT, 0, 0, 0 });
	check_refused((struct head){ 12, HUB_WANT, 2, 0, 0 });
	check_refused((struct head){ 12, HUB_PUBLISH, 1, 0, 0 });
	check_refused((struct head){ 12, HUB_PUBLISH, 4, 0, 0 });
	check_refused((struct head){ 12, HUB_PUBLISH, 0, 1, 0 });
	check_refused((struct head){ 12, HUB_PUBLISH, 0, 0, 1 });
	check_refused((struct head){ 12, HUB_PUBLISH, 0, 0, UINT32_MAX });
	check_refused((struct head){ UINT32_MAX, HUB_PUBLISH, 0, 0, 0 });
	check_refused((struct head){ UINT32_MAX, HUB_WANT, 0, 0, UINT32_MAX - 12 });
	check_refused((struct head){ 12, HUB_LOST, 0, 0, 0 });
	check_refused((struct head){ 21, HUB_LOST, 0, 1, 0 });
	check_refused((struct head){ 20, HUB_LOST, 1, 0, 0 });
}

/* Whatever comes, nothing beyond its end is looked at: the sanitizers judge. */
Test(hub_wire, garbage_is_refused_or_waited_for)
{
	uint64_t random = 88172645463325252u;

	for (unsigned i = 0; i < 100000; i++) {
		size_t len = i % 64;
		char *bytes = malloc(len + 1);
		struct hub_message got;
		ssize_t r;

		for (size_t k = 0; k < len; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bytes[k] = (char)(random % (k < HUB_WIRE_HEAD && k != 0 ? 5 : 64));
		}
		bytes = realloc(bytes, len > 0 ? len : 1);
		r = hub_wire_get((weir_str){ bytes, len }, MAX_BYTES, &got);
		cr_assert(r <= (ssize_t)len);
		if (r > 0)
			cr_assert_eq(hub_wire_len(&got), (size_t)r);
		free(bytes);
	}
}
