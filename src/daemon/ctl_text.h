#ifndef WEIR_DAEMON_CTL_TEXT_H
#define WEIR_DAEMON_CTL_TEXT_H
/*
 * ctl_text.h - what the ctl process answers, as lines: of use to people with nc(1)
 * as well. A command is one line of words, its answer is
 *
 *	T <tab> name <tab> column <tab> column ...	a table begins; a column is NAME:TYPE,
 *							s text, n number, b bytes, m milliseconds,
 *							u microseconds
 *	R <tab> cell <tab> cell ...			a row of it; an empty cell is not known
 *	N <tab> words					a note: something is missing from the answer
 *	E <tab> words					the command was refused, or has failed
 *	.						the end of the answer
 *
 * In cells and words a tab is \t, a line's end \n, a backslash \\, any other control
 * character \xHH.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"

/* All of these write nothing, rather than half a line, where there is no room; who asks is told by .r. */
struct ctl_text {
	struct buf *out; /* borrowed */
	size_t line;	 /* where the line began that is being written */
	int r;		 /* 0, or what went wrong first */
};

void ctl_text_init(struct ctl_text *text, struct buf *out);
/* columns: with tabs between them, as they stand. */
void ctl_text_table(struct ctl_text *text, const char *name, const char *columns);
void ctl_text_note(struct ctl_text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
void ctl_text_error(struct ctl_text *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
void ctl_text_end(struct ctl_text *text);

/* A row: begin, cells in the order of the columns, end. */
void ctl_text_row(struct ctl_text *text);
void ctl_text_cell(struct ctl_text *text, weir_str value);
void ctl_text_number(struct ctl_text *text, int64_t value);
void ctl_text_unknown(struct ctl_text *text);
/* Cells that somebody else has written, with a tab before each. */
void ctl_text_cells(struct ctl_text *text, weir_str cells);
void ctl_text_row_end(struct ctl_text *text);

/* Back from a cell to what it says: appended. -EPROTO, -ENOMEM. */
MUST_USE int ctl_text_unescape(weir_str cell, struct buf *out);
/* Takes the first line, without its end, off rest; false when there is no whole one. */
bool ctl_text_line(weir_str *rest, weir_str *ret_line);

#endif
