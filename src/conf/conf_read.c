/*
 * conf_read.c - see conf_read.h. One function reads any mapping: the table
 * says which keys it has, which field each is for, and of what type.
 */
#include "conf/conf_read.h"

#include <assert.h>
#include <stdio.h>

#include "app/router.h"
#include "base/buf.h"
#include "base/str.h"
#include "conf/conf_origin.h"
#include "conf/conf_tree.h"
#include "conf/conf_value.h"
#include "conf/messages.h"
#include "conf/option_origin.h"
#include "conf/option_value.h"

#define MAX_VALUE 65536 /* bytes of one value after ${NAME} */

struct reader {
	struct conf *conf;
	struct messages *messages;
};

/* What of a mapping is read: items may inherit from what stands beside them, which so comes first. */
enum step {
	STEP_ALL, /* of an item */
	STEP_TOP_VALUES,
	STEP_TOP_LISTS,
	STEP_INNER_VALUES,
	STEP_INNER_ITEMS,
};

static int read_mapping(struct reader *reader, const struct conf_node *node,
			enum option_place place, enum step step, void *base);

/* The scalar's text with variables replaced, in conf's arena. -EINVAL was said. */
static int expand(struct reader *reader, const struct conf_node *node, const char *name,
		  weir_str *ret_text)
{
	const char *words = "";
	char quote[MESSAGES_QUOTE];
	weir_str variable = { NULL, 0 };
	struct buf buf;
	int r;

	buf_init(&buf, MAX_VALUE);
	r = conf_value_expand(node->text, &buf, &words, &variable);
	if (r == -EINVAL)
		messages_add(reader->messages, &node->pos, "%s: the variable %s %s", name,
			     messages_quote(variable, quote), words);
	if (r == -EMSGSIZE) {
		messages_add(reader->messages, &node->pos, "%s: the value is longer than 64 KiB",
			     name);
		r = -EINVAL;
	}
	if (r >= 0) {
		char *copy = arena_bytes(&reader->conf->arena, buf.len + 1);

		r = copy ? 0 : -ENOMEM;
		if (copy) {
			if (buf.len > 0)
				memcpy(copy, buf.data, buf.len);
			copy[buf.len] = '\0';
			*ret_text = (weir_str){ copy, buf.len };
		}
	}
	buf_done(&buf);
	return r;
}

/* A scalar's text, or -EINVAL and a message that one is wanted. */
static int scalar_text(struct reader *reader, const struct conf_node *node, const char *name,
		       const char *wanted, weir_str *ret_text)
{
	if (node->type == CONF_NODE_SCALAR && node->is_empty) {
		messages_add(reader->messages, &node->pos, "%s: has no value; it wants %s", name,
			     wanted);
		return -EINVAL;
	}
	if (node->type != CONF_NODE_SCALAR) {
		messages_add(reader->messages, &node->pos, "%s: wants %s, not %s", name, wanted,
			     conf_tree_kind(node));
		return -EINVAL;
	}
	return expand(reader, node, name, ret_text);
}

static int read_scalar(struct reader *reader, const struct option_spec *option,
		       const struct conf_node *node, void *base)
{
	struct option_context context = { .arena = &reader->conf->arena,
					  .dir = reader->conf->dir,
					  .pos = node->pos };
	char words[OPTION_WORDS];
	weir_str text;
	int r;

	r = scalar_text(reader, node, option->name, option_value_type_words(option->type), &text);
	if (r < 0)
		return r;
	r = option_value_set(option, text, &context, base, words);
	if (r == -EINVAL)
		messages_add(reader->messages, &node->pos, "%s: %s", option->name, words);
	return r;
}

/* One value stands for a list of one. */
static const struct conf_node *first_item(const struct conf_node *node)
{
	return node->type == CONF_NODE_SCALAR && !node->is_empty ? node : node->first;
}

static int check_list(struct reader *reader, const struct option_spec *option,
		      const struct conf_node *node)
{
	bool is_word = node->type == CONF_NODE_SCALAR && !node->is_empty;

	if (node->type == CONF_NODE_SEQUENCE || (is_word && option->type != OPTION_ITEMS))
		return 0;
	messages_add(reader->messages, &node->pos, "%s: wants %s, not %s", option->name,
		     option_value_type_words(option->type), conf_tree_kind(node));
	return -EINVAL;
}

static void *list_room(struct reader *reader, const struct conf_node *node, size_t size)
{
	size_t n = node->type == CONF_NODE_SCALAR ? 1 : node->n_children;

	return arena_alloc(&reader->conf->arena, n ? n * size : 1);
}

static void set_list(const struct option_spec *option, void *base, const void *items, size_t n)
{
	*(const void **)((char *)base + option->offset) = items;
	*(size_t *)((char *)base + option->n_offset) = n;
}

/* r of one item into r of the list: a mistake in one does not end the others. */
static int worse(int all, int one)
{
	return one < 0 ? one : all;
}

static int check_origin(struct reader *reader, const struct conf_node *item, weir_str text)
{
	char words[OPTION_WORDS];
	int r = option_origin_check(text, words);

	if (r < 0)
		messages_add(reader->messages, &item->pos, "origins: %s", words);
	return r;
}

static int read_names(struct reader *reader, const struct option_spec *option,
		      const struct conf_node *node, void *base)
{
	struct conf_name *names = list_room(reader, node, sizeof(*names));
	int all = 0;
	size_t n = 0;

	if (!names)
		return -ENOMEM;
	for (const struct conf_node *item = first_item(node); item; item = item->next) {
		weir_str text;
		int r = scalar_text(reader, item, option->name,
				    option_value_type_words(option->type), &text);

		if (r == 0 && option->type == OPTION_ORIGINS)
			r = check_origin(reader, item, text);
		if (r == -ENOMEM)
			return r;
		all = worse(all, r);
		if (r == 0)
			names[n++] = (struct conf_name){ text.ptr, item->pos };
		if (item == node)
			break;
	}
	set_list(option, base, names, n);
	if (option->type != OPTION_ORIGINS || all < 0 || n > 0)
		return all;
	/* It would mean the opposite of what it seems to say. */
	messages_add(reader->messages, &node->pos,
		     "origins: the list is empty; leave it out to mean the server's own");
	return -EINVAL;
}

static int read_directories(struct reader *reader, const struct option_spec *option,
			    const struct conf_node *node, void *base)
{
	const char **dirs = list_room(reader, node, sizeof(*dirs));
	int all = 0;
	size_t n = 0;

	if (!dirs)
		return -ENOMEM;
	for (const struct conf_node *item = first_item(node); item; item = item->next) {
		weir_str text;
		int r = scalar_text(reader, item, option->name, "a list of directories", &text);

		if (r == 0) {
			dirs[n] = option_value_absolute(&reader->conf->arena, reader->conf->dir,
							text);
			r = dirs[n++] ? 0 : -ENOMEM;
		}
		if (r == -ENOMEM)
			return r;
		all = worse(all, r);
		if (item == node)
			break;
	}
	set_list(option, base, dirs, n);
	return all;
}

static int add_method(struct reader *reader, const struct conf_node *item, weir_str text,
		      uint64_t *methods)
{
	enum http_method method = http_method_parse(text);
	struct messages_guess guess = { 0 };
	char quote[MESSAGES_QUOTE], known[HTTP_METHOD_COUNT][16];

	if (method != HTTP_METHOD_UNKNOWN && method != HTTP_METHOD_CONNECT) {
		*methods |= ROUTER_METHOD(method);
		return 0;
	}
	for (unsigned m = 1; m < HTTP_METHOD_COUNT && method == HTTP_METHOD_UNKNOWN; m++) {
		weir_str name = http_method_name(m);

		assert(name.len < sizeof(known[m]));
		memcpy(known[m], name.ptr, name.len);
		known[m][name.len] = '\0';
		if (str_eq_nocase(name, text))
			guess = (struct messages_guess){ known[m], 0 };
		else
			messages_guess(&guess, text, known[m]);
	}
	messages_add(reader->messages, &item->pos, "methods: %s is not a method%s%s%s%s",
		     messages_quote(text, quote),
		     method == HTTP_METHOD_CONNECT ? " that is served" : "",
		     guess.text ? "; did you mean " : "", guess.text ? guess.text : "",
		     guess.text ? "?" : "");
	return -EINVAL;
}

static int read_methods(struct reader *reader, const struct option_spec *option,
			const struct conf_node *node, void *base)
{
	uint64_t *methods = (uint64_t *)((char *)base + option->offset);
	int all = 0;

	for (const struct conf_node *item = first_item(node); item; item = item->next) {
		weir_str text;
		int r = scalar_text(reader, item, option->name, "a list of methods", &text);

		if (r == 0)
			r = add_method(reader, item, text, methods);
		if (r == -ENOMEM)
			return r;
		all = worse(all, r);
		if (item == node)
			break;
	}
	if (all == 0 && *methods == 0) {
		messages_add(reader->messages, &node->pos,
			     "methods: the list is empty; leave it out to mean any method");
		return -EINVAL;
	}
	return all;
}

static int read_settings(struct reader *reader, const struct option_spec *option,
			 const struct conf_node *node, void *base)
{
	struct conf_setting *settings;
	struct conf_pos *origins;
	int all = 0;
	size_t n = 0;

	if (node->type != CONF_NODE_MAPPING) {
		messages_add(reader->messages, &node->pos, "%s: wants %s, not %s", option->name,
			     option_value_type_words(option->type), conf_tree_kind(node));
		return -EINVAL;
	}
	settings = list_room(reader, node, sizeof(*settings));
	origins = list_room(reader, node, sizeof(*origins));
	if (!settings || !origins)
		return -ENOMEM;
	for (const struct conf_node *item = node->first; item; item = item->next) {
		const char *key = arena_copy(&reader->conf->arena,
					     (weir_str){ item->key.ptr, item->key.len + 1 })
					  .ptr;
		weir_str text = { "", 0 };
		int r = key ? 0 : -ENOMEM;

		if (r == 0 && !(item->type == CONF_NODE_SCALAR && item->is_empty))
			r = scalar_text(reader, item, key, "a single value", &text);
		if (r == -ENOMEM)
			return r;
		all = worse(all, r);
		if (r < 0)
			continue;
		settings[n] = (struct conf_setting){ key, text.ptr };
		origins[n++] = item->key_pos;
	}
	*(const struct conf_pos **)((char *)base + option->origins_offset) = origins;
	set_list(option, base, settings, n);
	return all;
}

static struct conf_pos *item_pos(enum option_place place, void *item)
{
	return place == OPTION_LISTEN ? &((struct conf_listen *)item)->pos : NULL;
}

/* An item that is of no use is left out. */
static int read_items(struct reader *reader, const struct option_spec *option,
		      const struct conf_node *node, void *base)
{
	size_t size = option_table_size(option->items), n = 0;
	char *items = list_room(reader, node, size);
	int all = 0;

	if (!items)
		return -ENOMEM;
	for (const struct conf_node *node_of = node->first; node_of; node_of = node_of->next) {
		void *item = items + n * size;
		int r;

		memset(item, 0, size);
		r = conf_read_defaults(reader->conf, option->items, item);
		if (r < 0)
			return r;
		r = read_mapping(reader, node_of, option->items, STEP_ALL, item);
		if (r == -ENOMEM)
			return r;
		if (item_pos(option->items, item))
			*item_pos(option->items, item) = node_of->pos;
		all = worse(all, r);
		n += r == 0;
	}
	set_list(option, base, items, n);
	return all;
}

static int read_inner(struct reader *reader, const struct option_spec *option,
		      const struct conf_node *node, void *base)
{
	void *inner = (char *)base + option->offset;
	int r, items;

	r = read_mapping(reader, node, option->items, STEP_INNER_VALUES, inner);
	if (r == -ENOMEM || node->type != CONF_NODE_MAPPING)
		return r;
	items = read_mapping(reader, node, option->items, STEP_INNER_ITEMS, inner);
	return worse(r, items);
}

static int read_option(struct reader *reader, const struct option_spec *option,
		       const struct conf_node *node, void *base)
{
	int r;

	if (!option_table_is_list(option))
		return read_scalar(reader, option, node, base);
	if (option->type == OPTION_SETTINGS)
		return read_settings(reader, option, node, base);
	if (option->type == OPTION_MAPPING)
		return read_inner(reader, option, node, base);
	r = check_list(reader, option, node);
	if (r < 0)
		return r;
	switch (option->type) {
	case OPTION_NAMES:
	case OPTION_ORIGINS:
		return read_names(reader, option, node, base);
	case OPTION_DIRECTORIES:
		return read_directories(reader, option, node, base);
	case OPTION_METHODS:
		return read_methods(reader, option, node, base);
	default:
		return read_items(reader, option, node, base);
	}
}

static const char *place_words(enum option_place place)
{
	switch (place) {
	case OPTION_LISTEN:
		return "a listener";
	case OPTION_MODULE:
		return "a module";
	case OPTION_ROUTE:
		return "a route";
	case OPTION_JOBS:
		return "jobs";
	case OPTION_POOL:
		return "a pool";
	case OPTION_TLS:
		return "tls";
	case OPTION_CERTIFICATE:
		return "a certificate";
	case OPTION_STATIC:
		return "static";
	case OPTION_REDIRECT:
		return "redirect";
	case OPTION_RESPOND:
		return "respond";
	case OPTION_HEALTH:
		return "health";
	case OPTION_CONTROL:
		return "control";
	case OPTION_TOP:
		break;
	}
	return "the file";
}

/*
 * Where else that key would be right, or what it may have meant to be: that
 * option, so that nobody has to hear that it is missing too.
 */
static const struct option_spec *refuse_key(struct reader *reader, const struct conf_node *node,
					    enum option_place place)
{
	static const enum option_place places[] = { OPTION_TOP,	   OPTION_LISTEN,   OPTION_MODULE,
						    OPTION_ROUTE,  OPTION_JOBS,	    OPTION_POOL,
						    OPTION_STATIC, OPTION_REDIRECT, OPTION_HEALTH,
						    OPTION_CONTROL };
	struct messages_guess guess = { 0 };
	char quote[MESSAGES_QUOTE];

	messages_quote(node->key, quote);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!option_table_find(places[i], node->key))
			continue;
		messages_add(reader->messages, &node->key_pos,
			     "unknown key %s in %s; it is one of %s", quote, place_words(place),
			     places[i] == OPTION_TOP ? "the whole file" : place_words(places[i]));
		return NULL;
	}
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o))
		messages_guess(&guess, node->key, o->name);
	messages_add(reader->messages, &node->key_pos, "unknown key %s in %s%s%s%s", quote,
		     place_words(place), guess.text ? "; did you mean \"" : "",
		     guess.text ? guess.text : "", guess.text ? "\"?" : "");
	return guess.text ? option_table_find(place, weir_strz(guess.text)) : NULL;
}

/* Options of one place. */
struct option_set {
	uint64_t words[OPTION_MAX / 64]; /* bits, by option_table_index() */
};

static void set_add(struct option_set *set, const struct option_spec *option)
{
	size_t i = option_table_index(option);

	set->words[i / 64] |= UINT64_C(1) << i % 64;
}

static bool set_has(const struct option_set *set, const struct option_spec *option)
{
	size_t i = option_table_index(option);

	return set->words[i / 64] >> i % 64 & 1;
}

static bool is_this_step(const struct option_spec *option, enum step step)
{
	switch (step) {
	case STEP_TOP_VALUES:
		return !option_table_is_list(option);
	case STEP_TOP_LISTS:
		return option_table_is_list(option);
	case STEP_INNER_VALUES:
		return option->type != OPTION_ITEMS;
	case STEP_INNER_ITEMS:
		return option->type == OPTION_ITEMS;
	case STEP_ALL:
		break;
	}
	return true;
}

/* Of a mapping: keys that nobody knows are said once. */
static bool is_first(enum step step)
{
	return step != STEP_TOP_LISTS && step != STEP_INNER_ITEMS;
}

/* The first key of the mapping that is one of several, behind last. */
static const struct conf_node *next_one_of(enum option_place place, const struct conf_node *node)
{
	for (; node; node = node->next) {
		const struct option_spec *option = option_table_find(place, node->key);

		if (option && option->is_one_of)
			return node;
	}
	return NULL;
}

/* Of those that are one of several there must be one: -EINVAL when it is not so, or that one is wrong. */
static int check_one_of(struct reader *reader, const struct conf_node *node,
			enum option_place place, const struct option_set *given,
			const struct option_set *good)
{
	const struct conf_node *first = next_one_of(place, node->first), *second;
	bool is_any = false, is_given = false, is_good = false;
	const char *before = "";
	char words[256];
	size_t n = 0;

	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (!o->is_one_of)
			continue;
		is_any = true;
		is_given |= set_has(given, o);
		is_good |= set_has(good, o);
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s\"%s\"", before, o->name);
		before = n == strlen(o->name) + 2 ? ", or instead one of " : ", ";
		assert(n < sizeof(words));
	}
	if (!is_any)
		return 0;
	second = first ? next_one_of(place, first->next) : NULL;
	if (second)
		messages_add(reader->messages, &second->key_pos,
			     "%.*s: %s has \"%.*s\" in line %d already; only one of them can "
			     "answer",
			     WEIR_ARG(second->key), place_words(place), WEIR_ARG(first->key),
			     first->key_pos.line);
	else if (!is_given)
		messages_add(reader->messages, &node->pos, "%s needs %s", place_words(place),
			     words);
	return second || !is_good ? -EINVAL : 0;
}

/*
 * -EINVAL when the mapping is of no use: a key it cannot do without is not there,
 * or is wrong; or nobody knows which kind it is, and so what it may have.
 */
static int check_required(struct reader *reader, const struct conf_node *node,
			  enum option_place place, enum step step, const struct option_set *given,
			  const struct option_set *good)
{
	int all = 0;

	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		if (set_has(good, o) || !is_this_step(o, step))
			continue;
		if (o->decides_kind && set_has(given, o))
			all = -EINVAL;
		if (!o->is_required)
			continue;
		if (!set_has(given, o))
			messages_add(reader->messages, &node->pos, "%s needs \"%s\"",
				     place_words(place), o->name);
		all = -EINVAL;
	}
	return worse(all, check_one_of(reader, node, place, given, good));
}

static int read_mapping(struct reader *reader, const struct conf_node *node,
			enum option_place place, enum step step, void *base)
{
	struct option_set given = { 0 }, good = { 0 };

	if (node->type != CONF_NODE_MAPPING) {
		messages_add(reader->messages, &node->pos,
			     "%s is a mapping of keys to values, not %s", place_words(place),
			     conf_tree_kind(node));
		return -EINVAL;
	}
	for (const struct conf_node *n = node->first; n; n = n->next) {
		const struct option_spec *option = option_table_find(place, n->key);
		int r = 0;

		if (option && is_this_step(option, step)) {
			r = read_option(reader, option, n, base);
			set_add(&given, option);
			if (r == 0) {
				set_add(&good, option);
				conf_origin_set(option, base, &n->key_pos);
			}
		} else if (!option && is_first(step)) {
			option = refuse_key(reader, n, place);
			if (option)
				set_add(&given, option);
		}
		if (r == -ENOMEM)
			return r;
	}
	return check_required(reader, node, place, step, &given, &good);
}

static void inherit(const struct option_spec *option, void *base, const struct option_spec *above,
		    const void *from)
{
	size_t size = option_table_is_list(option) ? sizeof(void *)
						   : option_value_size(option->type);

	memcpy((char *)base + option->offset, (const char *)from + above->offset, size);
	if (option_table_is_list(option))
		memcpy((char *)base + option->n_offset, (const char *)from + above->n_offset,
		       sizeof(size_t));
}

int conf_read_defaults(struct conf *conf, enum option_place place, void *base)
{
	struct option_context context = { .arena = &conf->arena, .dir = conf->dir };
	char words[OPTION_WORDS];
	int made;

	made = conf_origin_make(conf, place, base);
	if (made < 0)
		return made;
	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o)) {
		const void *from;
		const struct option_spec *above = option_table_above(o, conf, &from);
		int r = 0;

		if (above)
			inherit(o, base, above, from);
		else if (o->type == OPTION_MAPPING)
			r = conf_read_defaults(conf, o->items, (char *)base + o->offset);
		else if (o->fallback && !option_table_is_list(o))
			r = option_value_set(o, weir_strz(o->fallback), &context, base, words);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_top(struct conf *conf, const struct conf_node *root, struct messages *messages,
		    enum step step)
{
	struct reader reader = { .conf = conf, .messages = messages };
	int r;

	if (!root)
		return 0;
	/* Of two steps only the first says that the file is no mapping at all. */
	if (root->type != CONF_NODE_MAPPING && !is_first(step))
		return 0;
	r = read_mapping(&reader, root, OPTION_TOP, step, conf);
	return r == -ENOMEM ? r : 0;
}

int conf_read_values(struct conf *conf, const struct conf_node *root, struct messages *messages)
{
	return read_top(conf, root, messages, STEP_TOP_VALUES);
}

int conf_read_lists(struct conf *conf, const struct conf_node *root, struct messages *messages)
{
	return read_top(conf, root, messages, STEP_TOP_LISTS);
}
