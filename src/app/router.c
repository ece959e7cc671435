/*
 * router.c - a tree of segments, and in front of it a hash of whole paths for
 * the patterns without parameters. A literal pattern is the most specific one
 * for its path, so the hash may answer first; the tree is asked only for what
 * the hash does not know.
 *
 * A node of the tree is visited at most once for a path, because its depth is
 * the number of the segment: going back costs no more than there are nodes,
 * and recursion is as deep as the longest pattern, not as the client's path.
 */
#include "app/router.h"

#include <stdlib.h>

#include "app/router_pattern.h"
#include "base/arena.h"
#include "proto/uri.h"

#define ROUTER_MEMORY ((size_t)64 * 1024 * 1024)

/* One route. */
struct entry {
	struct entry *next;
	uint64_t methods;
	void *target;
	unsigned n_params;
	weir_str names[ROUTER_MAX_PARAMS];
};

/* All routes of one shape. */
struct leaf {
	struct entry *entries;
	weir_str allow;
};

struct edge {
	weir_str literal; /* decoded */
	struct node *node;
};

struct node {
	struct edge *edges; /* sorted: see compare() */
	size_t n_edges, cap_edges;
	struct node *param; /* what {name} leads to */
	struct leaf *end;   /* patterns that end here */
	struct leaf *rest;  /* patterns that end with {name...} here */
};

/* A slot of the hash; unused when leaf is NULL. */
struct slot {
	weir_str path;
	uint64_t hash;
	struct leaf *leaf;
};

struct router {
	struct arena arena; /* owns all below but the slots */
	struct budget budget;
	struct node root;
	struct slot *slots; /* owned; a power of two, at most half full */
	size_t n_slots, n_used;
	bool needs_tree;  /* some pattern is not in the hash */
	uint64_t methods; /* of all routes */
	weir_str allow;	  /* for "*" */
};

struct router *router_new(void)
{
	struct router *router = calloc(1, sizeof(*router));

	if (!router)
		return NULL;
	router->budget.limit = ROUTER_MEMORY;
	arena_init(&router->arena, &router->budget);
	return router;
}

struct router *router_free(struct router *router)
{
	if (!router)
		return NULL;
	arena_done(&router->arena);
	free(router->slots);
	free(router);
	return NULL;
}

/* --- the hash of whole paths --- */

static uint64_t load(const char *p, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, p, len);
	return word;
}

/* All of up to seven bytes in a word; two strings of one length differ if their words do. */
static inline uint64_t load_short(weir_str s)
{
	if (s.len >= 4)
		return load(s.ptr, 4) | load(s.ptr + s.len - 4, 4) << 32;
	if (s.len == 0)
		return 0;
	return load(s.ptr, 1) | load(s.ptr + s.len / 2, 1) << 8 | load(s.ptr + s.len - 1, 1) << 16;
}

/*
 * Eight bytes a step; the last step overlaps the one before, so there is no
 * loop over odd bytes. Keys are the operator's, and a client's path is only
 * compared with those in its slot: nobody can make the chains longer. No two
 * keys of one length below eight have one hash: each step can be undone.
 */
static inline uint64_t hash_path(weir_str s)
{
	const uint64_t k = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = s.len * k;

	if (s.len >= 8) {
		for (size_t i = 0; i + 8 < s.len; i += 8) {
			h = (h ^ load(s.ptr + i, 8)) * k;
			h ^= h >> 29;
		}
		h ^= load(s.ptr + s.len - 8, 8);
	} else {
		h ^= load_short(s);
	}
	h *= k;
	return h ^ h >> 32;
}

/* As weir_str_eq(), in the same steps: paths are short, and a call costs more than the look. */
static inline bool is_same(weir_str a, weir_str b)
{
	if (a.len != b.len)
		return false;
	if (a.len < 8)
		return true; /* their hashes say so */
	for (size_t i = 0; i + 8 < a.len; i += 8) {
		if (load(a.ptr + i, 8) != load(b.ptr + i, 8))
			return false;
	}
	return load(a.ptr + a.len - 8, 8) == load(b.ptr + b.len - 8, 8);
}

static struct slot *find_slot(const struct router *router, weir_str path, uint64_t hash)
{
	size_t mask = router->n_slots - 1, i = hash & mask;
	struct slot *slots = router->slots;

	while (slots[i].leaf && !(slots[i].hash == hash && is_same(slots[i].path, path)))
		i = (i + 1) & mask;
	return &slots[i];
}

static int grow_slots(struct router *router)
{
	struct router old = *router;
	size_t n_slots = old.n_slots ? old.n_slots * 2 : 16;
	struct slot *slots;

	if (old.n_slots > 0 && (old.n_used + 1) * 2 <= old.n_slots)
		return 0;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	router->slots = slots;
	router->n_slots = n_slots;
	for (size_t i = 0; i < old.n_slots; i++) {
		if (old.slots[i].leaf)
			*find_slot(router, old.slots[i].path, old.slots[i].hash) = old.slots[i];
	}
	free(old.slots);
	return 0;
}

static int add_slot(struct router *router, weir_str path, struct leaf *leaf)
{
	uint64_t hash = hash_path(path);
	struct slot *slot;
	weir_str copy;
	int r;

	r = grow_slots(router);
	if (r < 0)
		return r;
	slot = find_slot(router, path, hash);
	if (slot->leaf)
		return 0;
	copy = arena_copy(&router->arena, path);
	if (!copy.ptr)
		return -ENOMEM;
	*slot = (struct slot){ .path = copy, .hash = hash, .leaf = leaf };
	router->n_used++;
	return 0;
}

/* --- the tree --- */

/* Any order will do; this one is cheap. */
static int compare(weir_str a, weir_str b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

/* The edge, or where it would have to be. */
static size_t edge_position(const struct node *node, weir_str literal, bool *ret_is_there)
{
	size_t low = 0, high = node->n_edges;

	*ret_is_there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = compare(literal, node->edges[middle].literal);

		if (c == 0) {
			*ret_is_there = true;
			return middle;
		}
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static struct node *new_node(struct router *router)
{
	struct node *node = arena_alloc(&router->arena, sizeof(*node));

	if (node)
		*node = (struct node){ 0 };
	return node;
}

static int grow_edges(struct router *router, struct node *node)
{
	size_t cap = node->cap_edges ? node->cap_edges * 2 : 4;
	struct edge *edges;

	if (node->n_edges < node->cap_edges)
		return 0;
	edges = arena_alloc(&router->arena, cap * sizeof(*edges));
	if (!edges)
		return -ENOMEM;
	if (node->n_edges > 0)
		memcpy(edges, node->edges, node->n_edges * sizeof(*edges));
	node->edges = edges;
	node->cap_edges = cap;
	return 0;
}

static struct node *add_edge(struct router *router, struct node *node, weir_str literal)
{
	bool is_there;
	size_t at = edge_position(node, literal, &is_there);
	struct edge edge;

	if (is_there)
		return node->edges[at].node;
	edge.literal = arena_copy(&router->arena, literal);
	edge.node = new_node(router);
	if (!edge.literal.ptr || !edge.node || grow_edges(router, node) < 0)
		return NULL;
	memmove(node->edges + at + 1, node->edges + at,
		(node->n_edges - at) * sizeof(*node->edges));
	node->edges[at] = edge;
	node->n_edges++;
	return edge.node;
}

/* The leaf for a pattern of that shape, made if need be. */
static struct leaf *add_leaf(struct router *router, const struct router_pattern *pattern)
{
	struct node *node = &router->root;
	struct leaf **leaf;

	for (unsigned i = 0; i < pattern->n_segments; i++) {
		if (pattern->segments[i].is_param) {
			if (!node->param)
				node->param = new_node(router);
			node = node->param;
		} else {
			node = add_edge(router, node, pattern->segments[i].text);
		}
		if (!node)
			return NULL;
	}
	leaf = pattern->has_rest ? &node->rest : &node->end;
	if (!*leaf) {
		*leaf = arena_alloc(&router->arena, sizeof(**leaf));
		if (*leaf)
			**leaf = (struct leaf){ 0 };
	}
	return *leaf;
}

/* --- methods --- */

#define GET ROUTER_METHOD(HTTP_METHOD_GET)
#define HEAD ROUTER_METHOD(HTTP_METHOD_HEAD)
#define OPTIONS ROUTER_METHOD(HTTP_METHOD_OPTIONS)
#define USUAL                                                                                      \
	(GET | HEAD | OPTIONS | ROUTER_METHOD(HTTP_METHOD_POST) | ROUTER_METHOD(HTTP_METHOD_PUT) | \
	 ROUTER_METHOD(HTTP_METHOD_DELETE) | ROUTER_METHOD(HTTP_METHOD_PATCH))
#define ANY                                                                             \
	((ROUTER_METHOD(HTTP_METHOD_COUNT) - 1) & ~ROUTER_METHOD(HTTP_METHOD_UNKNOWN) & \
	 ~ROUTER_METHOD(HTTP_METHOD_CONNECT) & ~ROUTER_METHOD(HTTP_METHOD_TRACE))

/* What a list of methods allows besides: HEAD comes with GET, OPTIONS is the server's. */
static uint64_t with_implied(uint64_t methods)
{
	return methods | OPTIONS | (methods & GET ? HEAD : 0);
}

/* A route for any method does not list thirty names of which it means seven. */
static int set_allow(struct router *router, uint64_t methods, weir_str *allow)
{
	uint64_t shown = (methods & ANY) == ANY ? USUAL : with_implied(methods);
	size_t len = 0;
	char *text;

	for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++) {
		if (shown & ROUTER_METHOD(m))
			len += http_method_name(m).len + 2;
	}
	text = arena_bytes(&router->arena, len);
	if (!text)
		return -ENOMEM;
	*allow = (weir_str){ text, len - 2 };
	for (unsigned m = 1; m < HTTP_METHOD_COUNT; m++) {
		weir_str name = http_method_name(m);

		if (!(shown & ROUTER_METHOD(m)))
			continue;
		memcpy(text, name.ptr, name.len);
		memcpy(text + name.len, ", ", 2);
		text += name.len + 2;
	}
	return 0;
}

static struct entry *find_entry(const struct leaf *leaf, uint64_t methods)
{
	struct entry *entry = leaf->entries;

	while (entry && !(entry->methods & methods))
		entry = entry->next;
	return entry;
}

static struct entry *new_entry(struct router *router, const struct router_pattern *pattern,
			       uint64_t methods, void *target)
{
	struct entry *entry = arena_alloc(&router->arena, sizeof(*entry));

	if (!entry)
		return NULL;
	*entry = (struct entry){ .methods = methods,
				 .target = target,
				 .n_params = pattern->n_params };
	for (unsigned i = 0; i < pattern->n_params; i++) {
		entry->names[i] = arena_copy(&router->arena, pattern->params[i]);
		if (!entry->names[i].ptr)
			return NULL;
	}
	return entry;
}

static int add_entry(struct router *router, const struct router_pattern *pattern, struct leaf *leaf,
		     uint64_t methods, void *target)
{
	struct entry *entry = new_entry(router, pattern, methods, target);
	weir_str allow, all;
	uint64_t of_leaf = methods;
	int r;

	if (!entry)
		return -ENOMEM;
	for (const struct entry *e = leaf->entries; e; e = e->next)
		of_leaf |= e->methods;
	r = set_allow(router, of_leaf, &allow);
	if (r < 0)
		return r;
	r = set_allow(router, router->methods | methods, &all);
	if (r < 0)
		return r;
	entry->next = leaf->entries;
	leaf->entries = entry;
	leaf->allow = allow;
	router->allow = all;
	router->methods |= methods;
	return 0;
}

int router_add(struct router *router, weir_str text, uint64_t methods, void *target,
	       const char **reterr_words, void **reterr_conflict)
{
	struct router_pattern pattern;
	const struct entry *other;
	struct leaf *leaf;
	int r;

	if (methods == ROUTER_ANY_METHOD)
		methods = ANY;
	r = router_pattern_parse(text, &pattern, reterr_words);
	if (r < 0)
		return r;
	leaf = add_leaf(router, &pattern);
	if (!leaf)
		return -ENOMEM;
	other = find_entry(leaf, methods);
	if (other) {
		*reterr_conflict = other->target;
		return -EEXIST;
	}
	if (pattern.is_plain) {
		r = add_slot(router, text, leaf);
		if (r < 0)
			return r;
	}
	r = add_entry(router, &pattern, leaf, methods, target);
	if (r < 0)
		return r;
	router->needs_tree |= !pattern.is_plain;
	return 0;
}

/* --- finding --- */

static const struct node *follow_literal(const struct node *node, weir_str segment, bool has_escape)
{
	char decoded[ROUTER_MAX_LITERAL];
	bool is_there;
	size_t at;

	if (node->n_edges == 0)
		return NULL;
	if (has_escape && router_pattern_decode(segment, decoded, &segment) < 0)
		return NULL;
	at = edge_position(node, segment, &is_there);
	return is_there ? node->edges[at].node : NULL;
}

/* A leaf may be left of a route that was refused. */
static const struct leaf *used(const struct leaf *leaf)
{
	return leaf && leaf->entries ? leaf : NULL;
}

/* Segments are short: looking at each byte once is less than two calls of memchr(). */
static weir_str first_segment(weir_str path, weir_str *ret_rest, bool *ret_has_escape)
{
	size_t len = 0;
	bool has_escape = false;

	while (len < path.len && path.ptr[len] != '/')
		has_escape |= path.ptr[len++] == '%';
	*ret_has_escape = has_escape;
	*ret_rest = (weir_str){ NULL, 0 };
	if (len < path.len)
		*ret_rest = (weir_str){ path.ptr + len + 1, path.len - len - 1 };
	return (weir_str){ path.ptr, len };
}

/* path is what follows a slash; ptr NULL when no slash was left. */
static const struct leaf *walk(const struct node *node, weir_str path, struct router_match *match,
			       unsigned n_params)
{
	const struct leaf *leaf = NULL;
	const struct node *next;
	weir_str segment, rest;
	bool has_escape;

	if (!path.ptr)
		return used(node->end);
	segment = first_segment(path, &rest, &has_escape);
	next = follow_literal(node, segment, has_escape);
	if (next)
		leaf = walk(next, rest, match, n_params);
	if (!leaf && node->param && segment.len > 0) {
		match->params[n_params].value = segment;
		leaf = walk(node->param, rest, match, n_params + 1);
	}
	if (!leaf && used(node->rest)) {
		match->params[n_params].value = path;
		leaf = node->rest;
	}
	return leaf;
}

/* No literal route has this very path: one with parameters, or one spelled otherwise. */
static APART const struct leaf *find_in_tree(const struct router *router, weir_str path,
					     struct router_match *match)
{
	if (path.len == 0 || path.ptr[0] != '/')
		return NULL;
	if (!router->needs_tree && !memchr(path.ptr, '%', path.len))
		return NULL;
	return walk(&router->root, (weir_str){ path.ptr + 1, path.len - 1 }, match, 0);
}

static const struct leaf *find_leaf(const struct router *router, weir_str path,
				    struct router_match *match)
{
	const struct leaf *leaf = NULL;

	if (router->slots)
		leaf = used(find_slot(router, path, hash_path(path))->leaf);
	return leaf ? leaf : find_in_tree(router, path, match);
}

static COLD enum router_verdict find_for_all(const struct router *router, enum http_method method,
					     struct router_match *ret_match)
{
	if (method != HTTP_METHOD_OPTIONS)
		return ROUTER_NOT_FOUND;
	ret_match->allow = router->allow.ptr ? router->allow : WEIR_STR("OPTIONS");
	return ROUTER_OPTIONS;
}

enum router_verdict router_find(const struct router *router, enum http_method method, weir_str path,
				struct router_match *ret_match)
{
	const struct leaf *leaf = find_leaf(router, path, ret_match);
	const struct entry *entry;

	if (!leaf) {
		if (weir_str_eq(path, WEIR_STR("*")))
			return find_for_all(router, method, ret_match);
		return ROUTER_NOT_FOUND;
	}
	entry = find_entry(leaf, ROUTER_METHOD(method));
	if (!entry && method == HTTP_METHOD_HEAD)
		entry = find_entry(leaf, GET);
	if (!entry) {
		ret_match->allow = leaf->allow;
		return method == HTTP_METHOD_OPTIONS ? ROUTER_OPTIONS : ROUTER_NOT_ALLOWED;
	}
	ret_match->target = entry->target;
	ret_match->n_params = entry->n_params;
	for (unsigned i = 0; i < entry->n_params; i++)
		ret_match->params[i].name = entry->names[i];
	return ROUTER_FOUND;
}

int router_decode(struct router_match *match, struct arena *arena, enum fault *reterr_fault)
{
	for (unsigned i = 0; i < match->n_params; i++) {
		struct router_param *param = &match->params[i];
		int r;

		if (param->value.len == 0)
			continue;
		r = uri_decode(arena, param->value, &param->value, reterr_fault);
		if (r < 0)
			return r;
	}
	return 0;
}
