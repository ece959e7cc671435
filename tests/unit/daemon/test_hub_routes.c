/* test_hub_routes.c - who wants what, and a naive model that knows better. */
#include "daemon/hub_routes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oom.h"

#define N_SLOTS 130

static struct hub_routes begin(void)
{
	struct hub_routes r;

	cr_assert_eq(hub_routes_init(&r, N_SLOTS), 0);
	return r;
}

static struct hub_key key(const char *scope, const char *name, bool is_prefix)
{
	return (struct hub_key){ weir_strz(scope), weir_strz(name), is_prefix };
}

static void want(struct hub_routes *r, unsigned slot, const char *scope, const char *name,
		 bool is_prefix)
{
	struct hub_key k = key(scope, name, is_prefix);

	cr_assert_eq(hub_routes_want(r, slot, &k), 0);
}

static void unwant(struct hub_routes *r, unsigned slot, const char *scope, const char *name,
		   bool is_prefix)
{
	struct hub_key k = key(scope, name, is_prefix);

	hub_routes_unwant(r, slot, &k);
}

/* The slots, "1 64 ". */
static const char *find(struct hub_routes *r, const char *scope, const char *name)
{
	const uint64_t *found = hub_routes_find(r, weir_strz(scope), weir_strz(name));
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < N_SLOTS; i++) {
		if (found[i / 64] >> (i % 64) & 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u ", i);
	}
	return text;
}

Test(hub_routes, finds_who_wants_a_name)
{
	struct hub_routes r = begin();

	want(&r, 0, "shop", "news", false);
	want(&r, 129, "shop", "news", false);
	want(&r, 64, "shop", "old", false);
	cr_assert_str_eq(find(&r, "shop", "news"), "0 129 ");
	cr_assert_str_eq(find(&r, "shop", "old"), "64 ");
	cr_assert_str_eq(find(&r, "shop", "new"), "");
	hub_routes_done(&r);
}

Test(hub_routes, scopes_do_not_mix)
{
	struct hub_routes r = begin();

	want(&r, 1, "shop", "news", false);
	want(&r, 2, "", "shopnews", false);
	want(&r, 3, "sho", "pnews", false);
	cr_assert_str_eq(find(&r, "shop", "news"), "1 ");
	cr_assert_str_eq(find(&r, "", "shopnews"), "2 ");
	cr_assert_str_eq(find(&r, "", "news"), "");
	hub_routes_done(&r);
}

Test(hub_routes, a_prefix_is_for_all_names_that_begin_with_it)
{
	struct hub_routes r = begin();

	want(&r, 1, "s", "room/", true);
	want(&r, 2, "s", "", true);
	want(&r, 3, "s", "room/12", true);
	want(&r, 4, "s", "room/", false);
	cr_assert_str_eq(find(&r, "s", "room/1"), "1 2 ");
	cr_assert_str_eq(find(&r, "s", "room/123"), "1 2 3 ");
	cr_assert_str_eq(find(&r, "s", "room/"), "1 2 4 ");
	cr_assert_str_eq(find(&r, "s", "room"), "2 ");
	cr_assert_str_eq(find(&r, "s", ""), "2 ");
	cr_assert_str_eq(find(&r, "t", "room/1"), "");
	hub_routes_done(&r);
}

Test(hub_routes, registering_twice_is_once)
{
	struct hub_routes r = begin();

	want(&r, 1, "s", "a", true);
	want(&r, 1, "s", "a", true);
	unwant(&r, 1, "s", "a", true);
	cr_assert_str_eq(find(&r, "s", "ab"), "");
	cr_assert_eq(r.n_keys, 0u);
	cr_assert_eq(r.n_lens, 0u);
	hub_routes_done(&r);
}

Test(hub_routes, what_was_not_registered_can_be_taken_back)
{
	struct hub_routes r = begin();

	want(&r, 1, "s", "a", false);
	unwant(&r, 2, "s", "a", false);
	unwant(&r, 1, "s", "b", false);
	unwant(&r, 1, "s", "a", true);
	cr_assert_str_eq(find(&r, "s", "a"), "1 ");
	hub_routes_done(&r);
}

Test(hub_routes, all_of_a_slot_is_forgotten_and_nothing_else)
{
	struct hub_routes r = begin();
	char name[16];

	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "n%u", i);
		want(&r, i % 3, "s", name, i % 2);
	}
	want(&r, 1, "s", "n0", false);
	hub_routes_forget(&r, 0);
	cr_assert_str_eq(find(&r, "s", "n0"), "1 ");
	hub_routes_forget(&r, 1);
	cr_assert_str_eq(find(&r, "s", "n2"), "2 ");
	hub_routes_forget(&r, 2);
	cr_assert_eq(r.n_keys, 0u);
	cr_assert_eq(r.n_lens, 0u);
	hub_routes_done(&r);
}

Test(hub_routes, without_memory_nothing_changes)
{
	struct hub_key k = key("s", "a", true);
	struct hub_routes r = begin();

	for (unsigned n = 1;; n++) {
		int result;

		oom_fail_at(n);
		result = hub_routes_want(&r, 1, &k);
		if (!oom_has_failed())
			break;
		cr_assert_eq(result, -ENOMEM);
		cr_assert_eq(r.n_keys + r.n_lens, 0u);
	}
	cr_assert_str_eq(find(&r, "s", "a"), "1 ");
	hub_routes_done(&r);
}

Test(hub_routes, begins_without_memory_or_not_at_all)
{
	struct hub_routes r;

	for (unsigned n = 1;; n++) {
		int result;

		oom_fail_at(n);
		result = hub_routes_init(&r, N_SLOTS);
		if (!oom_has_failed())
			break;
		cr_assert_eq(result, -ENOMEM);
	}
	hub_routes_done(&r);
}

/* ---- against a model: all keys over an alphabet of two, up to three long */

#define N_NAMES 15

static const char *const names[N_NAMES] = { "",	   "a",	  "b",	 "aa",	"ab",  "ba",  "bb", "aaa",
					    "aab", "aba", "abb", "baa", "bab", "bba", "bbb" };

struct model {
	bool wants[4][2][N_NAMES][2]; /* slot, scope, name, is_prefix */
};

static bool model_wants(const struct model *m, unsigned slot, unsigned scope, const char *name)
{
	for (unsigned i = 0; i < N_NAMES; i++) {
		if (m->wants[slot][scope][i][0] && strcmp(names[i], name) == 0)
			return true;
		if (m->wants[slot][scope][i][1] && strncmp(names[i], name, strlen(names[i])) == 0)
			return true;
	}
	return false;
}

Test(hub_routes, agrees_with_a_naive_model)
{
	static struct model m;
	struct hub_routes r = begin();
	uint64_t random = 1;

	for (unsigned i = 0; i < 100000; i++) {
		unsigned slot, scope, name, is_prefix;
		const uint64_t *found;

		random = random * 6364136223846793005u + 1442695040888963407u;
		slot = random >> 40 & 3;
		scope = random >> 42 & 1;
		name = (unsigned)(random >> 43 & 0xffff) % N_NAMES;
		is_prefix = random >> 60 & 1;
		if (random >> 61 == 0) {
			hub_routes_forget(&r, slot);
			memset(m.wants[slot], 0, sizeof(m.wants[slot]));
		} else if (random >> 63) {
			want(&r, slot, scope ? "x" : "", names[name], is_prefix);
			m.wants[slot][scope][name][is_prefix] = true;
		} else {
			unwant(&r, slot, scope ? "x" : "", names[name], is_prefix);
			m.wants[slot][scope][name][is_prefix] = false;
		}
		name = (unsigned)(random >> 20 & 0xffff) % N_NAMES;
		found = hub_routes_find(&r, weir_strz(scope ? "x" : ""), weir_strz(names[name]));
		for (unsigned s = 0; s < 4; s++)
			cr_assert_eq(found[0] >> s & 1, model_wants(&m, s, scope, names[name]));
	}
	hub_routes_done(&r);
}
