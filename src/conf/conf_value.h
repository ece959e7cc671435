#ifndef WEIR_CONF_CONF_VALUE_H
#define WEIR_CONF_CONF_VALUE_H
/*
 * conf_value.h - single values as people write them, and back again. Nothing
 * here knows which option a value is for.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"

/* -EINVAL: not of this form; -ERANGE: of this form, but too large for anything. */

/* Each unit there is, the largest first; name is NULL at the end, "" where none is needed. */
struct conf_value_unit {
	const char *name;
	uint64_t factor;
};
extern const struct conf_value_unit conf_value_sizes[], conf_value_rates[], conf_value_durations[];

/* "4096". */
MUST_USE int conf_value_count(weir_str s, uint64_t *ret_count);
/* "4096", "64KiB", "1MiB", "2GiB", "100B"; 1 KiB is 1024 bytes. */
MUST_USE int conf_value_size(weir_str s, uint64_t *ret_bytes);
/* "250ms", "10s", "2m", "1h"; a bare "0" too. */
MUST_USE int conf_value_duration(weir_str s, uint64_t *ret_ms);
/* "240B/s", "1KiB/s"; a bare "0" too. */
MUST_USE int conf_value_rate(weir_str s, uint64_t *ret_rate);
/* "true", "false". */
MUST_USE int conf_value_bool(weir_str s, bool *ret_value);
/* Octal permission bits: "0660", "660", "0o660". */
MUST_USE int conf_value_mode(weir_str s, unsigned *ret_mode);

/* The shortest exact way to write it: "64KiB", "10s". */
#define CONF_VALUE_TEXT 32
const char *conf_value_size_text(uint64_t bytes, char ret_text[CONF_VALUE_TEXT]);
const char *conf_value_rate_text(uint64_t rate, char ret_text[CONF_VALUE_TEXT]);
const char *conf_value_duration_text(uint64_t ms, char ret_text[CONF_VALUE_TEXT]);

/*
 * Replaces ${NAME} and ${NAME:-default} by what the environment says; the
 * default also stands for an empty variable; $${ stands for ${ itself. Appends
 * to out. -EINVAL: malformed, or the variable is not set and has no default;
 * then *reterr_words says which, and *reterr_name (in s) is the variable.
 */
MUST_USE int conf_value_expand(weir_str s, struct buf *out, const char **reterr_words,
			       weir_str *reterr_name);

#endif
