/*
 * headcount.c - a row is a hash table whose places are looked for in a window of a few
 * cells: what is not in its window is not there, so cells can be given up without
 * leaving anything behind. Others read while the owner writes; they see each word
 * whole, and a count that is wrong by one for a moment.
 */
#include "serve/headcount.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/shared.h"

#define WINDOW 16
#define CELLS_MAX (1u << 16)
#define LINE 64

struct cell {
	uint64_t tag; /* of an address; what it was, when n is 0 */
	uint32_t n;
	uint32_t unused;
};

struct headcount_row {
	int32_t owner; /* a process; 0: free */
	uint32_t n_all;
	char rest_of_line[LINE - 8];
	struct cell cells[];
};

/* In front of the rows: those behind n_used nobody has ever had, and nobody has to read. */
struct headcount_rows {
	uint32_t n_used;
	char rest_of_line[LINE - 4];
};

static size_t row_size(const struct headcount *h)
{
	return sizeof(struct headcount_row) + h->n_cells * sizeof(struct cell);
}

static struct headcount_row *row_at(const struct headcount *h, unsigned i)
{
	return (struct headcount_row *)(void *)((char *)(h->rows + 1) + i * row_size(h));
}

static unsigned n_used(const struct headcount *h)
{
	uint32_t n = __atomic_load_n(&h->rows->n_used, __ATOMIC_RELAXED);

	return n < h->n_rows ? n : h->n_rows;
}

static void use(const struct headcount *h, unsigned i)
{
	uint32_t n = __atomic_load_n(&h->rows->n_used, __ATOMIC_RELAXED);

	while (n <= i && !__atomic_compare_exchange_n(&h->rows->n_used, &n, i + 1, false,
						      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
}

static unsigned cells_for(unsigned n_addresses)
{
	unsigned n = WINDOW;

	if (n_addresses == 0)
		return 0;
	/* A quarter full, so that hardly any window ever is. */
	while (n < CELLS_MAX && n / 4 < n_addresses)
		n *= 2;
	return n;
}

int headcount_init(struct headcount *h, unsigned n_rows, unsigned n_addresses)
{
	*h = (struct headcount){ .n_rows = n_rows, .n_cells = cells_for(n_addresses) };
	h->size = sizeof(*h->rows) + n_rows * row_size(h);
	if (getrandom(&h->secret, sizeof(h->secret), 0) != (ssize_t)sizeof(h->secret))
		return -EIO;
	h->rows = shared_new(h->size);
	return h->rows ? 0 : -ENOMEM;
}

void headcount_done(struct headcount *h)
{
	h->rows = shared_free(h->rows, h->size);
}

/* ---- rows */

static bool is_dead(int32_t owner)
{
	return owner != 0 && kill(owner, 0) < 0 && errno == ESRCH;
}

/* Its numbers are nobody's any more. */
static void clear(const struct headcount *h, struct headcount_row *row)
{
	__atomic_store_n(&row->n_all, 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < h->n_cells; i++) {
		if (row->cells[i].n != 0)
			__atomic_store_n(&row->cells[i].n, 0, __ATOMIC_RELAXED);
	}
}

int headcount_join(struct headcount *h)
{
	int32_t pid = (int32_t)getpid();

	h->own = NULL;
	for (unsigned i = 0; i < h->n_rows; i++) {
		struct headcount_row *row = row_at(h, i);
		int32_t owner = __atomic_load_n(&row->owner, __ATOMIC_RELAXED);

		if (is_dead(owner) &&
		    __atomic_compare_exchange_n(&row->owner, &owner, pid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			clear(h, row);
			__atomic_store_n(&row->owner, 0, __ATOMIC_RELEASE);
			owner = 0;
		}
		if (!h->own && owner == 0 &&
		    __atomic_compare_exchange_n(&row->owner, &owner, pid, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED)) {
			h->own = row;
			use(h, i);
		}
	}
	return h->own ? 0 : -EBUSY;
}

void headcount_leave(struct headcount *h)
{
	if (!h->own)
		return;
	clear(h, h->own);
	__atomic_store_n(&h->own->owner, 0, __ATOMIC_RELEASE);
	h->own = NULL;
}

/* ---- addresses */

int headcount_client(weir_str peer, struct inet *ret_inet)
{
	int r = inet_parse_name(peer, ret_inet);

	if (r >= 0 && !inet_is_v4(ret_inet))
		inet_mask(ret_inet, 64);
	return r;
}

static uint64_t tag_of(const struct headcount *h, const struct inet *inet)
{
	return siphash(&h->secret, (weir_str){ (const char *)inet->bytes, sizeof(inet->bytes) });
}

static struct cell *cell_at(const struct headcount *h, struct headcount_row *row, uint64_t tag,
			    unsigned i)
{
	return &row->cells[((tag >> 32) + i) & (h->n_cells - 1)];
}

static unsigned count_in_row(const struct headcount *h, struct headcount_row *row, uint64_t tag)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		const struct cell *cell = cell_at(h, row, tag, i);

		if (__atomic_load_n(&cell->tag, __ATOMIC_RELAXED) == tag)
			return __atomic_load_n(&cell->n, __ATOMIC_RELAXED);
	}
	return 0;
}

static unsigned count(const struct headcount *h, uint64_t tag)
{
	unsigned n = 0;

	for (unsigned i = 0, end = h->n_cells > 0 ? n_used(h) : 0; i < end; i++) {
		struct headcount_row *row = row_at(h, i);

		if (__atomic_load_n(&row->n_all, __ATOMIC_RELAXED) > 0)
			n += count_in_row(h, row, tag);
	}
	return n;
}

/* One more of that address in our row. Its cell, from 1; 0: its window is full of others. */
static unsigned add_to_cell(struct headcount *h, uint64_t tag)
{
	struct cell *found = NULL;

	for (unsigned i = 0; i < WINDOW; i++) {
		struct cell *cell = cell_at(h, h->own, tag, i);

		if (cell->tag == tag) {
			found = cell;
			break;
		}
		if (!found && cell->n == 0)
			found = cell;
	}
	if (!found)
		return 0;
	__atomic_store_n(&found->tag, tag, __ATOMIC_RELAXED);
	__atomic_store_n(&found->n, found->n + 1, __ATOMIC_RELAXED);
	return (unsigned)(found - h->own->cells) + 1;
}

/* ---- */

unsigned headcount_all(const struct headcount *h)
{
	unsigned n = 0;

	for (unsigned i = 0, end = n_used(h); i < end; i++)
		n += __atomic_load_n(&row_at(h, i)->n_all, __ATOMIC_RELAXED);
	return n;
}

unsigned headcount_from(const struct headcount *h, weir_str peer)
{
	struct inet inet;

	return headcount_client(peer, &inet) < 0 ? 0 : count(h, tag_of(h, &inet));
}

enum fault headcount_add(struct headcount *h, weir_str peer, bool has_address, unsigned *ret_label)
{
	struct inet inet;
	unsigned cell = 0;

	*ret_label = 0;
	if (!h->own)
		return FAULT_NONE;
	if (h->max_all > 0 && headcount_all(h) >= h->max_all)
		return FAULT_OVERLOADED;
	if (h->max_address > 0 && h->n_cells > 0 && has_address &&
	    headcount_client(peer, &inet) >= 0) {
		uint64_t tag = tag_of(h, &inet);

		if (count(h, tag) >= h->max_address)
			return FAULT_TOO_MANY;
		cell = add_to_cell(h, tag);
	}
	__atomic_store_n(&h->own->n_all, h->own->n_all + 1, __ATOMIC_RELAXED);
	*ret_label = cell + 1;
	return FAULT_NONE;
}

void headcount_drop(struct headcount *h, unsigned label)
{
	struct cell *cell;

	__atomic_store_n(&h->own->n_all, h->own->n_all - 1, __ATOMIC_RELAXED);
	if (label == 1)
		return;
	cell = &h->own->cells[label - 2];
	__atomic_store_n(&cell->n, cell->n - 1, __ATOMIC_RELAXED);
}
