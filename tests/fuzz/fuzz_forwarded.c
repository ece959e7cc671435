/*
 * fuzz_forwarded.c - the fields of proxies, of both kinds: one field to a line of
 * the input. What a client writes must never hide what a proxy adds behind it.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "proto/forwarded.h"
#include "proto/host.h"

#define MAX_FIELDS 16
#define ADDED 32

static const char *const names[] = { "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
				     "forwarded" };

static int read_it(enum forwarded_kind kind, const weir_header *fields, size_t n,
		   struct arena *arena, struct forwarded *ret_f)
{
	static const struct inet_net net = { .first.bytes = { [10] = 0xff, 0xff, 10 },
					     .bits = 104,
					     .is_v4 = true };
	struct forwarded_trust trust = { &net, 1, kind };
	enum fault fault = FAULT_NONE;
	int r;

	*ret_f = (struct forwarded){ .client = { NULL, 0 } };
	r = forwarded_read(&trust, fields, n, arena, ret_f, &fault);
	assert(r == 0 || (r == -EPROTO && fault == FAULT_FORWARDED));
	assert(!ret_f->host.ptr || host_is_valid(ret_f->host));
	assert(!ret_f->scheme.ptr || weir_str_eq(ret_f->scheme, WEIR_STR("http")) ||
	       weir_str_eq(ret_f->scheme, WEIR_STR("https")));
	return r;
}

/* The last field of that name, and what a good proxy makes of it. */
static void add(weir_header *fields, size_t n, const char *name, const char *added)
{
	for (size_t i = n; i-- > 0;) {
		weir_str old = fields[i].value;
		char *value;

		if (!weir_str_eq(fields[i].name, weir_strz(name)))
			continue;
		value = malloc(old.len + ADDED);
		memcpy(value, old.ptr, old.len);
		memcpy(value + old.len, added, strlen(added));
		free((char *)(uintptr_t)old.ptr);
		fields[i].value = (weir_str){ value, old.len + strlen(added) };
		return;
	}
}

static bool has(const weir_header *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (weir_str_eq(fields[i].name, weir_strz(name)))
			return true;
	}
	return false;
}

static void check_added(enum forwarded_kind kind, weir_header *fields, size_t n,
			struct arena *arena)
{
	const char *name = kind == FORWARDED_X ? "x-forwarded-for" : "forwarded";
	struct forwarded f;

	if (!has(fields, n, name))
		return;
	add(fields, n, name, kind == FORWARDED_X ? ", 203.0.113.9" : ", for=203.0.113.9");
	if (read_it(kind, fields, n, arena, &f) == 0)
		assert(weir_str_eq(f.client, WEIR_STR("203.0.113.9:0")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_str rest = { (const char *)data, size };
	struct budget budget = { .limit = 1 << 20 };
	weir_header fields[MAX_FIELDS];
	struct forwarded f;
	struct arena arena;
	size_t n = 0;

	while (rest.ptr && n < MAX_FIELDS) {
		weir_str line = str_split(&rest, '\n');
		char *value;

		if (line.len == 0)
			continue;
		value = malloc(line.len);
		memcpy(value, line.ptr + 1, line.len - 1);
		fields[n++] = (weir_header){ weir_strz(names[line.ptr[0] & 3]),
					     { value, line.len - 1 } };
	}
	arena_init(&arena, &budget);
	for (int kind = FORWARDED_X; kind <= FORWARDED_RFC7239; kind++) {
		(void)read_it((enum forwarded_kind)kind, fields, n, &arena, &f);
		check_added((enum forwarded_kind)kind, fields, n, &arena);
	}
	arena_done(&arena);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)fields[i].value.ptr);
	return 0;
}
