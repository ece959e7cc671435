#ifndef WEIR_BASE_METRICS_H
#define WEIR_BASE_METRICS_H
/*
 * metrics.h - numbers that other processes may read at any time. The memory is
 * made before the first fork and shared by all: a number of sets, each written
 * by one process and read by anybody (base/metrics_view sums them).
 *
 *	memory ── set 0 ── family "weir_http_requests"   counter
 *	       │        ├─ series   route="/hello",code="200"   17
 *	       │        ├─ series   route="/hello",code="404"   3
 *	       │        └─ ...                            up to `used`
 *	       └─ set 1 ── ...
 *
 * A set says itself what is in it, so that readers need not know what modules
 * a worker has, and workers of several generations may differ. A process that
 * begins takes a set that nobody has, with all that is in it: a counter goes on
 * where a dead worker has left it. What is added to a set becomes visible when
 * it is complete; numbers are words, stored whole. So nobody ever sees half of
 * anything, whenever a writer dies.
 *
 * Nothing here blocks. What finds no room is counted (n_lost), and goes nowhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/base.h>

#include "base/macro.h"

enum metric_type {
	METRIC_COUNTER,	  /* one word: an integer that only grows */
	METRIC_GAUGE,	  /* one word: a double; what a process had is gone when it dies */
	METRIC_HISTOGRAM, /* the sum, a double; then a count for each bucket, without those below */
};

/* The most that a histogram may have; one more bucket has no bound. */
#define METRICS_MAX_BOUNDS 40
/* The most bytes that name, unit and help, or all labels of a series, may have together. */
#define METRICS_TEXT_MAX 1024

/* What is the same for all series of one name. */
struct metric_def {
	enum metric_type type;
	const char *name; /* "weir_http_requests": without "_total" */
	const char *unit; /* "seconds", and then the name ends with it; NULL: none */
	const char *help; /* a sentence */
	const double
		*bounds; /* of a histogram, growing: a bucket's values are this large at most */
	unsigned n_bounds;
};

/* ---- the memory, of all processes */

struct metrics_memory;

/* size: of each set; memory is used as it is written to. -ENOMEM. */
MUST_USE int metrics_memory_new(unsigned n_sets, size_t size, struct metrics_memory **ret_memory);
struct metrics_memory *metrics_memory_free(struct metrics_memory *memory);
DEFINE_CLEANUP(struct metrics_memory, metrics_memory_free)
unsigned metrics_memory_n_sets(const struct metrics_memory *memory);
/* The process that has this set, or was the last to have it without giving it back; 0: none. */
int metrics_memory_owner(const struct metrics_memory *memory, unsigned set);

/* ---- writing: one process */

struct metrics;

/*
 * Takes a set that no living process has, the one of that number if it is free. No memory,
 * or no set: it works all the same, with memory of its own that nobody reads. Registering
 * is for one thread. -ENOMEM.
 */
MUST_USE int metrics_new(struct metrics_memory *memory, unsigned preferred,
			 struct metrics **ret_metrics);
/* Gauges are as if they had never been; counters stay. */
struct metrics *metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics, metrics_free)
bool metrics_is_seen(const struct metrics *metrics);
/* Series that have found no room, in the life of the set. */
uint64_t metrics_n_lost(const struct metrics *metrics);

/* Where a family is; for metrics_series(). */
typedef uint32_t metrics_family;

/*
 * The same for the same name. -EEXIST: there is one of that name, of another type or with
 * other bounds, or one that writes it ("a" and "a_total"); -ENOSPC; -EINVAL: it makes no sense (name, unit or bounds).
 */
MUST_USE int metrics_add_family(struct metrics *metrics, const struct metric_def *def,
				metrics_family *ret_family);
/*
 * Its numbers, for as long as metrics lives: see enum metric_type. labels as
 * metrics_put_label() has written them, or empty. -ENOSPC.
 */
MUST_USE int metrics_add_series(struct metrics *metrics, metrics_family family, weir_str labels,
				uint64_t **ret_values);
/* Both, for a family of which there is one series. */
MUST_USE int metrics_add(struct metrics *metrics, const struct metric_def *def, weir_str labels,
			 uint64_t **ret_values);

/*
 * Appends name="value" to the labels in text[0..len), with a comma if they are not the first;
 * the new length. A value that is too long is cut; what is no UTF-8 becomes question marks.
 */
#define METRICS_LABEL_MAX 256
size_t metrics_put_label(char text[METRICS_TEXT_MAX], size_t len, const char *name, weir_str value);

/* Good names: of a metric; of a label. */
bool metrics_is_name(const char *name);
bool metrics_is_label(const char *name);

/* ---- numbers. Plain ones are for one thread, shared ones for any. */

static inline double metrics_real(uint64_t word)
{
	double real;

	memcpy(&real, &word, sizeof(real));
	return real;
}

static inline uint64_t metrics_word(double real)
{
	uint64_t word;

	memcpy(&word, &real, sizeof(word));
	return word;
}

static inline void metrics_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline void metrics_count_shared(uint64_t *counter, uint64_t n)
{
	(void)__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static inline void metrics_set(uint64_t *gauge, double value)
{
	__atomic_store_n(gauge, metrics_word(value), __ATOMIC_RELAXED);
}

/* To a gauge, or to the sum of a histogram. */
static inline void metrics_add_real(uint64_t *number, double more)
{
	__atomic_store_n(number, metrics_word(metrics_real(*number) + more), __ATOMIC_RELAXED);
}

void metrics_add_real_shared(uint64_t *number, double more);

/* The bucket for a value: of n_bounds + 1. */
unsigned metrics_bucket(const double *bounds, unsigned n_bounds, double value);

/* ---- for readers: metrics_view.c. What a set says is believed only as far as it makes sense. */

/* What stands in front of an entry's words and text. */
struct metrics_head {
	uint32_t size;	  /* of all of it, a multiple of eight */
	uint32_t family;  /* of a series: where its family is; 0: this is a family */
	uint32_t hash;	  /* of its text */
	uint16_t type;	  /* an enum metric_type */
	uint16_t n_words; /* a series' numbers; a family's bounds, doubles */
	uint16_t text_len;
	uint16_t name_len, unit_len; /* of a family: parts of its text; help is the rest */
	uint16_t unused;
};

/* As it was when it was checked: whoever owns the set, or wrecks it, may write there at any time. */
struct metrics_entry {
	struct metrics_head head;
	uint64_t *words;  /* in the set */
	const char *text; /* in the set */
};

static inline weir_str metrics_entry_text(const struct metrics_entry *e)
{
	return (weir_str){ e->text, e->head.text_len };
}

/*
 * The next of a set, start with 0; its family (itself, if it is one); false: that was all.
 * is_alive: its process lives, so that its gauges count.
 */
struct metrics_walk {
	uint32_t at, used;
	bool is_alive;
	struct metrics_entry entry, family;
};
static inline bool metrics_walk_is_family(const struct metrics_walk *walk)
{
	return walk->entry.head.family == 0;
}

void metrics_walk_begin(const struct metrics_memory *memory, unsigned set,
			struct metrics_walk *ret_walk);
bool metrics_walk_next(const struct metrics_memory *memory, unsigned set,
		       struct metrics_walk *walk);
/* Of all sets. */
uint64_t metrics_memory_n_lost(const struct metrics_memory *memory);

#endif
