/* publication.c - see publication.h: the struct, then the room, the bytes, the names. */
#include "serve/publication.h"

#include <stdlib.h>

#include "base/str.h"

struct publication *publication_new(const struct publication_view *view)
{
	struct publication *p;
	size_t size = sizeof(*p) + PUBLICATION_ROOM + view->scope.len + view->name.len;
	char *out;

	if (__builtin_add_overflow(size, view->bytes.len, &size))
		return NULL;
	p = malloc(size);
	if (!p)
		return NULL;
	*p = (struct publication){ .view = *view, .n_refs = 1, .size = size };
	out = (char *)(p + 1) + PUBLICATION_ROOM;
	p->view.bytes.ptr = out;
	out = str_put(out, view->bytes);
	p->view.scope.ptr = out;
	out = str_put(out, view->scope);
	p->view.name.ptr = out;
	(void)str_put(out, view->name);
	return p;
}

/* Nobody has a reference any more. */
struct publication *publication_free(struct publication *p)
{
	if (p->forms)
		p->free_forms(p->forms);
	free(p);
	return NULL;
}
