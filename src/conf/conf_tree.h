#ifndef WEIR_CONF_CONF_TREE_H
#define WEIR_CONF_CONF_TREE_H
/*
 * conf_tree.h - YAML text as a tree of scalars, sequences and mappings. It is
 * the small part of YAML that a configuration needs: no anchors, no aliases,
 * no tags, one document; depth and number of keys are bounded.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"
#include "conf/conf.h"

enum conf_node_type { CONF_NODE_SCALAR, CONF_NODE_SEQUENCE, CONF_NODE_MAPPING };

struct conf_node {
	enum conf_node_type type;
	struct conf_pos pos;
	bool is_empty; /* a scalar that is not there: "key:" */
	weir_str text; /* a scalar's, without quotes; NUL-terminated too */

	/* as an entry of a mapping */
	weir_str key; /* NUL-terminated too */
	struct conf_pos key_pos;

	/* what a sequence or mapping holds, in order */
	struct conf_node *first, *last, *next;
	size_t n_children;
};

/*
 * The tree lives in arena; it is NULL for a file without anything but comments.
 * What is wrong goes to messages, then -EINVAL; -ENOMEM. A key that stands
 * twice is a message too, but then the tree is there, without the second.
 */
MUST_USE int conf_tree_parse(struct arena *arena, const char *file, weir_str text,
			     struct messages *messages, struct conf_node **ret_root);

/* "a list", "a mapping", "a value": for messages. */
const char *conf_tree_kind(const struct conf_node *node);

#endif
