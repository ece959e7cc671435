/* h1_trailer.c - memory only: h1_guard judges the section, h1_read takes it apart. */
#include "proto/h1_trailer.h"

#include <assert.h>

struct h1_trailers *h1_trailer_new(size_t max_bytes)
{
	struct h1_trailers *t = calloc(1, sizeof(*t));

	if (t)
		buf_init(&t->bytes, max_bytes);
	return t;
}

struct h1_trailers *h1_trailer_free(struct h1_trailers *t)
{
	if (!t)
		return NULL;
	buf_done(&t->bytes);
	free(t->fields);
	free(t);
	return NULL;
}

int h1_trailer_make_room(struct h1_trailers *t, size_t n_fields)
{
	assert(!t->fields && n_fields > 0);
	t->fields = calloc(n_fields, sizeof(*t->fields));
	return t->fields ? 0 : -ENOMEM;
}
