#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H
/*
 * str.h - questions about borrowed bytes. The type itself is weir_str, the
 * same word that module authors use.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <weir/base.h>

#include "base/macro.h"

/* ASCII only: HTTP's case-insensitive words are ASCII (RFC 9110, section 5.1). */
bool str_eq_nocase(weir_str a, weir_str b);
bool str_starts(weir_str s, weir_str prefix);
weir_str str_trim(weir_str s); /* spaces and tabs at both ends: OWS of RFC 9110, section 5.6.3 */

/* Cuts *rest at the next sep: the part before it; *rest is what follows, ptr NULL when none does. */
weir_str str_split(weir_str *rest, char sep);
/* The next len bytes, as they are; *rest is what follows. -EPROTO: there are fewer. */
MUST_USE int str_cut(weir_str *rest, void *ret_bytes, size_t len);

/* Digits only, no sign: else -EINVAL. -ERANGE for a number that does not fit. */
MUST_USE int str_to_u64(weir_str s, uint64_t *ret_value);

/* A copy at out; the end of it. Most are short, and a call of memcpy costs more than they do. */
static inline char *str_put(char *out, weir_str s);

/* Its decimal digits at out; the end of them. There are no more than STR_DIGITS_MAX. */
#define STR_DIGITS_MAX 20
char *str_put_u64(char *out, uint64_t value);

/* All of it, whole characters only; utf8.h for what comes in pieces. */
bool str_is_utf8(weir_str s);

/* The name of a negative errno, such as "ENOENT"; or "an unknown error", whatever number that is. */
const char *str_error_name(int error);

/* NUL-terminated copy, freed by the caller; NULL without memory. */
char *str_dup(weir_str s);

/* A hash for tables whose keys come from the operator, not from clients. */
uint64_t str_hash(weir_str s);

/* Edits (insert, delete, replace, swap of neighbours) from a to b; for "did you mean". */
size_t str_distance(weir_str a, weir_str b);

/* Two copies of so many bytes each, the first and the last, are a string of up to twice as many. */
static inline char *str_put_ends(char *out, weir_str s, size_t n)
{
	memcpy(out, s.ptr, n);
	memcpy(out + s.len - n, s.ptr + s.len - n, n);
	return out + s.len;
}

static inline char *str_put(char *out, weir_str s)
{
	if (s.len >= 16)
		return s.len <= 32 ? str_put_ends(out, s, 16) : mempcpy(out, s.ptr, s.len);
	if (s.len >= 8)
		return str_put_ends(out, s, 8);
	if (s.len >= 4)
		return str_put_ends(out, s, 4);
	if (s.len >= 2)
		return str_put_ends(out, s, 2);
	if (s.len == 1)
		*out = *s.ptr;
	return out + s.len;
}

#endif
