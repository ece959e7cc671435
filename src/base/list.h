#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H
/*
 * list.h - a circular, doubly linked list whose links are embedded in what it
 * links. A link that is not in a list points to itself, so list_del() on it is
 * harmless and list_is_empty() answers "not linked".
 */
#include <stdbool.h>

#include "base/macro.h"

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *l)
{
	l->prev = l;
	l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts item before where: at the tail, if where is the list's head. */
static inline void list_add_tail(struct list *where, struct list *item)
{
	item->prev = where->prev;
	item->next = where;
	where->prev->next = item;
	where->prev = item;
}

static inline void list_add_head(struct list *where, struct list *item)
{
	list_add_tail(where->next, item);
}

static inline void list_del(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

static inline void list_move_tail(struct list *where, struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_add_tail(where, item);
}

/* All of from, in order, to the end of to; from is empty afterwards. */
/* item stands where old stood, which is in no list then. Items must not be copied while they are linked. */
static inline void list_replace(struct list *old, struct list *item)
{
	list_init(item);
	list_add_tail(old, item);
	list_del(old);
}

static inline void list_splice_tail(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* The first item, taken out; NULL when the list is empty. */
static inline struct list *list_pop(struct list *l)
{
	struct list *item = l->next;

	if (item == l)
		return NULL;
	list_del(item);
	return item;
}

#define list_entry(link, type, member) container_of(link, type, member)

#define list_for_each(it, l) for (struct list *it = (l)->next; it != (l); it = it->next)

/* The body may unlink or free the current item, and no other. */
#define list_for_each_safe(it, l)                                           \
	for (struct list *it = (l)->next, *it##_next = it->next; it != (l); \
	     it = it##_next, it##_next = it->next)

#endif
