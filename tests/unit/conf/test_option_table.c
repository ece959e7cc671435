/* test_option_table.c - what holds for every row, so that other files may rely on it. */
#include "conf/option_table.h"

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/macro.h"
#include "conf/conf.h"
#include "conf/option_value.h"

static const enum option_place places[] = { OPTION_TOP,	   OPTION_LISTEN, OPTION_MODULE,
					    OPTION_ROUTE,  OPTION_JOBS,	  OPTION_POOL,
					    OPTION_HEALTH, OPTION_CONTROL };

/* Calls check for every option there is; returns how many. */
static size_t each(void (*check)(const struct option_spec *option))
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		for (const struct option_spec *o = option_table_next(places[i], NULL); o;
		     o = option_table_next(places[i], o)) {
			check(o);
			n++;
		}
	}
	return n;
}

static void is_found_by_name(const struct option_spec *o)
{
	cr_expect_eq(option_table_find(o->place, weir_strz(o->name)), o, "%s is there twice",
		     o->name);
	cr_expect_lt(option_table_index(o), OPTION_MAX);
}

Test(option_table, names_are_unique_where_they_stand)
{
	cr_assert_gt(each(is_found_by_name), 30);
}

static void has_help(const struct option_spec *o)
{
	cr_expect(o->help && strlen(o->help) > 5, "%s", o->name);
	cr_expect_null(strchr(o->help, '\t'), "%s", o->name);
}

Test(option_table, every_option_is_explained)
{
	each(has_help);
}

static void default_is_good(const struct option_spec *o)
{
	struct budget budget = { .limit = 65536 };
	struct option_context context = { .dir = "/" };
	union {
		struct conf conf;
		struct conf_listen listen;
		struct conf_module module;
		struct conf_route route;
		struct conf_jobs jobs;
		struct conf_job_pool pool;
	} base = { 0 };
	char words[OPTION_WORDS] = "";
	struct arena arena;

	if (!o->fallback || option_table_is_list(o))
		return;
	arena_init(&arena, &budget);
	context.arena = &arena;
	cr_expect_eq(option_value_set(o, weir_strz(o->fallback), &context, &base, words), 0,
		     "%s: %s", o->name, words);
	arena_done(&arena);
}

Test(option_table, every_default_is_a_good_value)
{
	each(default_is_good);
}

static void can_always_be_had(const struct option_spec *o)
{
	/* A name that is absent has a text of NULL. */
	bool has_value = o->fallback || o->is_inherited || o->is_required || o->is_one_of ||
			 o->type == OPTION_NAME || o->type == OPTION_FILE;

	/* Without a place neither is there. */
	has_value |= o->place == OPTION_HEALTH || o->place == OPTION_CONTROL;
	cr_expect(option_table_is_list(o) || has_value, "%s has neither default nor need", o->name);
	cr_expect_not(o->fallback && o->is_required, "%s", o->name);
}

Test(option_table, every_value_comes_from_somewhere)
{
	each(can_always_be_had);
}

static void inherits_the_same(const struct option_spec *o)
{
	const struct conf conf = { 0 };
	const void *base = NULL;
	const struct option_spec *above = option_table_above(o, &conf, &base);

	if (!o->is_inherited) {
		cr_expect_null(above, "%s", o->name);
		return;
	}
	cr_assert_not_null(above, "%s", o->name);
	cr_expect_eq(base, o->place == OPTION_POOL ? (const void *)&conf.jobs : &conf);
	cr_expect(!option_table_is_list(o) || o->type == OPTION_DIRECTORIES ||
			  o->type == OPTION_NAMES,
		  "%s", o->name);
	cr_expect_eq(above->type, o->type, "%s", o->name);
	cr_expect_eq(above->min, o->min, "%s", o->name);
	cr_expect_eq(above->max, o->max, "%s", o->name);
	cr_expect_eq(above->choices, o->choices, "%s", o->name);
}

/* conf_read.c copies it as it is. */
Test(option_table, what_is_inherited_is_of_the_same_type)
{
	each(inherits_the_same);
}

static void has_limits(const struct option_spec *o)
{
	if (o->type == OPTION_COUNT || o->type == OPTION_SIZE || o->type == OPTION_DURATION ||
	    o->type == OPTION_RATE || o->type == OPTION_WORKERS)
		cr_expect_lt(o->min, o->max, "%s", o->name);
	if (o->type == OPTION_COUNT || o->type == OPTION_WORKERS)
		cr_expect_leq(o->max, UINT32_MAX, "%s", o->name);
	if (o->type == OPTION_CHOICE)
		cr_expect_not_null(o->choices, "%s", o->name);
}

Test(option_table, every_number_has_limits)
{
	each(has_limits);
}

Test(option_table, variables_are_named_after_options)
{
	char name[OPTION_ENV];

	cr_assert(option_table_env(option_table_find(OPTION_TOP, WEIR_STR("max_body")), name));
	cr_assert_str_eq(name, "WEIR_MAX_BODY");
	cr_assert(option_table_env(option_table_find(OPTION_TOP, WEIR_STR("listen")), name));
	cr_assert_str_eq(name, "WEIR_LISTEN");
	cr_assert_not(option_table_env(option_table_find(OPTION_TOP, WEIR_STR("routes")), name));
	cr_assert_not(option_table_env(option_table_find(OPTION_TOP, WEIR_STR("jobs")), name));
	cr_assert_not(
		option_table_env(option_table_find(OPTION_ROUTE, WEIR_STR("max_body")), name));
}

Test(option_table, what_is_not_there_is_not_found)
{
	cr_assert_null(option_table_find(OPTION_TOP, WEIR_STR("handler")));
	cr_assert_null(option_table_find(OPTION_ROUTE, WEIR_STR("workers")));
	cr_assert_null(option_table_find(OPTION_TOP, WEIR_STR("")));
}
