/* test_publication.c - one allocation, shared. */
#include "serve/publication.h"

#include <criterion/criterion.h>
#include <string.h>

#include "oom.h"

static struct publication_view some_view(void)
{
	return (struct publication_view){ .scope = WEIR_STR("shop"),
					  .name = WEIR_STR("orders/1"),
					  .bytes = WEIR_STR("paid"),
					  .is_binary = true,
					  .published_ms = 77 };
}

Test(publication, copies_what_it_consists_of)
{
	char bytes[] = "paid";
	struct publication_view view = some_view();
	struct publication *p;

	view.bytes.ptr = bytes;
	p = publication_new(&view);
	memset(bytes, 'x', sizeof(bytes));
	cr_assert(weir_str_eq(p->view.scope, WEIR_STR("shop")));
	cr_assert(weir_str_eq(p->view.name, WEIR_STR("orders/1")));
	cr_assert(weir_str_eq(p->view.bytes, WEIR_STR("paid")));
	cr_assert(p->view.is_binary);
	cr_assert_eq(p->view.published_ms, 77);
	cr_assert_null(publication_unref(p));
}

Test(publication, may_be_of_nothing)
{
	struct publication *p = publication_new(&(struct publication_view){ 0 });

	cr_assert_eq(p->view.bytes.len, 0);
	cr_assert_eq(p->view.name.len, 0);
	cr_assert_null(publication_unref(p));
}

Test(publication, has_room_for_a_header_in_front_of_its_bytes)
{
	struct publication_view view = some_view();
	struct publication *p = publication_new(&view);
	char *room = (char *)p->view.bytes.ptr - PUBLICATION_ROOM;

	cr_assert_geq(room, (char *)(p + 1));
	memset(room, 'h', PUBLICATION_ROOM);
	cr_assert(weir_str_eq(p->view.bytes, WEIR_STR("paid")));
	cr_assert(weir_str_eq(p->view.scope, WEIR_STR("shop")));
	cr_assert_eq(p->n_refs, 1);
	cr_assert_null(publication_unref(p));
}

static void count_free(void *forms)
{
	++*(int *)forms;
}

Test(publication, frees_its_forms_with_its_last_reference)
{
	struct publication_view view = some_view();
	struct publication *p = publication_new(&view);
	int n_freed = 0;

	p->forms = &n_freed;
	p->free_forms = count_free;
	cr_assert_eq(publication_ref(p), p);
	cr_assert_null(publication_unref(p));
	cr_assert_eq(n_freed, 0);
	cr_assert_null(publication_unref(p));
	cr_assert_eq(n_freed, 1);
	cr_assert_null(publication_unref(NULL));
}

Test(publication, without_memory_is_none)
{
	struct publication_view view = some_view();

	oom_fail_at(1);
	cr_assert_null(publication_new(&view));
	cr_assert(oom_has_failed());
	view.bytes.len = SIZE_MAX - 8;
	cr_assert_null(publication_new(&view));
}
