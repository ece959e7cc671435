/*
 * test_router.c - routes are strings here: a target is the pattern it was
 * added with, so that a failure names the route that was found.
 */
#include "app/router.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/str.h"

#define GET ROUTER_METHOD(HTTP_METHOD_GET)
#define POST ROUTER_METHOD(HTTP_METHOD_POST)
#define HEAD ROUTER_METHOD(HTTP_METHOD_HEAD)
#define OPTIONS ROUTER_METHOD(HTTP_METHOD_OPTIONS)
#define ANY ROUTER_ANY_METHOD

static int try_add(struct router *router, const char *pattern, uint64_t methods,
		   const char **reterr_words, void **reterr_conflict)
{
	return router_add(router, weir_strz(pattern), methods, (void *)pattern, reterr_words,
			  reterr_conflict);
}

static void add(struct router *router, const char *pattern, uint64_t methods)
{
	const char *words = "";
	void *conflict = NULL;

	cr_assert_eq(try_add(router, pattern, methods, &words, &conflict), 0, "%s: %s", pattern,
		     words);
}

static enum router_verdict find(const struct router *router, enum http_method method,
				const char *path, struct router_match *ret_match)
{
	/* What is not written must not be read. */
	memset(ret_match, 0xee, sizeof(*ret_match));
	return router_find(router, method, weir_strz(path), ret_match);
}

/* --- which route wins --- */

static struct router *new_site(void)
{
	static const char *const patterns[] = {
		"/",
		"/hello",
		"/hello/",
		"/users/new",
		"/users/{id}",
		"/users/{id}/posts",
		"/users/{id}/posts/{post}",
		"/users/new/x/{y}",
		"/static/{path...}",
		"/static/{dir}/index",
		"/caf%C3%A9",
		"/a%2Fb",
		"/deep/{a}/{b}/{c...}",
		"/long/literal/path/of/more/than/eight/bytes",
	};
	struct router *router = router_new();

	cr_assert_not_null(router);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		add(router, patterns[i], ANY);
	return router;
}

struct found {
	char path[64], pattern[64], params[64];
};

ParameterizedTestParameters(router, most_specific_wins)
{
	static struct found rows[] = {
		{ "/", "/", "" },
		{ "/hello", "/hello", "" },
		{ "/hello/", "/hello/", "" },
		{ "/%68ello", "/hello", "" },
		{ "/users/new", "/users/new", "" },
		{ "/users/ne%77", "/users/new", "" },
		{ "/users/7", "/users/{id}", "id=7 " },
		{ "/users/new2", "/users/{id}", "id=new2 " },
		{ "/users/new/posts", "/users/{id}/posts", "id=new " },
		{ "/users/new/posts/3", "/users/{id}/posts/{post}", "id=new post=3 " },
		{ "/users/new/x/1", "/users/new/x/{y}", "y=1 " },
		{ "/users/a%2Fb", "/users/{id}", "id=a%2Fb " },
		{ "/static/", "/static/{path...}", "path= " },
		{ "/static/x/y.css", "/static/{path...}", "path=x/y.css " },
		{ "/static/x/index", "/static/{dir}/index", "dir=x " },
		{ "/static/x/index/z", "/static/{path...}", "path=x/index/z " },
		{ "/static//index", "/static/{path...}", "path=/index " },
		{ "/caf%C3%A9", "/caf%C3%A9", "" },
		{ "/caf%c3%a9", "/caf%C3%A9", "" },
		{ "/caf\xc3\xa9", "/caf%C3%A9", "" },
		{ "/a%2fb", "/a%2Fb", "" },
		{ "/deep/1/2/", "/deep/{a}/{b}/{c...}", "a=1 b=2 c= " },
		{ "/deep/1/2/3/4", "/deep/{a}/{b}/{c...}", "a=1 b=2 c=3/4 " },
		{ "/long/literal/path/of/more/than/eight/bytes",
		  "/long/literal/path/of/more/than/eight/bytes", "" },
	};

	return cr_make_param_array(struct found, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct found *row, router, most_specific_wins)
{
	_cleanup_(router_freep) struct router *router = new_site();
	struct router_match match;
	char params[256] = "";
	size_t n = 0;

	cr_assert_eq(find(router, HTTP_METHOD_GET, row->path, &match), ROUTER_FOUND, "%s",
		     row->path);
	cr_assert_str_eq(match.target, row->pattern, "%s", row->path);
	for (unsigned i = 0; i < match.n_params; i++)
		n += (size_t)snprintf(params + n, sizeof(params) - n, "%.*s=%.*s ",
				      WEIR_ARG(match.params[i].name),
				      WEIR_ARG(match.params[i].value));
	cr_assert_str_eq(params, row->params, "%s", row->path);
}

struct missed {
	char path[64];
};

ParameterizedTestParameters(router, nothing_matches)
{
	static struct missed rows[] = {
		{ "/nothing" },
		{ "/hello/x" },
		{ "/Hello" },
		{ "/static" },
		{ "/users" },
		{ "/users/" },
		{ "/users//posts" },
		{ "/a/b" },
		{ "/deep/1/2" },
		{ "/deep//2/3" },
		{ "" },
		{ "hello" },
		{ "//" },
		{ "/users/1/posts/2/3" },
		{ "/hell%zz" },
		{ "/hello%" },
		{ "/%00" },
		{ "/caf%C3" },
		{ "/long/literal/path/of/more/than/eight/byteS" },
	};

	return cr_make_param_array(struct missed, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct missed *row, router, nothing_matches)
{
	_cleanup_(router_freep) struct router *router = new_site();
	struct router_match match;

	cr_assert_eq(find(router, HTTP_METHOD_GET, row->path, &match), ROUTER_NOT_FOUND, "%s",
		     row->path);
}

Test(router, an_empty_router_finds_nothing)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	cr_assert_eq(find(router, HTTP_METHOD_GET, "/", &match), ROUTER_NOT_FOUND);
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "*", &match), ROUTER_OPTIONS);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("OPTIONS")));
}

Test(router, rest_at_the_root_takes_everything_else)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/{all...}", ANY);
	add(router, "/x", ANY);
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/a/b/c", &match), ROUTER_FOUND);
	cr_assert_str_eq(match.target, "/{all...}");
	cr_assert(weir_str_eq(match.params[0].value, WEIR_STR("a/b/c")));
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/", &match), ROUTER_FOUND);
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/x", &match), ROUTER_FOUND);
	cr_assert_str_eq(match.target, "/x");
}

Test(router, sixteen_parameters_are_all_there)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p...}", ANY);
	cr_assert_eq(
		find(router, HTTP_METHOD_GET, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", &match),
		ROUTER_FOUND);
	cr_assert_eq(match.n_params, 16);
	cr_assert(weir_str_eq(match.params[15].value, WEIR_STR("16/17")));
}

/* --- methods --- */

Test(router, another_method_is_not_allowed_and_says_which_are)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/x", GET | POST);
	cr_assert_eq(find(router, HTTP_METHOD_PUT, "/x", &match), ROUTER_NOT_ALLOWED);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("GET, HEAD, POST, OPTIONS")), "%.*s",
		  WEIR_ARG(match.allow));
}

Test(router, allow_is_of_all_routes_of_the_path)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/{a}", POST);
	add(router, "/{b}", ROUTER_METHOD(HTTP_METHOD_DELETE));
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/x", &match), ROUTER_NOT_ALLOWED);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("POST, DELETE, OPTIONS")), "%.*s",
		  WEIR_ARG(match.allow));
}

Test(router, one_shape_may_have_a_route_for_each_method_with_names_of_its_own)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/{a}", GET);
	add(router, "/{b}", POST);
	cr_assert_eq(find(router, HTTP_METHOD_POST, "/x", &match), ROUTER_FOUND);
	cr_assert_str_eq(match.target, "/{b}");
	cr_assert(weir_str_eq(match.params[0].name, WEIR_STR("b")));
}

Test(router, the_path_decides_before_the_method)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/users/new", GET);
	add(router, "/users/{id}", POST);
	cr_assert_eq(find(router, HTTP_METHOD_POST, "/users/new", &match), ROUTER_NOT_ALLOWED);
}

Test(router, head_falls_back_to_get)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/x", GET);
	add(router, "/y", POST);
	cr_assert_eq(find(router, HTTP_METHOD_HEAD, "/x", &match), ROUTER_FOUND);
	cr_assert_str_eq(match.target, "/x");
	cr_assert_eq(find(router, HTTP_METHOD_HEAD, "/y", &match), ROUTER_NOT_ALLOWED);
}

Test(router, head_of_its_own_wins_over_get)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/{get}", GET);
	add(router, "/{head}", HEAD);
	cr_assert_eq(find(router, HTTP_METHOD_HEAD, "/x", &match), ROUTER_FOUND);
	cr_assert_str_eq(match.target, "/{head}");
}

Test(router, options_is_answered_by_the_server_unless_a_route_has_it)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/x", GET);
	add(router, "/y", GET | OPTIONS);
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "/x", &match), ROUTER_OPTIONS);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("GET, HEAD, OPTIONS")));
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "/y", &match), ROUTER_FOUND);
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "/z", &match), ROUTER_NOT_FOUND);
}

Test(router, options_for_all_unites_the_routes)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/x", GET);
	add(router, "/y", ROUTER_METHOD(HTTP_METHOD_PUT));
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "*", &match), ROUTER_OPTIONS);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("GET, HEAD, PUT, OPTIONS")), "%.*s",
		  WEIR_ARG(match.allow));
	cr_assert_eq(find(router, HTTP_METHOD_GET, "*", &match), ROUTER_NOT_FOUND);
}

Test(router, any_method_is_neither_trace_nor_connect)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/x", ANY);
	add(router, "/t", ROUTER_METHOD(HTTP_METHOD_TRACE));
	cr_assert_eq(find(router, HTTP_METHOD_PROPFIND, "/x", &match), ROUTER_FOUND);
	cr_assert_eq(find(router, HTTP_METHOD_OPTIONS, "/x", &match), ROUTER_FOUND);
	cr_assert_eq(find(router, HTTP_METHOD_TRACE, "/x", &match), ROUTER_NOT_ALLOWED);
	cr_assert(
		weir_str_eq(match.allow, WEIR_STR("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")),
		"%.*s", WEIR_ARG(match.allow));
	cr_assert_eq(find(router, HTTP_METHOD_TRACE, "/t", &match), ROUTER_FOUND);
}

/* --- what is refused --- */

struct pair {
	char a[48], b[48];
};

ParameterizedTestParameters(router, same_shape_is_refused)
{
	static struct pair rows[] = {
		{ "/x", "/x" },
		{ "/{a}", "/{b}" },
		{ "/{a...}", "/{b...}" },
		{ "/x/{a}/y", "/x/{b}/y" },
		{ "/caf%C3%A9", "/caf\xc3\xa9" },
		{ "/%78", "/x" },
		{ "/x/", "/x/" },
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct pair *row, router, same_shape_is_refused)
{
	_cleanup_(router_freep) struct router *router = router_new();
	const char *words = NULL;
	void *conflict = NULL;

	add(router, row->a, GET);
	cr_assert_eq(try_add(router, row->b, ANY, &words, &conflict), -EEXIST, "%s", row->b);
	cr_assert_eq(conflict, row->a);
}

ParameterizedTestParameters(router, another_shape_is_not_refused)
{
	static struct pair rows[] = {
		{ "/x", "/x/" },      { "/{a}", "/{a}/" }, { "/{a}", "/{a...}" },
		{ "/a%2Fb", "/a/b" }, { "/x", "/{x}" },	   { "/{a}/x", "/x/{a}" },
		{ "/", "/{a...}" },
	};

	return cr_make_param_array(struct pair, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct pair *row, router, another_shape_is_not_refused)
{
	_cleanup_(router_freep) struct router *router = router_new();

	add(router, row->a, ANY);
	add(router, row->b, ANY);
}

Test(router, a_refused_route_leaves_no_trace)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;
	const char *words = NULL;
	void *conflict = NULL;

	add(router, "/x", GET);
	cr_assert_eq(try_add(router, "/x", GET | POST, &words, &conflict), -EEXIST);
	cr_assert_eq(try_add(router, "/y/{a}/{a}", GET, &words, &conflict), -EINVAL);
	cr_assert_eq(find(router, HTTP_METHOD_POST, "/x", &match), ROUTER_NOT_ALLOWED);
	cr_assert(weir_str_eq(match.allow, WEIR_STR("GET, HEAD, OPTIONS")));
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/y/1/2", &match), ROUTER_NOT_FOUND);
}

/* --- decoding --- */

Test(router, an_encoded_slash_stays_inside_its_parameter)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct budget budget = { .limit = 65536 };
	struct router_match match;
	enum fault fault = FAULT_NONE;
	struct arena arena;

	arena_init(&arena, &budget);
	add(router, "/{a}/{b}", ANY);
	cr_assert_eq(find(router, HTTP_METHOD_GET, "/x%2Fy/%C3%A9", &match), ROUTER_FOUND);
	cr_assert_eq(router_decode(&match, &arena, &fault), 0);
	cr_assert(weir_str_eq(match.params[0].value, WEIR_STR("x/y")));
	cr_assert(weir_str_eq(match.params[1].value, WEIR_STR("\xc3\xa9")));
	arena_done(&arena);
}

struct undecodable {
	char path[32];
};

ParameterizedTestParameters(router, a_parameter_that_is_no_text_is_the_clients_fault)
{
	static struct undecodable rows[] = {
		{ "/%00" }, { "/%ff" }, { "/a%C3" }, { "/%ED%A0%80" }
	};

	return cr_make_param_array(struct undecodable, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct undecodable *row, router, a_parameter_that_is_no_text_is_the_clients_fault)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct budget budget = { .limit = 65536 };
	struct router_match match;
	enum fault fault = FAULT_NONE;
	struct arena arena;

	arena_init(&arena, &budget);
	add(router, "/{a}", ANY);
	cr_assert_eq(find(router, HTTP_METHOD_GET, row->path, &match), ROUTER_FOUND);
	cr_assert_eq(router_decode(&match, &arena, &fault), -EPROTO, "%s", row->path);
	cr_assert_eq(fault_status(fault), 400);
	arena_done(&arena);
}

/* --- size --- */

Test(router, thousands_of_routes_are_all_found)
{
	_cleanup_(router_freep) struct router *router = router_new();
	enum { N = 5000 };
	const char *words = NULL;
	void *conflict = NULL;
	struct router_match match;
	char text[64];

	for (size_t i = 0; i < N; i++) {
		(void)snprintf(text, sizeof(text), i % 2 ? "/n%zu/{x}" : "/n%zu/all", i);
		cr_assert_eq(router_add(router, weir_strz(text), ANY, (void *)(i + 1), &words,
					&conflict),
			     0);
	}
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(text, sizeof(text), "/n%zu/all", i);
		cr_assert_eq(find(router, HTTP_METHOD_GET, text, &match), ROUTER_FOUND);
		cr_assert_eq((size_t)match.target, i + 1);
	}
}

/* Where the hash alone tells paths of one length apart. */
Test(router, short_paths_are_not_mixed_up)
{
	_cleanup_(router_freep) struct router *router = router_new();
	const char letters[] = "abcdefghij0123456789";
	struct router_match match;
	char path[] = "/...";
	enum { BASE = sizeof(letters) - 1, N = BASE * BASE * BASE };

	for (size_t i = 0; i < 2 * N; i++) {
		path[1] = letters[i % BASE];
		path[2] = letters[i / BASE % BASE];
		path[3] = letters[i / BASE / BASE % BASE];
		/* Every second of them is a route. */
		if (i < N && i % 2)
			add(router, path, ANY);
		if (i >= N)
			cr_assert_eq(find(router, HTTP_METHOD_GET, path, &match),
				     i % 2 ? ROUTER_FOUND : ROUTER_NOT_FOUND, "%s", path);
	}
}

/* Going back must not multiply: 2^20 ways to read this path, 41 nodes. */
Test(router, a_path_made_to_go_back_often_is_still_cheap)
{
	_cleanup_(router_freep) struct router *router = router_new();
	struct router_match match;

	add(router, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/end", ANY);
	add(router, "/{b}/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/end", ANY);
	add(router, "/a/{b}/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/end", ANY);
	add(router, "/{b}/{c}/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/end", ANY);
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(find(router, HTTP_METHOD_GET,
				  "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/beg", &match),
			     ROUTER_NOT_FOUND);
}
