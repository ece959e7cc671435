/*
 * static.c - from a path to a file, and from a file to an answer. What the cache
 * has costs no system call but the send; what the kernel has in memory is
 * opened right here; only for the rest does the task wait for a thread.
 */
#include "app/static.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/req.h"
#include "app/static_cache.h"
#include "app/static_listing.h"
#include "app/static_send.h"
#include "base/clock.h"
#include "base/str.h"
#include "coro/offload.h"
#include "io/loop.h"
#include "proto/conditional.h"
#include "serve/errpage.h"

/* So long a file is believed to be what it was. */
#define FRESH_MS 1000

struct static_site {
	struct builtin_settings settings;
	struct static_spec spec;
	struct static_root root;
	struct static_file_spec files;
	struct static_cache cache;
	weir_str index[STATIC_MAX_INDEX];
};

static void free_settings(struct builtin_settings *settings)
{
	struct static_site *site = container_of(settings, struct static_site, settings);

	static_cache_done(&site->cache);
	static_root_close(&site->root);
	free(site);
}

int static_new(const struct static_spec *spec, struct builtin_settings **ret_settings)
{
	struct static_site *site = calloc(1, sizeof(*site));
	int r;

	if (!site)
		return -ENOMEM;
	site->settings.free = free_settings;
	assert(spec->n_index <= STATIC_MAX_INDEX);
	site->spec = *spec;
	for (size_t i = 0; i < spec->n_index; i++)
		site->index[i] = spec->index[i];
	site->files = (struct static_file_spec){
		.root = &site->root,
		.mime = spec->mime,
		.charset = spec->charset,
		.cache_control = spec->cache_control,
		.is_precompressed = spec->is_precompressed,
	};
	static_cache_init(&site->cache, spec->max_open, FRESH_MS);
	r = static_root_open(&site->root, spec->root, spec->symlinks, spec->shows_dot_files);
	if (r < 0) {
		free(site);
		return r;
	}
	*ret_settings = &site->settings;
	return 0;
}

/* ---- files */

struct open_call {
	const struct static_site *site;
	weir_str name;
	struct static_file *file;
	int r;
};

static int open_on_thread(void *arg)
{
	struct open_call *call = arg;

	call->r = static_file_open(&call->site->files, call->name, true, &call->file);
	return 0;
}

/* It is not in the cache. name ends with a NUL. */
static int open_file(struct req *req, struct static_site *site, weir_str name,
		     struct static_file **ret_file)
{
	struct open_call call = { .site = site, .name = name };
	int r;

	call.r = static_file_open(&site->files, name, false, &call.file);
	if (call.r == -EAGAIN) {
		r = offload(open_on_thread, &call);
		if (r < 0)
			return r;
	}
	if (call.r < 0)
		return call.r;
	static_cache_put(&site->cache, call.file, loop_now_ms(req->site->loop));
	*ret_file = call.file;
	return 0;
}

/* Borrowed. A large one that somebody is writing to is opened anew: its length must be right. */
static struct static_file *find_file(struct req *req, struct static_site *site, weir_str name)
{
	struct static_file *file = static_cache_find(&site->cache, name,
						     loop_now_ms(req->site->loop));

	return file && static_file_is_same(file) ? file : NULL;
}

/* A reference. */
static int get_file(struct req *req, struct static_site *site, weir_str name,
		    struct static_file **ret_file)
{
	struct static_file *file = find_file(req, site, name);

	if (!file)
		return open_file(req, site, name, ret_file);
	*ret_file = static_file_ref(file);
	return 0;
}

/* ---- answers */

/* What is wanted of a request's fields, found in one pass: most have none of it. */
struct wishes {
	bool has_conditions, has_codings;
	unsigned n_ranges;
	weir_str range; /* ptr NULL: all of it */
};

static struct wishes look_for_wishes(const weir_scope *scope)
{
	/* It is no list: of several lines (RFC 9110, section 5.3) none is the right one. */
	const weir_str none = { NULL, 0 };
	struct wishes wishes = { .range = none };

	for (size_t i = 0; i < scope->n_headers; i++) {
		weir_str name = scope->headers[i].name;

		if (name.len > 3 && !memcmp(name.ptr, "if-", 3))
			wishes.has_conditions = true;
		else if (name.len == 5 && !memcmp(name.ptr, "range", 5))
			wishes.range = wishes.n_ranges++ ? none : scope->headers[i].value;
		else if (name.len == 15 && !memcmp(name.ptr, "accept-encoding", 15))
			wishes.has_codings = true;
	}
	return wishes;
}

/* Who takes none of those that are there gets the file as it is: better than a 406 (section 12.5.3). */
static struct static_body *choose_body(struct static_file *file, const weir_scope *scope,
				       const struct wishes *wishes)
{
	unsigned weights[CODING_COUNT];

	if (!wishes->has_codings || file->codings == 1u << CODING_IDENTITY)
		return &file->bodies[CODING_IDENTITY];
	coding_weigh(scope->headers, scope->n_headers, weights);
	return &file->bodies[coding_choose(weights, file->codings)];
}

/* True: that was answered already. */
static bool answer_conditions(struct req *req, struct static_body *body, struct wishes *wishes,
			      int *ret_r)
{
	const weir_scope *scope = &req->scope;
	struct conditional_state state = { body->etag, body->modified, clock_real_s() };

	switch (conditional_judge(scope->headers, scope->n_headers, &state)) {
	case CONDITIONAL_FAILED:
		*ret_r = WEIR_STATUS(412);
		return true;
	case CONDITIONAL_NOT_MODIFIED:
		static_send_fields(req, body, body->n_lasting);
		*ret_r = weir_respond(&req->pub, 304, NULL, (weir_str){ NULL, 0 });
		return true;
	case CONDITIONAL_SERVE:
		break;
	}
	if (!conditional_may_range(scope->headers, scope->n_headers, &state))
		wishes->range = (weir_str){ NULL, 0 };
	return false;
}

static int answer_file(struct req *req, struct static_file *file)
{
	struct wishes wishes = look_for_wishes(&req->scope);
	struct static_body *body = choose_body(file, &req->scope, &wishes);
	int r;

	if (wishes.has_conditions && answer_conditions(req, body, &wishes, &r))
		return r;
	/* Section 14.2: of a GET only. */
	if (wishes.range.ptr && req->ex->head.method_id == HTTP_METHOD_GET)
		return static_send_ranges(req, body, wishes.range);
	return static_send_all(req, body);
}

/* The same with a slash at its end, where what it refers to has its own. */
static int redirect_to_slash(struct req *req)
{
	weir_str path = req->ex->uri.segments, query = req->scope.query, location;
	char body[ERRPAGE_MAX];
	int r;

	if (str_starts(path, WEIR_STR("//")))
		return WEIR_STATUS(404); /* it would be another site */
	location = weir_printf(&req->pub, "%.*s/%s%.*s", WEIR_ARG(path), query.len ? "?" : "",
			       WEIR_ARG(query));
	if (!location.ptr)
		return -ENOMEM;
	r = req_fields_add(req, &req->fields, WEIR_STR("location"), location);
	if (r < 0)
		return r;
	return weir_respond(&req->pub, 301, "text/plain; charset=utf-8",
			    (weir_str){ body, errpage_body(body, 301, NULL) });
}

/* For people it is there or not; why not is for the log. */
static int status_of(int error)
{
	switch (error) {
	case -ENOENT:
	case -EISDIR:
		return WEIR_STATUS(404);
	case -EACCES:
		return WEIR_STATUS(403);
	case -EMFILE:
	case -ENFILE:
		return WEIR_STATUS(503);
	default:
		return error;
	}
}

/* name and tail, with a NUL behind; ptr NULL: no memory. */
static weir_str make_name(struct req *req, weir_str name, weir_str tail)
{
	char *text = arena_bytes(req->arena, name.len + tail.len + 1);

	if (!text)
		return (weir_str){ NULL, 0 };
	*str_put(str_put(text, name), tail) = '\0';
	return (weir_str){ text, name.len + tail.len };
}

/* directory is empty or ends with a slash. */
static int answer_directory(struct req *req, struct static_site *site, weir_str directory)
{
	weir_str name;
	int r;

	for (size_t i = 0; i < site->spec.n_index; i++) {
		_cleanup_(static_file_unrefp) struct static_file *file = NULL;

		name = make_name(req, directory, site->index[i]);
		if (!name.ptr)
			return -ENOMEM;
		r = get_file(req, site, name, &file);
		if (r == 0)
			return answer_file(req, file);
		if (r != -ENOENT && r != -EISDIR)
			return status_of(r);
	}
	if (!site->spec.has_listings)
		return WEIR_STATUS(404);
	name = make_name(req, directory, (weir_str){ NULL, 0 });
	if (!name.ptr)
		return -ENOMEM;
	r = static_listing_send(req, &site->root, name.ptr);
	return status_of(r);
}

/* What the path has behind the route's own: its last parameter. */
static weir_str rest_of_path(const struct req *req)
{
	unsigned n = req->match.n_params;

	return n > 0 ? req->match.params[n - 1].value : (weir_str){ NULL, 0 };
}

int static_handler(weir_req *pub)
{
	struct static_site *site = container_of(builtin_settings(pub), struct static_site,
						settings);
	_cleanup_(static_file_unrefp) struct static_file *file = NULL;
	struct req *req = req_of(pub);
	weir_str name = rest_of_path(req);
	int r;

	file = find_file(req, site, name);
	if (file) {
		file = static_file_ref(file);
		return answer_file(req, file);
	}
	if (!static_root_has_name(&site->root, name))
		return WEIR_STATUS(404);
	if (name.len == 0 || name.ptr[name.len - 1] == '/')
		return answer_directory(req, site, name);
	name = make_name(req, name, (weir_str){ NULL, 0 });
	if (!name.ptr)
		return -ENOMEM;
	r = open_file(req, site, name, &file);
	if (r == -EISDIR)
		return redirect_to_slash(req);
	return r < 0 ? status_of(r) : answer_file(req, file);
}
