/* hosts.c - see hosts.h. Names are few, and sorted: finding one takes a few comparisons. */
#include "app/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/host.h"

struct name {
	char *text; /* owned: in its one spelling */
	struct router *router;
};

struct hosts {
	struct router *others; /* owned: of routes without a host */
	bool has_others;       /* somebody has asked for it, to add some */
	bool refuses_unknown;
	struct name *names; /* owned, sorted */
	size_t n_names;
};

struct hosts *hosts_new(void)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));

	if (!hosts)
		return NULL;
	hosts->others = router_new();
	return hosts->others ? hosts : hosts_free(hosts);
}

struct hosts *hosts_free(struct hosts *hosts)
{
	if (!hosts)
		return NULL;
	for (size_t i = 0; i < hosts->n_names; i++) {
		(void)router_free(hosts->names[i].router);
		free(hosts->names[i].text);
	}
	free(hosts->names);
	(void)router_free(hosts->others);
	free(hosts);
	return NULL;
}

/* ---- names */

/* Without port and last dot, in lower case. Its length; 0: it is longer than any name. */
static size_t spell(weir_str name, char out[HOSTS_MAX_NAME + 1])
{
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (name.len > HOSTS_MAX_NAME)
		return 0;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		out[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[name.len] = '\0';
	return name.len;
}

int hosts_spell(weir_str name, char ret_name[HOSTS_MAX_NAME + 1], const char **reterr_words)
{
	bool is_wild = name.len >= 2 && name.ptr[0] == '*' && name.ptr[1] == '.';
	weir_str rest = is_wild ? (weir_str){ name.ptr + 2, name.len - 2 } : name;

	if (rest.len == 0 || !host_is_valid(rest) || memchr(rest.ptr, '*', rest.len))
		*reterr_words = "is no host: write example.org or *.example.org";
	else if (host_name(rest).len != rest.len)
		*reterr_words = "has a port: a route's host has none, it is for all listeners";
	else if (rest.ptr[0] == '.' || memmem(rest.ptr, rest.len, "..", 2))
		*reterr_words = "has an empty label";
	else if (spell(name, ret_name) == 0)
		*reterr_words = "is longer than any host's name";
	else
		return 0;
	return -EINVAL;
}

/* Where it is, or would have to be. */
static size_t position(const struct hosts *hosts, const char *text, bool *ret_is_there)
{
	size_t low = 0, high = hosts->n_names;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = strcmp(text, hosts->names[middle].text);

		if (c == 0) {
			*ret_is_there = true;
			return middle;
		}
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*ret_is_there = false;
	return low;
}

static const struct router *find(const struct hosts *hosts, const char *text)
{
	bool is_there;
	size_t at = position(hosts, text, &is_there);

	return is_there ? hosts->names[at].router : NULL;
}

struct router *hosts_router(struct hosts *hosts, const char *name)
{
	bool is_there;
	size_t at = position(hosts, name, &is_there);
	struct name *names, fresh;

	if (name[0] == '\0') {
		hosts->has_others = true;
		return hosts->others;
	}
	if (is_there)
		return hosts->names[at].router;
	names = realloc(hosts->names, (hosts->n_names + 1) * sizeof(*names));
	if (!names)
		return NULL;
	hosts->names = names;
	fresh = (struct name){ strdup(name), router_new() };
	if (!fresh.text || !fresh.router) {
		free(fresh.text);
		(void)router_free(fresh.router);
		return NULL;
	}
	memmove(names + at + 1, names + at, (hosts->n_names - at) * sizeof(*names));
	names[at] = fresh;
	hosts->n_names++;
	return fresh.router;
}

bool hosts_are_named(const struct hosts *hosts)
{
	return hosts->n_names > 0;
}

void hosts_refuse_unknown(struct hosts *hosts)
{
	hosts->refuses_unknown = true;
}

/* ---- finding */

/* "a.example.org" becomes "*.example.org", in place. NULL: it has but one label. */
static const char *widen(char *text)
{
	char *dot = strchr(text, '.');

	if (!dot || dot == text)
		return NULL;
	dot[-1] = '*';
	return dot - 1;
}

enum router_verdict hosts_find(const struct hosts *hosts, weir_str authority,
			       enum http_method method, weir_str path,
			       struct router_match *ret_match)
{
	enum router_verdict verdict = ROUTER_NOT_FOUND;
	const struct router *exact = NULL, *wild = NULL;
	char text[HOSTS_MAX_NAME + 1];
	const char *pattern;

	if (spell(host_name(authority), text) > 0) {
		exact = find(hosts, text);
		pattern = widen(text);
		wild = pattern ? find(hosts, pattern) : NULL;
	}
	if (!exact && !wild && (hosts->refuses_unknown || !hosts->has_others))
		return ROUTER_MISDIRECTED;
	if (exact)
		verdict = router_find(exact, method, path, ret_match);
	if (verdict == ROUTER_NOT_FOUND && wild)
		verdict = router_find(wild, method, path, ret_match);
	if (verdict == ROUTER_NOT_FOUND)
		verdict = router_find(hosts->others, method, path, ret_match);
	return verdict;
}
