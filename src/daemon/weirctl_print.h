#ifndef WEIR_DAEMON_WEIRCTL_PRINT_H
#define WEIR_DAEMON_WEIRCTL_PRINT_H
/*
 * weirctl_print.h - the text of an answer (daemon/ctl_text) for people, or as JSON:
 * {"daemon": [{"version": "0.1.0", ...}], "notes": [], "errors": []}.
 */
#include <stdio.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"

/* How it ended. */
struct weirctl_outcome {
	unsigned n_notes, n_errors;
};

/* Tables; notes and errors are for err, and are counted. -EPROTO: that is no answer; -ENOMEM. */
MUST_USE int weirctl_print_people(weir_str answer, struct buf *out, FILE *err,
				  struct weirctl_outcome *ret_outcome);
MUST_USE int weirctl_print_json(weir_str answer, struct buf *out,
				struct weirctl_outcome *ret_outcome);
/* The number in a column of the n-th row of a table; -1: there is none. */
long long weirctl_print_find(weir_str answer, const char *table, unsigned n, const char *column);

#endif
