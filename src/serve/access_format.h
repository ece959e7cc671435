#ifndef WEIR_SERVE_ACCESS_FORMAT_H
#define WEIR_SERVE_ACCESS_FORMAT_H
/*
 * access_format.h - what a line of the access log says:
 *
 *	combined		as every log reader knows it: access_line.h
 *	json			an object with all there is
 *	{client} {status} ...	fields between text; {{ and }} are braces
 *
 * A field that has no value is "-", in JSON null. The most that a line has is
 * ACCESS_LINE_MAX bytes: long fields are cut.
 */
#include <stdbool.h>
#include <stddef.h>
#include <weir/base.h>

#include "base/clock.h"
#include "base/macro.h"
#include "serve/access_line.h"

struct access_format;

/*
 * -EINVAL: it makes no sense; *reterr_words says how, *reterr_field is the field that there is
 * none of, or empty. -ENOMEM.
 */
MUST_USE int access_format_new(weir_str text, struct access_format **ret_format,
			       const char **reterr_words, weir_str *reterr_field);
struct access_format *access_format_free(struct access_format *format);
DEFINE_CLEANUP(struct access_format, access_format_free)

/* "combined": access_line_format() writes it, and nothing of this is needed. */
bool access_format_is_combined(weir_str text);
/* It has one of the times that are only measured for it. */
bool access_format_has_phases(const struct access_format *format);
/* Names of fields, from 0 on; NULL behind the last. */
const char *access_format_field(size_t i);

/* Names of fields of a request's head that it has, in lower case; ptr NULL behind the last. */
weir_str access_format_header(const struct access_format *format, size_t i);

/* When a line is written: both are made once a second. */
struct access_format_date {
	const char *log; /* CLOCK_LOG_DATE */
	const char *iso; /* CLOCK_ISO_DATE */
};

/* As access_line_format(). */
size_t access_format_line(const struct access_format *format, char ret_text[ACCESS_LINE_MAX],
			  const struct access_log_line *line,
			  const struct access_format_date *date);

#endif
