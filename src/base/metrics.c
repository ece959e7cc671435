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
#include <sys/mman.h>

#include "base/str.h"

struct set {
	uint32_t owner; /* a process; 0: nobody */
	uint32_t used;	/* bytes of room in which everything is complete */
	uint64_t n_lost;
	char room[];
};

struct metrics_memory {
	unsigned n_sets;
	size_t size; /* of each set, its head included */
	_Alignas(64) char sets[];
};

struct metrics {
	struct metrics_memory *memory; /* borrowed, or owned */
	bool is_private;
	struct set *set;
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

static size_t memory_size(unsigned n_sets, size_t size)
{
	return sizeof(struct metrics_memory) + n_sets * size;
}

int metrics_memory_new(unsigned n_sets, size_t size, struct metrics_memory **ret_memory)
{
	struct metrics_memory *memory;

	size = size / 64 * 64;
	if (n_sets == 0 || size < 4096 || size > UINT32_MAX / 2 || n_sets > SIZE_MAX / 2 / size)
		return -EINVAL;
	memory = mmap(NULL, memory_size(n_sets, size), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -ENOMEM;
	memory->n_sets = n_sets;
	memory->size = size;
	*ret_memory = memory;
	return 0;
}

struct metrics_memory *metrics_memory_free(struct metrics_memory *memory)
{
	if (memory)
		(void)munmap(memory, memory_size(memory->n_sets, memory->size));
	return NULL;
}

unsigned metrics_memory_n_sets(const struct metrics_memory *memory)
{
	return memory->n_sets;
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

/* Does it make sense by itself, in what is left of the room? */
static bool is_sound(const struct metrics_entry *e, uint32_t left)
{
	if (left < sizeof(*e) || e->size > left || e->size % 8 != 0 || e->size < sizeof(*e))
		return false;
	return e->type <= METRIC_HISTOGRAM && e->name_len + e->unit_len <= e->text_len &&
	       sizeof(*e) + e->n_words * sizeof(uint64_t) + e->text_len <= e->size;
}

static const struct metrics_entry *entry_at(const struct set *set, uint32_t at)
{
	return (const struct metrics_entry *)(const void *)(set->room + at);
}

static unsigned words_of(enum metric_type type, unsigned n_bounds)
{
	return type == METRIC_HISTOGRAM ? n_bounds + 2 : 1;
}

/* Its family is an earlier entry, and says how many numbers it has. */
static const struct metrics_entry *family_of(const struct set *set, uint32_t at,
					     const struct metrics_entry *e)
{
	const struct metrics_entry *family;
	uint32_t before = e->family - 1;

	if (before >= at || before % 8 != 0 || at - before < sizeof(*family))
		return NULL;
	family = entry_at(set, before);
	if (!is_sound(family, at - before) || family->family != 0 || family->type != e->type ||
	    e->n_words != words_of(family->type, family->n_words))
		return NULL;
	return family;
}

static void walk_begin(const struct set *set, uint32_t room, struct metrics_walk *walk)
{
	uint32_t used = __atomic_load_n(&set->used, __ATOMIC_ACQUIRE);

	*walk = (struct metrics_walk){ .used = used <= room ? used : 0 };
}

static bool walk_next(const struct set *set, struct metrics_walk *walk)
{
	const struct metrics_entry *e;

	if (walk->at >= walk->used)
		return false;
	e = entry_at(set, walk->at);
	if (!is_sound(e, walk->used - walk->at))
		return false;
	walk->entry = e;
	walk->family = e->family == 0 ? e : family_of(set, walk->at, e);
	if (!walk->family)
		return false;
	walk->at += e->size;
	return true;
}

void metrics_walk_begin(const struct metrics_memory *memory, unsigned set,
			struct metrics_walk *ret_walk)
{
	walk_begin(set_at(memory, set), room_of(memory), ret_walk);
	ret_walk->is_alive = is_alive(
		__atomic_load_n(&set_at(memory, set)->owner, __ATOMIC_RELAXED));
}

bool metrics_walk_next(const struct metrics_memory *memory, unsigned set, struct metrics_walk *walk)
{
	return walk_next(set_at(memory, set), walk);
}

/* ---- taking a set */

static uint64_t *words_at(struct set *set, const struct metrics_entry *e)
{
	return (uint64_t *)(void *)(set->room + ((const char *)e->words - set->room));
}

/* What a process had at some time is nothing that another has. */
static void clear_gauges(struct set *set, uint32_t room)
{
	struct metrics_walk walk;

	walk_begin(set, room, &walk);
	while (walk_next(set, &walk)) {
		if (walk.entry->family != 0 && walk.entry->type == METRIC_GAUGE)
			metrics_set(words_at(set, walk.entry), 0);
	}
	/* Behind what makes no sense nothing can be found: better to begin anew there. */
	__atomic_store_n(&set->used, walk.at, __ATOMIC_RELEASE);
}

static bool take(struct set *set, uint32_t room)
{
	uint32_t owner = __atomic_load_n(&set->owner, __ATOMIC_RELAXED);

	if (is_alive(owner) ||
	    !__atomic_compare_exchange_n(&set->owner, &owner, (uint32_t)getpid(), false,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return false;
	clear_gauges(set, room);
	return true;
}

static struct set *take_any(struct metrics_memory *memory, unsigned preferred)
{
	for (unsigned i = 0; i < memory->n_sets; i++) {
		struct set *set = set_at(memory, (preferred + i) % memory->n_sets);

		if (take(set, room_of(memory)))
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
		clear_gauges(m->set, room_of(m->memory));
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

static bool is_good(const struct metric_def *def)
{
	size_t name_len = strlen(def->name), unit_len = def->unit ? strlen(def->unit) : 0;

	if (!metrics_is_name(def->name) || def->n_bounds > METRICS_MAX_BOUNDS ||
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

/* Room behind what is there; it counts once publish() is called. NULL: it is lost. */
static struct metrics_entry *make_entry(struct metrics *m, size_t n_words, size_t text_len)
{
	size_t size = sizeof(struct metrics_entry) + n_words * sizeof(uint64_t) + text_len;
	struct metrics_entry *e;

	size = (size + 7) / 8 * 8;
	if (size > room_of(m->memory) - m->set->used) {
		metrics_count(&m->set->n_lost, 1);
		return NULL;
	}
	e = (struct metrics_entry *)(void *)(m->set->room + m->set->used);
	/* Its predecessor may have died here. */
	memset(e, 0, size);
	e->size = (uint32_t)size;
	e->n_words = (uint16_t)n_words;
	e->text_len = (uint16_t)text_len;
	return e;
}

static void publish(struct metrics *m, const struct metrics_entry *e)
{
	__atomic_store_n(&m->set->used, m->set->used + e->size, __ATOMIC_RELEASE);
}

static uint32_t hash_of(weir_str text)
{
	return (uint32_t)str_hash(text);
}

static bool has_bounds(const struct metrics_entry *family, const struct metric_def *def)
{
	return family->n_words == def->n_bounds &&
	       (def->n_bounds == 0 ||
		memcmp(family->words, def->bounds, def->n_bounds * sizeof(double)) == 0);
}

static uint32_t offset_of(const struct metrics *m, const struct metrics_entry *e)
{
	return (uint32_t)((const char *)e - m->set->room);
}

static const struct metrics_entry *find_family(const struct metrics *m, weir_str name)
{
	uint32_t hash = hash_of(name);
	struct metrics_walk walk;

	walk_begin(m->set, room_of(m->memory), &walk);
	while (walk_next(m->set, &walk)) {
		const struct metrics_entry *e = walk.entry;

		if (e->family == 0 && e->hash == hash && e->name_len == name.len &&
		    memcmp(metrics_entry_text(e).ptr, name.ptr, name.len) == 0)
			return e;
	}
	return NULL;
}

int metrics_add_family(struct metrics *m, const struct metric_def *def, metrics_family *ret_family)
{
	const struct metrics_entry *old;
	weir_str name = weir_strz(def->name), help = weir_strz(def->help);
	weir_str unit = def->unit ? weir_strz(def->unit) : WEIR_STR("");
	struct metrics_entry *e;
	char *out;

	if (!is_good(def))
		return -EINVAL;
	old = find_family(m, name);
	if (old && (old->type != def->type || !has_bounds(old, def)))
		return -EEXIST;
	if (!old) {
		e = make_entry(m, def->n_bounds, name.len + unit.len + help.len);
		if (!e)
			return -ENOSPC;
		e->type = (uint16_t)def->type;
		e->hash = hash_of(name);
		e->name_len = (uint16_t)name.len;
		e->unit_len = (uint16_t)unit.len;
		if (def->n_bounds > 0)
			memcpy(e->words, def->bounds, def->n_bounds * sizeof(double));
		out = (char *)(e->words + e->n_words);
		out = mempcpy(out, name.ptr, name.len);
		out = mempcpy(out, unit.ptr, unit.len);
		memcpy(out, help.ptr, help.len);
		publish(m, e);
		old = e;
	}
	*ret_family = offset_of(m, old) + 1;
	return 0;
}

static uint64_t *find_series(struct metrics *m, metrics_family family, weir_str labels)
{
	uint32_t hash = hash_of(labels);
	struct metrics_walk walk;

	walk_begin(m->set, room_of(m->memory), &walk);
	while (walk_next(m->set, &walk)) {
		const struct metrics_entry *e = walk.entry;

		if (e->family == family && e->hash == hash &&
		    weir_str_eq(metrics_entry_text(e), labels))
			return words_at(m->set, e);
	}
	return NULL;
}

int metrics_add_series(struct metrics *m, metrics_family family, weir_str labels,
		       uint64_t **ret_values)
{
	const struct metrics_entry *of = entry_at(m->set, family - 1);
	uint64_t *values = find_series(m, family, labels);
	struct metrics_entry *e;

	if (!values) {
		e = labels.len > METRICS_TEXT_MAX
			    ? NULL
			    : make_entry(m, words_of(of->type, of->n_words), labels.len);
		if (!e)
			return -ENOSPC;
		e->family = family;
		e->type = of->type;
		e->hash = hash_of(labels);
		if (labels.len > 0)
			memcpy(e->words + e->n_words, labels.ptr, labels.len);
		publish(m, e);
		values = e->words;
	}
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
