/* test_conf_tree.c - YAML into a tree, and what YAML can do that we refuse in good time. */
#include "conf/conf_tree.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/clock.h"
#include "conf_fixture.h"

struct tree {
	struct arena arena;
	struct budget budget;
	struct messages messages;
	struct conf_node *root;
	int r;
};

static void parse(struct tree *t, weir_str text)
{
	*t = (struct tree){ .budget = { .limit = 64 << 20 } };
	arena_init(&t->arena, &t->budget);
	messages_init(&t->messages);
	t->r = conf_tree_parse(&t->arena, "x.yaml", text, &t->messages, &t->root);
}

static void done(struct tree *t)
{
	messages_done(&t->messages);
	arena_done(&t->arena);
}

Test(conf_tree, nothing_is_no_tree_and_no_mistake)
{
	struct tree t;

	parse(&t, WEIR_STR("# only a comment\n"));
	cr_assert_eq(t.r, 0);
	cr_assert_null(t.root);
	done(&t);
	parse(&t, (weir_str){ NULL, 0 });
	cr_assert_eq(t.r, 0);
	cr_assert_null(t.root);
	done(&t);
}

Test(conf_tree, has_keys_values_and_where_they_are)
{
	const struct conf_node *n;
	struct tree t;

	parse(&t, WEIR_STR("a: 1\nb:\n  - x\n  - {c: \"y: z\", d: }\n"));
	cr_assert_eq(t.r, 0);
	cr_assert_eq(t.root->type, CONF_NODE_MAPPING);
	cr_assert_eq(t.root->n_children, 2);
	n = t.root->first;
	cr_assert_str_eq(n->key.ptr, "a");
	cr_assert_str_eq(n->text.ptr, "1");
	cr_assert_eq(n->pos.line, 1);
	cr_assert_eq(n->pos.col, 4);
	n = n->next;
	cr_assert_eq(n->type, CONF_NODE_SEQUENCE);
	cr_assert_eq(n->key_pos.line, 2);
	n = n->first->next;
	cr_assert_eq(n->type, CONF_NODE_MAPPING);
	cr_assert_str_eq(n->first->text.ptr, "y: z");
	cr_assert_not(n->first->is_empty);
	cr_assert(n->last->is_empty);
	cr_assert_eq(n->last->pos.line, 4);
	done(&t);
}

Test(conf_tree, quotes_make_an_empty_value_one_that_is_there)
{
	struct tree t;

	parse(&t, WEIR_STR("a: ''\n"));
	cr_assert_not(t.root->first->is_empty);
	done(&t);
}

Test(conf_tree, texts_of_several_lines_are_put_together)
{
	struct tree t;

	parse(&t, WEIR_STR("a: |\n  one\n  two\nb: three\n  four\n"));
	cr_assert_eq(t.r, 0);
	cr_assert_str_eq(t.root->first->text.ptr, "one\ntwo\n");
	cr_assert_str_eq(t.root->last->text.ptr, "three four");
	done(&t);
}

Test(conf_tree, goes_on_without_the_second_of_two_keys)
{
	struct tree t;

	parse(&t, WEIR_STR("a: 1\na: {b: 2}\nc: 3\n"));
	cr_assert_eq(t.r, 0);
	cr_assert_eq(t.messages.n_errors, 1);
	cr_assert_eq(t.root->n_children, 2);
	cr_assert_str_eq(t.root->last->text.ptr, "3");
	done(&t);
}

/* --- what is made to break readers: one message each, in good time --- */

struct evil {
	char head[64], unit[64], said[96];
	size_t n_units; /* 0: up to a mebibyte */
};

ParameterizedTestParameters(conf_tree, evil_ends_in_one_message)
{
	static struct evil rows[] = {
		{ "", "[", "nested more than 16 deep", 0 },
		{ "", "{", "a key has to be a single value", 0 },
		{ "", "- ", "nested more than 16 deep", 0 },
		{ "", "? ", "a key has to be a single value", 0 },
		{ "", "[\n", "nested more than 16 deep", 0 },
		{ "", "{a: ", "nested more than 16 deep", 0 },
		{ "", "[{", "a key has to be a single value", 0 },
		{ "a: &a [x]\n", "b: [*a, *a]\n", "an anchor is not allowed", 0 },
		{ "a: &a [lol, lol]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "", "an anchor is not", 1 },
		{ "a: ", "*a ", "an alias is not allowed", 0 },
		{ "a: !!binary ", "x", "a tag is not allowed", 0 },
		{ "a: [", "1, ", "more than 1000 entries in one list", 0 },
		{ "", "- a\n", "more than 1000 entries in one list", 0 },
		{ "", "---\n", "a second document", 0 },
		{ "", "%a b\n", "not valid YAML", 0 },
		{ "a: \"", "x", "not valid YAML", 0 },
		{ "a: '", "\n", "not valid YAML", 0 },
		{ "", "\"a\" ", "not valid YAML", 0 },
		{ "", "a\n", "", 0 },
		{ "a: |\n", " x\n", "", 0 },
		{ "", "#", "", 0 },
		{ "a: b #", "#\n#", "", 0 },
	};

	return cr_make_param_array(struct evil, rows, ARRAY_LEN(rows));
}

ParameterizedTest(struct evil *row, conf_tree, evil_ends_in_one_message, .timeout = 60)
{
	size_t unit = strlen(row->unit), head = strlen(row->head);
	size_t n = row->n_units ? row->n_units : ((1 << 20) - head) / unit;
	char *text = malloc(head + n * unit + 1);
	struct tree t;

	cr_assert_not_null(text);
	memcpy(text, row->head, head);
	for (size_t i = 0; i < n; i++)
		memcpy(text + head + i * unit, row->unit, unit);
	parse(&t, (weir_str){ text, head + n * unit });
	if (row->said[0]) {
		cr_expect_eq(t.r, -EINVAL, "%s%s...", row->head, row->unit);
		cr_assert_eq(t.messages.n_items, 1, "%s%s...", row->head, row->unit);
		cr_expect_not_null(strstr(t.messages.items[0].text, row->said), "%s%s...: %s",
				   row->head, row->unit, t.messages.items[0].text);
	} else {
		cr_expect_eq(t.r, 0, "%s%s...: %s", row->head, row->unit,
			     t.messages.n_items ? t.messages.items[0].text : "");
	}
	done(&t);
	free(text);
}

Test(conf_tree, twenty_thousand_keys_are_refused_at_once, .timeout = 20)
{
	struct buf text;
	struct tree t;

	buf_init(&text, 0);
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(buf_printf(&text, "key%d: 1\n", i), 0);
	parse(&t, buf_str(&text));
	cr_assert_eq(t.r, -EINVAL);
	cr_assert_eq(t.messages.n_items, 1);
	cr_assert_str_eq(t.messages.items[0].text, "more than 1000 entries in one mapping");
	cr_assert_eq(t.messages.items[0].pos.line, 1001);
	done(&t);
	buf_done(&text);
}

Test(conf_tree, a_thousand_keys_are_fine)
{
	struct buf text;
	struct tree t;

	buf_init(&text, 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(buf_printf(&text, "key%d: 1\n", i), 0);
	parse(&t, buf_str(&text));
	cr_assert_eq(t.r, 0);
	cr_assert_eq(t.root->n_children, 1000);
	done(&t);
	buf_done(&text);
}

/* The arena's limit ends it, wherever that is. */
Test(conf_tree, every_lack_of_memory_is_an_error)
{
	for (size_t limit = 0; limit < 40000; limit += 1000) {
		struct tree t = { .budget = { .limit = limit } };
		struct buf text;

		buf_init(&text, 0);
		for (int i = 0; i < 200; i++)
			cr_assert_eq(buf_printf(&text, "key%d: [1, {a: b}]\n", i), 0);
		arena_init(&t.arena, &t.budget);
		messages_init(&t.messages);
		t.r = conf_tree_parse(&t.arena, "x.yaml", buf_str(&text), &t.messages, &t.root);
		cr_assert_eq(t.r, -ENOMEM, "limit %zu", limit);
		done(&t);
		buf_done(&text);
	}
}
