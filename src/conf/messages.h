#ifndef WEIR_CONF_MESSAGES_H
#define WEIR_CONF_MESSAGES_H
/*
 * messages.h - problems of a configuration, collected so that the operator
 * sees all of them at once:
 *
 *	weir.yaml:3:1: unknown key "wokers"; did you mean "workers"?
 *	  wokers: 3
 *	  ^
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"
#include "conf/conf.h"

struct message {
	struct conf_pos pos; /* file is a copy, owned */
	char *text;	     /* owned */
	bool is_warning;
	size_t order; /* as they were added */
};

struct messages {
	struct message *items; /* owned */
	size_t n_items, cap;
	size_t n_errors;  /* also those that there was no room for */
	size_t n_dropped; /* beyond what anybody reads, or without memory */
	char *file;	  /* owned: the file that source is */
	struct buf source;
};

void messages_init(struct messages *m);
void messages_done(struct messages *m);

/* The text that messages about file quote lines of; copied. */
MUST_USE int messages_set_source(struct messages *m, const char *file, weir_str source);

/* pos may be NULL. Never fails: without memory the message is counted only. */
void messages_add(struct messages *m, const struct conf_pos *pos, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void messages_warn(struct messages *m, const struct conf_pos *pos, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Of those that were added, forgets all but so many from there on; before they are sorted. */
void messages_keep(struct messages *m, size_t from, size_t n);

/* By file, line and column; those without a place last. */
void messages_sort(struct messages *m);

/* All of them, with the lines they are about. */
MUST_USE int messages_format(const struct messages *m, struct buf *out);
/* The same to a descriptor, as well as it takes it. */
void messages_write(const struct messages *m, int fd);

/*
 * From one process to another: pack appends every message to out, unpack adds
 * what was packed. -EBADMSG for bytes that pack did not write.
 */
MUST_USE int messages_pack(const struct messages *m, struct buf *out);
MUST_USE int messages_unpack(struct messages *m, weir_str packed);

/*
 * The candidate that word was probably meant to be; NULL when none is near.
 * Offer candidates one by one; *best starts as {0}.
 */
struct messages_guess {
	const char *text;
	size_t distance;
};
void messages_guess(struct messages_guess *best, weir_str word, const char *candidate);

/* At most 60 bytes of text, whole characters: "what…". */
#define MESSAGES_QUOTE 80
const char *messages_quote(weir_str text, char ret_quote[MESSAGES_QUOTE]);

#endif
