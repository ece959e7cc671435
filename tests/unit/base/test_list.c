/* test_list.c - see base/list.h. */
#include "base/list.h"

#include <criterion/criterion.h>

struct item {
	int n;
	struct list link;
};

/* The numbers in order, as one decimal number: 1, 2, 3 is 123. */
static int digits(const struct list *l)
{
	int sum = 0;

	for (const struct list *it = l->next; it != l; it = it->next)
		sum = sum * 10 + list_entry(it, struct item, link)->n;
	return sum;
}

Test(list, is_empty_at_first)
{
	struct list l = LIST_INIT(l);
	struct list made;

	list_init(&made);
	cr_assert(list_is_empty(&l));
	cr_assert(list_is_empty(&made));
	cr_assert_null(list_pop(&l));
}

Test(list, adds_at_both_ends)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &b.link);
	list_add_tail(&l, &c.link);
	list_add_head(&l, &a.link);
	cr_assert_eq(digits(&l), 123);
}

Test(list, adds_before_any_item)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &c.link);
	list_add_tail(&c.link, &b.link);
	cr_assert_eq(digits(&l), 123);
}

Test(list, deletes_and_forgets)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	list_add_tail(&l, &c.link);
	list_del(&b.link);
	cr_assert_eq(digits(&l), 13);
	cr_assert(list_is_empty(&b.link));
}

Test(list, deletes_what_is_not_linked_without_harm)
{
	struct item a;

	list_init(&a.link);
	list_del(&a.link);
	list_del(&a.link);
	cr_assert(list_is_empty(&a.link));
}

Test(list, moves_to_the_tail)
{
	struct item a = { .n = 1 }, b = { .n = 2 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	list_move_tail(&l, &a.link);
	cr_assert_eq(digits(&l), 21);
	list_move_tail(&l, &a.link);
	cr_assert_eq(digits(&l), 21, "the last one stays where it is");
}

Test(list, moves_between_lists)
{
	struct item a = { .n = 1 }, b = { .n = 2 };
	struct list from = LIST_INIT(from), to = LIST_INIT(to);

	list_add_tail(&from, &a.link);
	list_add_tail(&to, &b.link);
	list_move_tail(&to, &a.link);
	cr_assert(list_is_empty(&from));
	cr_assert_eq(digits(&to), 21);
}

Test(list, splices_in_order_and_empties_the_source)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 }, d = { .n = 4 };
	struct list to = LIST_INIT(to), from = LIST_INIT(from);

	list_add_tail(&to, &a.link);
	list_add_tail(&to, &b.link);
	list_add_tail(&from, &c.link);
	list_add_tail(&from, &d.link);
	list_splice_tail(&to, &from);
	cr_assert_eq(digits(&to), 1234);
	cr_assert(list_is_empty(&from));
}

Test(list, splices_nothing)
{
	struct item a = { .n = 1 };
	struct list to = LIST_INIT(to), from = LIST_INIT(from);

	list_add_tail(&to, &a.link);
	list_splice_tail(&to, &from);
	cr_assert_eq(digits(&to), 1);
}

Test(list, splices_into_an_empty_list)
{
	struct item a = { .n = 1 }, b = { .n = 2 };
	struct list to = LIST_INIT(to), from = LIST_INIT(from);

	list_add_tail(&from, &a.link);
	list_add_tail(&from, &b.link);
	list_splice_tail(&to, &from);
	cr_assert_eq(digits(&to), 12);
}

Test(list, pops_from_the_front)
{
	struct item a = { .n = 1 }, b = { .n = 2 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	cr_assert_eq(list_pop(&l), &a.link);
	cr_assert(list_is_empty(&a.link));
	cr_assert_eq(list_pop(&l), &b.link);
	cr_assert_null(list_pop(&l));
}

Test(list, may_lose_the_current_item_while_it_is_walked)
{
	struct item items[] = { { .n = 1 }, { .n = 2 }, { .n = 3 }, { .n = 4 } };
	struct list l = LIST_INIT(l);

	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		list_add_tail(&l, &items[i].link);
	list_for_each_safe (it, &l) {
		if (list_entry(it, struct item, link)->n % 2 == 0)
			list_del(it);
	}
	cr_assert_eq(digits(&l), 13);
}

Test(list, walks_in_order)
{
	struct item a = { .n = 1 }, b = { .n = 2 };
	struct list l = LIST_INIT(l);
	int seen = 0;

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	list_for_each (it, &l)
		seen = seen * 10 + list_entry(it, struct item, link)->n;
	cr_assert_eq(seen, 12);
}

Test(list, replaces_an_item_where_it_stands)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 }, other = { .n = 9 };
	struct list l = LIST_INIT(l);

	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	list_add_tail(&l, &c.link);
	list_replace(&b.link, &other.link);
	cr_assert_eq(digits(&l), 193);
	cr_assert(list_is_empty(&b.link));
}

Test(list, replaces_one_that_is_in_no_list)
{
	struct item a = { .n = 1 }, other = { .n = 9 };

	list_init(&a.link);
	list_replace(&a.link, &other.link);
	cr_assert(list_is_empty(&a.link));
	cr_assert(list_is_empty(&other.link));
}
