/*
 * conf_tree.c - libfyaml's event stream made into a tree. Its own document
 * builder is not used: an alias bomb hangs it, and many keys in one mapping
 * take quadratic time. On events both are ours to refuse, at the first one.
 */
#include "conf/conf_tree.h"

#include <libfyaml.h>
#include <string.h>

#include "base/str.h"
#include "conf/messages.h"

#define MAX_DEPTH 16
#define MAX_CHILDREN 1000

struct builder {
	struct arena *arena;	   /* borrowed */
	struct messages *messages; /* borrowed */
	const char *file;
	weir_str text; /* the whole file */
	struct conf_node *root;
	struct conf_node *open[MAX_DEPTH]; /* sequences and mappings not yet ended */
	unsigned depth;
	weir_str key; /* of a mapping: waits for its value; ptr NULL when there is none */
	struct conf_pos key_pos;
	struct conf_pos last_pos; /* of the last event that had one */
	unsigned n_documents;
};

const char *conf_tree_kind(const struct conf_node *node)
{
	switch (node->type) {
	case CONF_NODE_SEQUENCE:
		return "a list";
	case CONF_NODE_MAPPING:
		return "a mapping";
	case CONF_NODE_SCALAR:
		break;
	}
	return node->is_empty ? "an empty value" : "a single value";
}

static struct conf_pos mark_pos(const struct builder *b, const struct fy_mark *mark)
{
	return (struct conf_pos){ b->file, mark->line + 1, mark->column + 1 };
}

/* An empty value has no place of its own: its key's will do, or what was there before. */
static struct conf_pos event_pos(const struct builder *b, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);

	if (mark)
		return mark_pos(b, mark);
	return b->key.ptr ? b->key_pos : b->last_pos;
}

/* sign_len is how far libfyaml's mark is behind the sign, & or *. */
static int refuse_token(struct builder *b, struct fy_token *token, int sign_len, const char *words)
{
	struct conf_pos pos = mark_pos(b, fy_token_start_mark(token));

	pos.col -= sign_len;
	messages_add(b->messages, &pos, "%s", words);
	return -EINVAL;
}

static int refuse_extras(struct builder *b, struct fy_event *event)
{
	struct fy_token *anchor = fy_event_get_anchor_token(event);
	struct fy_token *tag = fy_event_get_tag_token(event);

	if (event->type == FYET_ALIAS)
		return refuse_token(b, event->alias.anchor, 1,
				    "an alias is not allowed; quote a value that begins with *, "
				    "such as \"*:8000\"");
	if (anchor)
		return refuse_token(b, anchor, 1,
				    "an anchor is not allowed; quote a value that begins with &");
	if (tag)
		return refuse_token(b, tag, 0,
				    "a tag is not allowed; quote a value that begins with !");
	return 0;
}

static int copy_text(struct builder *b, weir_str text, weir_str *ret_copy)
{
	char *copy = arena_bytes(b->arena, text.len + 1);

	if (!copy)
		return -ENOMEM;
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*ret_copy = (weir_str){ copy, text.len };
	return 0;
}

static struct conf_node *innermost(const struct builder *b)
{
	return b->depth > 0 ? b->open[b->depth - 1] : NULL;
}

/* A key twice is said, and the tree goes on without the second. */
static bool is_duplicate(const struct builder *b, const struct conf_node *mapping)
{
	char quote[MESSAGES_QUOTE];

	for (const struct conf_node *n = mapping->first; n; n = n->next) {
		if (!weir_str_eq(n->key, b->key))
			continue;
		messages_add(b->messages, &b->key_pos,
			     "the key %s is given twice, first in line %d",
			     messages_quote(b->key, quote), n->key_pos.line);
		return true;
	}
	return false;
}

static int attach(struct builder *b, struct conf_node *node)
{
	struct conf_node *parent = innermost(b);
	bool is_dropped = false;

	if (!parent) {
		b->root = node;
		return 0;
	}
	if (parent->n_children == MAX_CHILDREN) {
		messages_add(b->messages, &node->pos, "more than %d entries in one %s",
			     MAX_CHILDREN, parent->type == CONF_NODE_MAPPING ? "mapping" : "list");
		return -EINVAL;
	}
	if (parent->type == CONF_NODE_MAPPING) {
		is_dropped = is_duplicate(b, parent);
		node->key = b->key;
		node->key_pos = b->key_pos;
		b->key.ptr = NULL;
	}
	if (is_dropped)
		return 0;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n_children++;
	return 0;
}

static bool wants_key(const struct builder *b)
{
	const struct conf_node *parent = innermost(b);

	return parent && parent->type == CONF_NODE_MAPPING && !b->key.ptr;
}

static int new_node(struct builder *b, struct fy_event *event, enum conf_node_type type,
		    struct conf_node **ret_node)
{
	struct conf_node *node = arena_alloc(b->arena, sizeof(*node));

	if (!node)
		return -ENOMEM;
	*node = (struct conf_node){ .type = type, .pos = event_pos(b, event) };
	*ret_node = node;
	return 0;
}

/* How long the text is, put together piece by piece. */
static int sum_of_chunks(struct fy_token *token, size_t *ret_len)
{
	struct fy_token_iter *iter = fy_token_iter_create(token);
	const struct fy_iter_chunk *chunk = NULL;
	int error = 0;

	if (!iter)
		return -ENOMEM;
	*ret_len = 0;
	while ((chunk = fy_token_iter_chunk_next(iter, chunk, &error)))
		*ret_len += chunk->len;
	fy_token_iter_destroy(iter);
	return error ? -ENOMEM : 0;
}

/*
 * libfyaml 0.7.12 takes a block scalar whose lines are indented no further than its
 * key, which YAML forbids, and then does not fill the text that it returns:
 * only then is it not as long as its pieces. And while no byte of the file is NUL,
 * \0 and \u0000 make one, where whoever takes texts for C's would stop.
 */
static int check_text(struct builder *b, struct fy_event *event, weir_str text)
{
	struct conf_pos pos = event_pos(b, event);
	size_t len = 0;
	int r;

	r = sum_of_chunks(event->scalar.value, &len);
	if (r < 0)
		return r;
	if (len != text.len) {
		messages_add(b->messages, &pos,
			     "not valid YAML: the lines of a block are indented further than its "
			     "key");
		return -EINVAL;
	}
	if (memchr(text.ptr, '\0', text.len)) {
		messages_add(b->messages, &pos, "a NUL byte, written as \\0 or so, is not text");
		return -EINVAL;
	}
	return 0;
}

static int on_scalar(struct builder *b, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct conf_node *node;
	weir_str text;
	int r;

	text.ptr = fy_token_get_text(token, &text.len);
	if (!text.ptr)
		return -ENOMEM;
	r = check_text(b, event, text);
	if (r < 0)
		return r;
	if (wants_key(b)) {
		b->key_pos = event_pos(b, event);
		return copy_text(b, text, &b->key);
	}
	r = new_node(b, event, CONF_NODE_SCALAR, &node);
	if (r < 0)
		return r;
	r = copy_text(b, text, &node->text);
	if (r < 0)
		return r;
	node->is_empty = text.len == 0 && fy_token_scalar_style(token) == FYSS_PLAIN;
	return attach(b, node);
}

static int on_start(struct builder *b, struct fy_event *event, enum conf_node_type type)
{
	struct conf_pos pos = event_pos(b, event);
	struct conf_node *node;
	int r;

	if (wants_key(b)) {
		messages_add(b->messages, &pos, "a key has to be a single value");
		return -EINVAL;
	}
	if (b->depth == MAX_DEPTH) {
		messages_add(b->messages, &pos, "nested more than %d deep", MAX_DEPTH);
		return -EINVAL;
	}
	r = new_node(b, event, type, &node);
	if (r < 0)
		return r;
	r = attach(b, node);
	if (r < 0)
		return r;
	b->open[b->depth++] = node;
	return 0;
}

/* Where a second document begins, or, if that is not marked, what is first in it. */
static int refuse_document(struct builder *b, struct fy_event *event)
{
	struct conf_pos pos = event_pos(b, event);

	if (b->n_documents < 2 || !fy_event_start_mark(event))
		return 0;
	messages_add(b->messages, &pos, "a second document begins here; only one is read");
	return -EINVAL;
}

static int on_event(struct builder *b, struct fy_event *event)
{
	int r;

	if (fy_event_start_mark(event))
		b->last_pos = mark_pos(b, fy_event_start_mark(event));
	b->n_documents += event->type == FYET_DOCUMENT_START;
	r = refuse_document(b, event);
	if (r < 0)
		return r;
	r = refuse_extras(b, event);
	if (r < 0)
		return r;
	switch (event->type) {
	case FYET_SCALAR:
		return on_scalar(b, event);
	case FYET_SEQUENCE_START:
		return on_start(b, event, CONF_NODE_SEQUENCE);
	case FYET_MAPPING_START:
		return on_start(b, event, CONF_NODE_MAPPING);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		b->depth--;
		return 0;
	default:
		return 0;
	}
}

/* Two slips that everybody makes once, and that the library has no words for. */
static const char *hint(const struct builder *b, int line)
{
	weir_str rest = b->text, text = { NULL, 0 };

	for (int i = 0; i < line && rest.ptr; i++)
		text = str_split(&rest, '\n');
	if (text.ptr && memmem(text.ptr, text.len, "${", 2))
		return "; quote a value with ${NAME} in it";
	if (text.ptr && memmem(text.ptr, text.len, "]:", 2))
		return "; quote an IPv6 address: \"[::1]:8000\"";
	return "";
}

/* The library's own words; its first error only, as the others follow from it. */
static void report(struct builder *b, struct fy_diag *diag)
{
	struct conf_pos pos = { b->file, 1, 1 };
	const struct fy_diag_error *error;
	void *iter = NULL;

	error = fy_diag_errors_iterate(diag, &iter);
	if (error && error->line > 0)
		pos = (struct conf_pos){ b->file, error->line, error->column };
	messages_add(b->messages, &pos, "not valid YAML: %s%s",
		     error && error->msg ? error->msg : "it cannot be read", hint(b, pos.line));
}

static int build(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
	void *iter = NULL;
	int r = 0;

	while (r == 0) {
		struct fy_event *event = fy_parser_parse(parser);

		if (!event)
			break;
		r = on_event(b, event);
		fy_parser_event_free(parser, event);
	}
	/* Of some things, such as directives it does not know, it only complains. */
	if (r == 0 && (fy_parser_get_stream_error(parser) || fy_diag_errors_iterate(diag, &iter))) {
		report(b, diag);
		r = -EINVAL;
	}
	return r;
}

static struct fy_diag *quiet_diag(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.level = FYET_ERROR;
	diag = fy_diag_create(&cfg);
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

int conf_tree_parse(struct arena *arena, const char *file, weir_str text, struct messages *messages,
		    struct conf_node **ret_root)
{
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					     FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE };
	struct builder b = { .arena = arena,
			     .messages = messages,
			     .file = file,
			     .text = text,
			     .last_pos = { file, 1, 1 } };
	struct fy_parser *parser = NULL;
	struct fy_diag *diag = quiet_diag();
	int r = -ENOMEM;

	if (diag) {
		cfg.diag = diag;
		parser = fy_parser_create(&cfg);
	}
	if (parser && fy_parser_set_string(parser, text.len ? text.ptr : "", text.len) == 0)
		r = build(&b, parser, diag);
	if (parser)
		fy_parser_destroy(parser);
	if (diag)
		fy_diag_destroy(diag);
	if (r < 0)
		return r;
	*ret_root = b.root;
	return 0;
}
