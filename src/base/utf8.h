#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H
/*
 * utf8.h - is a text that comes in pieces UTF-8? Shortest form, no surrogates,
 * at most U+10FFFF (RFC 3629). A piece may end inside a character.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* Three bytes: every session that is inside a text message keeps one. */
struct utf8 {
	uint8_t n_left;	     /* bytes that the character lacks; 0: between characters */
	uint8_t first, last; /* between which its next byte must be */
};

void utf8_init(struct utf8 *u);

/*
 * false as soon as no text could go on like this: at the first wrong byte, not
 * at the end of its character. Then only utf8_init() may follow.
 */
MUST_USE bool utf8_feed(struct utf8 *u, weir_str bytes);

/* For a text that is all there. */
MUST_USE bool utf8_is_whole(weir_str text);

/* May the text end here? */
static inline bool utf8_is_complete(const struct utf8 *u)
{
	return u->n_left == 0;
}

#endif
