/*
 * redirect.c - see redirect.h. The hard thing is what a client may put into a
 * parameter: nothing but a path's characters goes into a path as it is, behind it not even these;
 * and a parameter cannot choose another site, for it stands behind the host, and
 * cannot make a path into one ("//evil.example").
 */
#include "app/redirect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/req.h"
#include "base/str.h"
#include "serve/errpage.h"

#define MAX_NAME 64

struct redirect {
	struct builtin_settings settings;
	struct redirect_spec spec;
};

/* The next {name} of the text: what stands before it, and the name; false: there is none. */
static bool next_name(const char **rest, weir_str *ret_before, weir_str *ret_name)
{
	const char *open = strchr(*rest, '{');
	const char *close = open ? strchr(open, '}') : NULL;

	if (!close) {
		*ret_before = weir_strz(*rest);
		*rest += ret_before->len;
		return false;
	}
	*ret_before = (weir_str){ *rest, (size_t)(open - *rest) };
	*ret_name = (weir_str){ open + 1, (size_t)(close - open - 1) };
	*rest = close + 1;
	return true;
}

/* Does the route's path have {name} or {name...}? */
static bool has_parameter(const char *path, weir_str name)
{
	weir_str before, param;

	while (next_name(&path, &before, &param)) {
		if (param.len > 3 && !memcmp(param.ptr + param.len - 3, "...", 3))
			param.len -= 3;
		if (weir_str_eq(param, name))
			return true;
	}
	return false;
}

static bool is_absolute(const char *to)
{
	size_t n = 0;

	if (to[0] == '/')
		return true;
	while (isalnum((unsigned char)to[n]) || (n > 0 && to[n] && strchr("+.-", to[n])))
		n++;
	return n > 0 && isalpha((unsigned char)to[0]) && to[n] == ':';
}

/* Where a target's path begins, or what is in place of one: behind scheme and host. */
static const char *path_of(const char *to)
{
	const char *p = to[0] == '/' ? to : strchr(to, ':') + 1;

	if (p[0] == '/' && p[1] == '/')
		p += 2;
	else if (p[0] == '/')
		return p;
	return p + strcspn(p, "/?#");
}

int redirect_check(const char *to, const char *path, char reterr_words[REDIRECT_WORDS])
{
	weir_str before, name;
	const char *rest = to;

	if (!is_absolute(to)) {
		(void)snprintf(reterr_words, REDIRECT_WORDS,
			       "wants a path that begins with /, or a whole URL");
		return -EINVAL;
	}
	for (const char *c = to; *c; c++) {
		if ((unsigned char)*c > ' ' && (unsigned char)*c < 0x7f && !strchr("\"<>\\^`", *c))
			continue;
		(void)snprintf(reterr_words, REDIRECT_WORDS,
			       "character %zu cannot be in a URL: write it as %%%02X",
			       (size_t)(c - to) + 1, (unsigned char)*c);
		return -EINVAL;
	}
	while (next_name(&rest, &before, &name)) {
		int shown = (int)(name.len < MAX_NAME ? name.len : MAX_NAME);

		if (name.len > MAX_NAME || !has_parameter(path, name)) {
			(void)snprintf(reterr_words, REDIRECT_WORDS,
				       "the route's path has no parameter {%.*s}", shown, name.ptr);
			return -EINVAL;
		}
		if (name.ptr - 1 < path_of(to)) {
			(void)snprintf(reterr_words, REDIRECT_WORDS,
				       "{%.*s} would be part of the host, which clients must not "
				       "choose: put a / between them",
				       shown, name.ptr);
			return -EINVAL;
		}
	}
	return 0;
}

static void free_settings(struct builtin_settings *settings)
{
	free(container_of(settings, struct redirect, settings));
}

int redirect_new(const struct redirect_spec *spec, struct builtin_settings **ret_settings)
{
	struct redirect *redirect = calloc(1, sizeof(*redirect));

	if (!redirect)
		return -ENOMEM;
	redirect->settings.free = free_settings;
	redirect->spec = *spec;
	*ret_settings = &redirect->settings;
	return 0;
}

/* RFC 3986, sections 3.3 and 2.3: characters of a path; and those that mean nothing in a query. */
#define PATH_MARKS "-._~!$&'()*+,;=:@/"
#define PLAIN_MARKS "-._~"

/* Letters, digits and marks stay; all others become %XX. */
static char *put_encoded(char *out, weir_str text, const char *marks)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (isalnum(c) || (c && strchr(marks, c))) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '%';
		*out++ = digits[c >> 4];
		*out++ = digits[c & 15];
	}
	return out;
}

/* Behind a single slash at the beginning another would begin a host, unless the target has one. */
static weir_str without_host(weir_str location, const char *to)
{
	if (to[0] != '/' || to[1] == '/')
		return location;
	while (location.len > 1 && location.ptr[1] == '/')
		location = (weir_str){ location.ptr + 1, location.len - 1 };
	return location;
}

/* How long it may become at the most. */
static size_t bound(const weir_req *req, const struct redirect_spec *spec)
{
	size_t len = strlen(spec->to) + 1 + req->scope->query.len;
	const char *rest = spec->to;
	weir_str before, name;

	while (next_name(&rest, &before, &name)) {
		char z[MAX_NAME + 1];

		(void)snprintf(z, sizeof(z), "%.*s", WEIR_ARG(name));
		len += 3 * weir_param(req, z).len;
	}
	return len;
}

/* The target with its parameters; the query goes before a fragment. */
static weir_str make_location(weir_req *req, const struct redirect_spec *spec)
{
	char *start = weir_alloc(req, bound(req, spec) + 1), *out = start;
	const char *rest = spec->to;
	weir_str query = spec->keeps_query ? req->scope->query : (weir_str){ NULL, 0 };
	const char *marks = PATH_MARKS;
	weir_str before, name;
	bool goes_on = true;

	if (!start)
		return (weir_str){ NULL, 0 };
	while (goes_on) {
		char z[MAX_NAME + 1];

		goes_on = next_name(&rest, &before, &name);
		out = str_put(out, before);
		if (!goes_on)
			break;
		if (memchr(before.ptr, '?', before.len) || memchr(before.ptr, '#', before.len))
			marks = PLAIN_MARKS;
		(void)snprintf(z, sizeof(z), "%.*s", WEIR_ARG(name));
		out = put_encoded(out, weir_param(req, z), marks);
	}
	if (query.len > 0) {
		char *hash = memchr(start, '#', (size_t)(out - start));
		size_t tail = hash ? (size_t)(out - hash) : 0;
		char *at = out - tail;
		char mark = memchr(start, '?', (size_t)(at - start)) ? '&' : '?';

		memmove(at + 1 + query.len, at, tail);
		*at = mark;
		memcpy(at + 1, query.ptr, query.len);
		out += 1 + query.len;
	}
	return without_host((weir_str){ start, (size_t)(out - start) }, spec->to);
}

int redirect_handler(weir_req *pub)
{
	const struct redirect_spec *spec =
		&container_of(builtin_settings(pub), struct redirect, settings)->spec;
	struct req *req = req_of(pub);
	weir_str location = make_location(pub, spec);
	char body[ERRPAGE_MAX];
	int r;

	if (!location.ptr)
		return -ENOMEM;
	r = req_fields_add(req, &req->fields, WEIR_STR("location"), location);
	if (r < 0)
		return r;
	return weir_respond(pub, spec->status, "text/plain; charset=utf-8",
			    (weir_str){ body, errpage_body(body, spec->status, NULL) });
}
