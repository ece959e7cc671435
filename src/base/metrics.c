/*
 * metrics.c - see metrics.h. The hard thing is that any process may die at any
 * instruction, or write into memory that is not its own before it does. So a
 * set grows only by a store of `used` behind what is complete, and whoever
 * reads it, or takes it over, checks every size.
 */
#include "base/metrics.h"

#include <errno.h>
#include <math.h>
#include <signal.h>

#include "base/shared.h"
#include "base/str.h"

struct set {
	uint32_t owner; /* a process; 0: nobody */
	uint32_t used;	/* bytes of room in which everything is complete */
	uint64_t n_lost;
	char room[];
};

/* Each process has its own: only the sets are shared, and what they say of themselves is not believed. */
struct metrics_memory {
	unsigned n_sets;
	size_t size; /* of each set, its head included */
	char *sets;  /* owned */
};

struct metrics {
	struct metrics_memory *memory; /* borrowed, or owned */
	bool is_private;
	struct set *set;
	uint32_t used; /* the set's, as far as we have written it */
};

static struct set *set_at(const struct metrics_memory *memory, unsigned i)
{
	return (struct set *)(uintptr_t)(memory->sets + i * memory->size);
}

static uint32_t room_of(const struct metrics_memory *memory)
{
	return (uint32_t)(memory->size - sizeof(struct set));
}

/* ---- memory */

int metrics_memory_new(unsigned n_sets, size_t size, struct metrics_memory **ret_memory)
{
	_cleanup_(freep) struct metrics_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return -ENOMEM;
	size = size / 64 * 64;
	if (n_sets == 0 || size < 4096 || size > UINT32_MAX / 2 || n_sets > SIZE_MAX / 2 / size)
		return -EINVAL;
	memory->n_sets = n_sets;
	memory->size = size;
	memory->sets = shared_new(n_sets * size);
	if (!memory->sets)
		return -ENOMEM;
	*ret_memory = steal_ptr(memory);
	return 0;
}

struct metrics_memory *metrics_memory_free(struct metrics_memory *memory)
{
	if (memory)
		memory->sets = shared_free(memory->sets, memory->n_sets * memory->size);
	free(memory);
	return NULL;
}

unsigned metrics_memory_n_sets(const struct metrics_memory *memory)
{
	return memory->n_sets;
}

int metrics_memory_owner(const struct metrics_memory *memory, unsigned set)
{
	return (int)__atomic_load_n(&set_at(memory, set)->owner, __ATOMIC_RELAXED);
}

uint64_t metrics_memory_n_lost(const struct metrics_memory *memory)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < memory->n_sets; i++)
		n += __atomic_load_n(&set_at(memory, i)->n_lost, __ATOMIC_RELAXED);
	return n;
}

/* ---- walking */

static bool is_alive(uint32_t owner)
{
	return owner != 0 && (kill((pid_t)owner, 0) == 0 || errno != ESRCH);
}

static unsigned words_of(enum metric_type type, unsigned n_bounds)
{
	return type == METRIC_HISTOGRAM ? n_bounds + 2 : 1;
}

/* Its head is copied, and then checked: does it make sense by itself, in what is left of the room? */
static bool read_entry(struct set *set, uint32_t at, uint32_t left, struct metrics_entry *ret_entry)
{
	struct metrics_head *shared = (struct metrics_head *)(void *)(set->room + at);
	struct metrics_head head;

	if (left < sizeof(head))
		return false;
	memcpy(&head, shared, sizeof(head));
	if (head.size > left || head.size % 8 != 0 || head.size < sizeof(head) ||
	    head.type > METRIC_HISTOGRAM || head.name_len + head.unit_len > head.text_len ||
	    sizeof(head) + head.n_words * sizeof(uint64_t) + head.text_len > head.size)
		return false;
	ret_entry->head = head;
	ret_entry->words = (uint64_t *)(void *)(shared + 1);
	ret_entry->text = (const char *)(ret_entry->words + head.n_words);
	return true;
}

/* Its family is an earlier entry, and says how many numbers it has. */
static bool read_family(struct set *set, uint32_t at, const struct metrics_head *series,
			struct metrics_entry *ret_family)
{
	uint32_t before = series->family - 1;

	if (before >= at || before % 8 != 0 || !read_entry(set, before, at - before, ret_family))
		return false;
	return ret_family->head.family == 0 && ret_family->head.type == series->type &&
	       series->n_words == words_of(series->type, ret_family->head.n_words);
}

static void walk_begin(const struct set *set, uint32_t room, struct metrics_walk *walk)
{
	uint32_t used = __atomic_load_n(&set->used, __ATOMIC_ACQUIRE);

	*walk = (struct metrics_walk){ .used = used <= room ? used : 0 };
}

static bool walk_next(struct set *set, struct metrics_walk *walk)
{
	if (walk->at >= walk->used ||
	    !read_entry(set, walk->at, walk->used - walk->at, &walk->entry))
		return false;
	if (metrics_walk_is_family(walk))
		walk->family = walk->entry;
	else if (!read_family(set, walk->at, &walk->entry.head, &walk->family))
		return false;
	walk->at += walk->entry.head.size;
	return true;
}

void metrics_walk_begin(const struct metrics_memory *memory, unsigned set,
			struct metrics_walk *ret_walk)
{
	walk_begin(set_at(memory, set), room_of(memory), ret_walk);
	ret_walk->is_alive = is_alive((uint32_t)metrics_memory_owner(memory, set));
}

bool metrics_walk_next(const struct metrics_memory *memory, unsigned set, struct metrics_walk *walk)
{
	return walk_next(set_at(memory, set), walk);
}

/* ---- taking a set */

/* What a process had at some time is nothing that another has. How much of the set is used. */
static uint32_t clear_gauges(struct set *set, uint32_t room)
{
	struct metrics_walk walk;

	walk_begin(set, room, &walk);
	while (walk_next(set, &walk)) {
		if (!metrics_walk_is_family(&walk) && walk.entry.head.type == METRIC_GAUGE)
			metrics_set(walk.entry.words, 0);
	}
	/* Behind what makes no sense nothing can be found: better to begin anew there. */
	__atomic_store_n(&set->used, walk.at, __ATOMIC_RELEASE);
	return walk.at;
}

static bool take(struct set *set)
{
	uint32_t owner = __atomic_load_n(&set->owner, __ATOMIC_RELAXED);

	return !is_alive(owner) &&
	       __atomic_compare_exchange_n(&set->owner, &owner, (uint32_t)getpid(), false,
					   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct set *take_any(struct metrics_memory *memory, unsigned preferred)
{
	for (unsigned i = 0; i < memory->n_sets; i++) {
		struct set *set = set_at(memory, (preferred + i) % memory->n_sets);

		if (take(set))
			return set;
	}
	return NULL;
}

int metrics_new(struct metrics_memory *memory, unsigned preferred, struct metrics **ret_metrics)
{
	_cleanup_(freep) struct metrics *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->memory = memory;
	m->set = memory ? take_any(memory, preferred) : NULL;
	if (!m->set) {
		r = metrics_memory_new(1, memory ? memory->size : 65536, &m->memory);
		if (r < 0)
			return r;
		m->is_private = true;
		m->set = set_at(m->memory, 0);
	}
	m->used = clear_gauges(m->set, room_of(m->memory));
	*ret_metrics = steal_ptr(m);
	return 0;
}

struct metrics *metrics_free(struct metrics *m)
{
	if (!m)
		return NULL;
	if (m->is_private) {
		(void)metrics_memory_free(m->memory);
	} else {
		(void)clear_gauges(m->set, room_of(m->memory));
		__atomic_store_n(&m->set->owner, 0, __ATOMIC_RELEASE);
	}
	free(m);
	return NULL;
}

bool metrics_is_seen(const struct metrics *m)
{
	return !m->is_private;
}

uint64_t metrics_n_lost(const struct metrics *m)
{
	return m->set->n_lost;
}

/* ---- adding to it */

/* The text puts it behind every counter's name. */
static bool is_total(const struct metric_def *def, size_t name_len)
{
	static const char total[] = "_total";
	size_t len = sizeof(total) - 1;

	return def->type == METRIC_COUNTER && name_len >= len &&
	       memcmp(def->name + name_len - len, total, len) == 0;
}

static bool is_good(const struct metric_def *def)
{
	size_t name_len = strlen(def->name), unit_len = def->unit ? strlen(def->unit) : 0;

	if (!metrics_is_name(def->name) || is_total(def, name_len) ||
	    def->n_bounds > METRICS_MAX_BOUNDS ||
	    name_len + unit_len + strlen(def->help) > METRICS_TEXT_MAX)
		return false;
	if (unit_len > 0 && (name_len < unit_len + 2 || def->name[name_len - unit_len - 1] != '_' ||
			     strcmp(def->name + name_len - unit_len, def->unit) != 0))
		return false;
	for (unsigned i = 0; i < def->n_bounds; i++) {
		if (!isfinite(def->bounds[i]) || (i > 0 && def->bounds[i] <= def->bounds[i - 1]))
			return false;
	}
	return true;
}

/* Room behind what is there; it counts once publish() is called. False: it is lost. */
static bool make_entry(struct metrics *m, size_t n_words, size_t text_len,
		       struct metrics_entry *ret_entry)
{
	size_t size = sizeof(struct metrics_head) + n_words * sizeof(uint64_t) + text_len;
	char *at = m->set->room + m->used;

	size = (size + 7) / 8 * 8;
	if (size > room_of(m->memory) - m->used) {
		metrics_count(&m->set->n_lost, 1);
		return false;
	}
	/* Its predecessor may have died here. */
	memset(at, 0, size);
	*ret_entry = (struct metrics_entry){
		.head = { .size = (uint32_t)size,
			  .n_words = (uint16_t)n_words,
			  .text_len = (uint16_t)text_len },
		.words = (uint64_t *)(void *)(at + sizeof(struct metrics_head)),
	};
	ret_entry->text = (const char *)(ret_entry->words + n_words);
	return true;
}

/* Where it is: an offset. */
static uint32_t publish(struct metrics *m, const struct metrics_entry *e)
{
	uint32_t at = m->used;

	memcpy(m->set->room + at, &e->head, sizeof(e->head));
	m->used += e->head.size;
	__atomic_store_n(&m->set->used, m->used, __ATOMIC_RELEASE);
	return at;
}

static uint32_t hash_of(weir_str text)
{
	return (uint32_t)str_hash(text);
}

static bool has_bounds(const struct metrics_entry *family, const struct metric_def *def)
{
	return family->head.n_words == def->n_bounds &&
	       (def->n_bounds == 0 ||
		memcmp(family->words, def->bounds, def->n_bounds * sizeof(double)) == 0);
}

/* In what this process has written, or has found to be good. */
static void walk_own(const struct metrics *m, struct metrics_walk *walk)
{
	*walk = (struct metrics_walk){ .used = m->used };
}

/* Is name that of this family? */
static bool is_named(const struct metrics_entry *e, uint32_t hash, weir_str name)
{
	return e->head.hash == hash && e->head.name_len == name.len &&
	       memcmp(e->text, name.ptr, name.len) == 0;
}

/* Where it is. */
static bool find_family(const struct metrics *m, weir_str name, struct metrics_entry *ret_entry,
			uint32_t *ret_at)
{
	uint32_t hash = hash_of(name);
	struct metrics_walk walk;

	walk_own(m, &walk);
	while (walk_next(m->set, &walk)) {
		if (!metrics_walk_is_family(&walk) || !is_named(&walk.entry, hash, name))
			continue;
		*ret_entry = walk.entry;
		*ret_at = walk.at - walk.entry.head.size;
		return true;
	}
	return false;
}

/* Is a name what a metric of that type and name writes, or may write (OpenMetrics), beside its own? */
static bool is_part_of(weir_str name, enum metric_type type, weir_str whole)
{
	static const weir_str parts[][5] = {
		[METRIC_COUNTER] = { { "_total", 6 }, { "_created", 8 } },
		[METRIC_GAUGE] = { { NULL, 0 } },
		[METRIC_HISTOGRAM] = { { "_bucket", 7 },
				       { "_count", 6 },
				       { "_sum", 4 },
				       { "_created", 8 } },
	};

	if (!str_starts(name, whole))
		return false;
	name = (weir_str){ name.ptr + whole.len, name.len - whole.len };
	for (const weir_str *part = parts[type]; part->ptr; part++) {
		if (weir_str_eq(name, *part))
			return true;
	}
	return false;
}

/* Would one of that name write what another writes? A reader would refuse all of the text. */
static bool has_rival(const struct metrics *m, const struct metric_def *def)
{
	weir_str name = weir_strz(def->name);
	struct metrics_walk walk;

	walk_own(m, &walk);
	while (walk_next(m->set, &walk)) {
		weir_str other = { walk.entry.text, walk.entry.head.name_len };

		if (metrics_walk_is_family(&walk) &&
		    (is_part_of(name, walk.entry.head.type, other) ||
		     is_part_of(other, def->type, name)))
			return true;
	}
	return false;
}

static int make_family(struct metrics *m, const struct metric_def *def, uint32_t *ret_at)
{
	const char *unit = def->unit ? def->unit : "";
	size_t name_len = strlen(def->name), unit_len = strlen(unit), help_len = strlen(def->help);
	struct metrics_entry e;
	char *out;

	if (!make_entry(m, def->n_bounds, name_len + unit_len + help_len, &e))
		return -ENOSPC;
	e.head.type = (uint16_t)def->type;
	e.head.hash = hash_of((weir_str){ def->name, name_len });
	e.head.name_len = (uint16_t)name_len;
	e.head.unit_len = (uint16_t)unit_len;
	if (def->n_bounds > 0)
		memcpy(e.words, def->bounds, def->n_bounds * sizeof(double));
	out = (char *)(e.words + def->n_bounds);
	out = mempcpy(out, def->name, name_len);
	out = mempcpy(out, unit, unit_len);
	memcpy(out, def->help, help_len);
	*ret_at = publish(m, &e);
	return 0;
}

int metrics_add_family(struct metrics *m, const struct metric_def *def, metrics_family *ret_family)
{
	struct metrics_entry old;
	uint32_t at;
	int r;

	if (!is_good(def))
		return -EINVAL;
	if (find_family(m, weir_strz(def->name), &old, &at)) {
		if (old.head.type != def->type || !has_bounds(&old, def))
			return -EEXIST;
	} else if (has_rival(m, def)) {
		return -EEXIST;
	} else {
		r = make_family(m, def, &at);
		if (r < 0)
			return r;
	}
	*ret_family = at + 1;
	return 0;
}

static uint64_t *find_series(struct metrics *m, metrics_family family, weir_str labels)
{
	uint32_t hash = hash_of(labels);
	struct metrics_walk walk;

	walk_own(m, &walk);
	while (walk_next(m->set, &walk)) {
		if (walk.entry.head.family == family && walk.entry.head.hash == hash &&
		    weir_str_eq(metrics_entry_text(&walk.entry), labels))
			return walk.entry.words;
	}
	return NULL;
}

static int make_series(struct metrics *m, metrics_family family, weir_str labels,
		       uint64_t **ret_values)
{
	uint32_t at = family - 1;
	struct metrics_entry of, e;

	if (labels.len > METRICS_TEXT_MAX || at >= m->used ||
	    !read_entry(m->set, at, m->used - at, &of) || of.head.n_words > METRICS_MAX_BOUNDS ||
	    !make_entry(m, words_of(of.head.type, of.head.n_words), labels.len, &e))
		return -ENOSPC;
	e.head.family = family;
	e.head.type = of.head.type;
	e.head.hash = hash_of(labels);
	if (labels.len > 0)
		memcpy(e.words + e.head.n_words, labels.ptr, labels.len);
	(void)publish(m, &e);
	*ret_values = e.words;
	return 0;
}

int metrics_add_series(struct metrics *m, metrics_family family, weir_str labels,
		       uint64_t **ret_values)
{
	uint64_t *values = find_series(m, family, labels);

	if (!values)
		return make_series(m, family, labels, ret_values);
	*ret_values = values;
	return 0;
}

int metrics_add(struct metrics *m, const struct metric_def *def, weir_str labels,
		uint64_t **ret_values)
{
	metrics_family family;
	int r;

	r = metrics_add_family(m, def, &family);
	return r < 0 ? r : metrics_add_series(m, family, labels, ret_values);
}

/* ---- names and labels */

static bool is_word(const char *name, bool may_colon)
{
	if (!*name || (*name >= '0' && *name <= '9'))
		return false;
	for (; *name; name++) {
		bool is_letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
		bool is_digit = *name >= '0' && *name <= '9';

		if (!is_letter && !is_digit && *name != '_' && !(may_colon && *name == ':'))
			return false;
	}
	return true;
}

bool metrics_is_name(const char *name)
{
	return is_word(name, true);
}

bool metrics_is_label(const char *name)
{
	return is_word(name, false) && strncmp(name, "__", 2) != 0 && strcmp(name, "le") != 0;
}

/* At most METRICS_LABEL_MAX bytes of it, and whole characters. */
static weir_str cut(weir_str value)
{
	if (value.len <= METRICS_LABEL_MAX)
		return value;
	value.len = METRICS_LABEL_MAX;
	while (value.len > 0 && ((unsigned char)value.ptr[value.len] & 0xc0) == 0x80)
		value.len--;
	return value;
}

size_t metrics_put_label(char text[METRICS_TEXT_MAX], size_t len, const char *name, weir_str value)
{
	bool is_utf8 = str_is_utf8(value);
	size_t name_len = strlen(name);
	char *out = text + len;

	if (is_utf8)
		value = cut(value);
	else if (value.len > METRICS_LABEL_MAX)
		value.len = METRICS_LABEL_MAX;
	/* Twice, because each byte may be escaped. */
	if (name_len + 2 * value.len + 4 > METRICS_TEXT_MAX - len)
		return len;
	if (len > 0)
		*out++ = ',';
	out = mempcpy(out, name, name_len);
	*out++ = '=';
	*out++ = '"';
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '\\' || c == '"' || c == '\n')
			*out++ = '\\';
		*out++ = (char)(c == '\n' ? 'n' : !is_utf8 && (c & 0x80) ? '?' : c);
	}
	*out++ = '"';
	return (size_t)(out - text);
}

/* ---- numbers */

void metrics_add_real_shared(uint64_t *number, double more)
{
	uint64_t old = __atomic_load_n(number, __ATOMIC_RELAXED), new;

	do
		new = metrics_word(metrics_real(old) + more);
	while (!__atomic_compare_exchange_n(number, &old, new, true, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED));
}

unsigned metrics_bucket(const double *bounds, unsigned n_bounds, double value)
{
	unsigned first = 0, n = n_bounds;

	while (n > 0) {
		unsigned half = n / 2;

		if (bounds[first + half] < value) {
			first += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return first;
}
