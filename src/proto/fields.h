#ifndef WEIR_PROTO_FIELDS_H
#define WEIR_PROTO_FIELDS_H
/*
 * fields.h - questions about a list of fields whose names are lower-case, as
 * h1_read makes them.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"

struct arena;

/* The first of that name, lower-case; NULL. */
const weir_header *fields_find(const weir_header *fields, size_t n_fields, weir_str name);
/* Its value; ptr NULL when absent. */
weir_str fields_get(const weir_header *fields, size_t n_fields, weir_str name);

/*
 * The value of one that is no list, and so may be there once (RFC 9110, section 5.3); ptr NULL when
 * it is absent. False: there are several, which mean nothing. ret_value is then untouched.
 */
MUST_USE bool fields_get_only(const weir_header *fields, size_t n_fields, weir_str name,
			      weir_str *ret_value);

/*
 * The next element of a comma-separated value, trimmed; empty ones are left
 * out, and a comma inside a quoted string does not separate (RFC 9110, section
 * 5.6.1). Start with *rest the whole value; false when none is left.
 */
bool fields_next_element(weir_str *rest, weir_str *ret_element);

/* Is token among the elements of all fields of that name? Letter case is ignored. */
bool fields_has_token(const weir_header *fields, size_t n_fields, weir_str name, weir_str token);

/*
 * All values of that name as one, in order, joined by ", " (cookies by "; ",
 * RFC 9113 section 8.2.3); ptr NULL when absent. Copies only when there are
 * several; then -ENOMEM is possible.
 */
MUST_USE int fields_combine(struct arena *arena, const weir_header *fields, size_t n_fields,
			    weir_str name, weir_str *ret_value);

#endif
