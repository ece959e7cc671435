/*
 * metrics_view.c - one pass over all sets; a table of hashes finds what has
 * the same name, or the same labels in the same family.
 */
#include "base/metrics_view.h"

#include <assert.h>
#include <errno.h>

#include "base/arena.h"
#include "base/histogram.h"
#include "base/str.h"

/* Far more than sets can hold: against our own mistakes. */
#define VIEW_MEMORY_MAX ((size_t)1 << 30)

struct entry {
	uint64_t hash;
	struct metrics_group *group;
	struct metrics_series *series; /* NULL: the entry is the group's own */
};

struct metrics_view {
	struct arena arena;
	struct budget budget;
	struct entry *table; /* owned; open addressing */
	size_t n, cap;	     /* cap: a power of two */
	struct metrics_group *groups;
};

/* ---- the table */

struct key {
	uint64_t hash;
	weir_str name;
	const weir_str *labels; /* NULL: of the group itself */
};

static struct key make_key(weir_str name, const weir_str *labels)
{
	uint64_t hash = str_hash(name) * 0x9e3779b97f4a7c15u;

	return (struct key){ labels ? hash ^ (str_hash(*labels) + 1) : hash, name, labels };
}

/* Labels may come from clients: an equal hash says little. */
static bool is_of(const struct entry *entry, const struct key *key)
{
	if (entry->hash != key->hash || !key->labels != !entry->series ||
	    !weir_str_eq(entry->group->name, key->name))
		return false;
	return !key->labels || weir_str_eq(entry->series->labels, *key->labels);
}

static struct entry *place(const struct metrics_view *view, const struct key *key)
{
	size_t i = key->hash & (view->cap - 1);

	while (view->table[i].group && !is_of(&view->table[i], key))
		i = (i + 1) & (view->cap - 1);
	return &view->table[i];
}

static int grow(struct metrics_view *view)
{
	size_t cap = view->cap ? view->cap * 2 : 256;
	struct entry *table;

	if (view->n * 2 < view->cap)
		return 0;
	table = calloc(cap, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < view->cap; i++) {
		size_t at = view->table[i].hash & (cap - 1);

		if (!view->table[i].group)
			continue;
		while (table[at].group)
			at = (at + 1) & (cap - 1);
		table[at] = view->table[i];
	}
	free(view->table);
	view->table = table;
	view->cap = cap;
	return 0;
}

static struct metrics_group *group_of(struct metrics_view *view, const struct metrics_group *like)
{
	struct key key = make_key(like->name, NULL);
	struct entry *entry;
	struct metrics_group *group;
	double *bounds;

	if (grow(view) < 0)
		return NULL;
	entry = place(view, &key);
	if (entry->group)
		return entry->group;
	group = arena_alloc(&view->arena, sizeof(*group));
	bounds = arena_alloc(&view->arena, (like->n_bounds + 1) * sizeof(double));
	if (!group || !bounds)
		return NULL;
	if (like->n_bounds > 0)
		memcpy(bounds, like->bounds, like->n_bounds * sizeof(double));
	*group = (struct metrics_group){
		.type = like->type,
		.name = arena_copy(&view->arena, like->name),
		.unit = arena_copy(&view->arena, like->unit),
		.help = arena_copy(&view->arena, like->help),
		.bounds = bounds,
		.n_bounds = like->n_bounds,
		.next = view->groups,
	};
	if (!group->name.ptr || (like->unit.len && !group->unit.ptr) ||
	    (like->help.len && !group->help.ptr))
		return NULL;
	view->groups = group;
	*entry = (struct entry){ key.hash, group, NULL };
	view->n++;
	return group;
}

static bool is_like(const struct metrics_group *a, const struct metrics_group *b)
{
	return a->type == b->type && a->n_bounds == b->n_bounds &&
	       (a->n_bounds == 0 ||
		memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(double)) == 0);
}

static unsigned n_words(const struct metrics_group *group)
{
	return group->type == METRIC_HISTOGRAM ? group->n_bounds + 2 : 1;
}

static struct metrics_series *series_of(struct metrics_view *view, struct metrics_group *group,
					weir_str labels)
{
	struct key key = make_key(group->name, &labels);
	size_t size = n_words(group) * sizeof(uint64_t);
	struct metrics_series *series;
	struct entry *entry;

	if (grow(view) < 0)
		return NULL;
	entry = place(view, &key);
	if (entry->group)
		return entry->series;
	series = arena_alloc(&view->arena, sizeof(*series) + size);
	if (!series)
		return NULL;
	memset(series->words, 0, size);
	series->next = NULL;
	series->labels = arena_copy(&view->arena, labels);
	if (labels.len > 0 && !series->labels.ptr)
		return NULL;
	if (group->last)
		group->last->next = series;
	else
		group->first = series;
	group->last = series;
	*entry = (struct entry){ key.hash, group, series };
	view->n++;
	return series;
}

/* ---- summing */

static void add_words(const struct metrics_group *group, struct metrics_series *series,
		      const uint64_t *words)
{
	unsigned n = n_words(group);

	for (unsigned i = 0; i < n; i++) {
		uint64_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
		bool is_real = group->type == METRIC_GAUGE ||
			       (group->type == METRIC_HISTOGRAM && i == 0);

		series->words[i] = is_real ? metrics_word(metrics_real(series->words[i]) +
							  metrics_real(word))
					   : series->words[i] + word;
	}
}

static int add(struct metrics_view *view, const struct metrics_group *like, weir_str labels,
	       const uint64_t *words)
{
	struct metrics_group *group = group_of(view, like);
	struct metrics_series *series;

	if (!group)
		return -ENOMEM;
	/* The same name for something else, in a worker of another generation: the first counts. */
	if (!is_like(group, like))
		return 0;
	series = series_of(view, group, labels);
	if (!series)
		return -ENOMEM;
	add_words(group, series, words);
	return 0;
}

static int add_set(struct metrics_view *view, const struct metrics_memory *memory, unsigned set)
{
	struct metrics_walk walk;
	int r;

	metrics_walk_begin(memory, set, &walk);
	while (metrics_walk_next(memory, set, &walk)) {
		const struct metrics_head *family = &walk.family.head;
		const char *text = walk.family.text;
		size_t before_help = (size_t)family->name_len + family->unit_len;
		struct metrics_group like = {
			.type = (enum metric_type)family->type,
			.name = { text, family->name_len },
			.unit = { text + family->name_len, family->unit_len },
			.help = { text + before_help, family->text_len - before_help },
			.bounds = (const double *)(const void *)walk.family.words,
			.n_bounds = family->n_words,
		};

		if (metrics_walk_is_family(&walk) || (like.type == METRIC_GAUGE && !walk.is_alive))
			continue;
		r = add(view, &like, metrics_entry_text(&walk.entry), walk.entry.words);
		if (r < 0)
			return r;
	}
	return 0;
}

int metrics_view_new(const struct metrics_memory *memory, struct metrics_view **ret_view)
{
	_cleanup_(metrics_view_freep) struct metrics_view *view = calloc(1, sizeof(*view));
	int r;

	if (!view)
		return -ENOMEM;
	view->budget.limit = VIEW_MEMORY_MAX;
	arena_init(&view->arena, &view->budget);
	for (unsigned i = 0; memory && i < metrics_memory_n_sets(memory); i++) {
		r = add_set(view, memory, i);
		if (r < 0)
			return r;
	}
	*ret_view = steal_ptr(view);
	return 0;
}

struct metrics_view *metrics_view_free(struct metrics_view *view)
{
	if (!view)
		return NULL;
	arena_done(&view->arena);
	free(view->table);
	free(view);
	return NULL;
}

static struct metrics_group group_like(const struct metric_def *def)
{
	return (struct metrics_group){
		.type = def->type,
		.name = weir_strz(def->name),
		.unit = def->unit ? weir_strz(def->unit) : WEIR_STR(""),
		.help = weir_strz(def->help),
		.bounds = def->bounds,
		.n_bounds = def->n_bounds,
	};
}

int metrics_view_add(struct metrics_view *view, const struct metric_def *def, weir_str labels,
		     double value)
{
	struct metrics_group like = group_like(def);
	uint64_t word = def->type == METRIC_GAUGE ? metrics_word(value) : (uint64_t)value;

	return add(view, &like, labels, &word);
}

int metrics_view_add_histogram(struct metrics_view *view, const struct metric_def *def,
			       weir_str labels, const struct histogram *histogram)
{
	struct metrics_group like = group_like(def);
	uint64_t words[HISTOGRAM_BUCKETS + 1];
	double bounds[HISTOGRAM_BUCKETS];

	static_assert(HISTOGRAM_BUCKETS - 1 <= METRICS_MAX_BOUNDS, "all its bounds find room");
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		bounds[i] = (double)histogram_bound_us(i) / 1e6;
		words[i + 1] = histogram->buckets[i];
	}
	words[0] = metrics_word((double)histogram->sum_us / 1e6);
	like.bounds = bounds;
	like.n_bounds = HISTOGRAM_BUCKETS - 1;
	return add(view, &like, labels, words);
}

/* ---- looking */

static int compare(const struct metrics_group *a, const struct metrics_group *b)
{
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.ptr, b->name.ptr, len);

	return order ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

/* There are tens of them, or a hundred. */
const struct metrics_group *metrics_view_groups(struct metrics_view *view)
{
	struct metrics_group *sorted = NULL;

	while (view->groups) {
		struct metrics_group *group = view->groups, **at = &sorted;

		view->groups = group->next;
		while (*at && compare(*at, group) < 0)
			at = &(*at)->next;
		group->next = *at;
		*at = group;
	}
	view->groups = sorted;
	return sorted;
}

const struct metrics_group *metrics_view_find(const struct metrics_view *view, weir_str name)
{
	for (const struct metrics_group *g = view->groups; g; g = g->next) {
		if (weir_str_eq(g->name, name))
			return g;
	}
	return NULL;
}

uint64_t metrics_view_count(const struct metrics_group *group, const struct metrics_series *series)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= group->n_bounds; i++)
		n += series->words[i + 1];
	return n;
}

double metrics_view_total(const struct metrics_view *view, weir_str name)
{
	const struct metrics_group *group = metrics_view_find(view, name);
	double total = 0;

	for (const struct metrics_series *s = group ? group->first : NULL; s; s = s->next) {
		if (group->type == METRIC_HISTOGRAM)
			total += (double)metrics_view_count(group, s);
		else
			total += group->type == METRIC_GAUGE ? metrics_real(s->words[0])
							     : (double)s->words[0];
	}
	return total;
}
