/* ws_note.c - see ws_note.h. A line, and the texts that it points to. */
#include "serve/ws_note.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "proto/fields.h"
#include "serve/access_log.h"
#include "serve/exchange.h"
#include "serve/exchange_log.h"
#include "serve/ws_session.h"

/* Of each text: more than that no line has room for. */
#define TEXT_MAX ((size_t)1024)

struct ws_note {
	struct access_log *access_log;	      /* borrowed */
	const struct exchange_log_rule *rule; /* borrowed: the route's */
	int64_t started_ms;
	struct ws_counts counts;
	struct access_log_line line;
	weir_header headers[]; /* those that lines have; all texts stand behind them */
};

#define N_TEXTS 11

static void texts_of(struct access_log_line *line, weir_str *ret_texts[N_TEXTS])
{
	weir_str *const texts[N_TEXTS] = { &line->client,     &line->method,	 &line->target,
					   &line->referer,    &line->user_agent, &line->scheme,
					   &line->host,	      &line->route,	 &line->handler,
					   &line->request_id, &line->trace_id };

	memcpy(ret_texts, texts, sizeof(texts));
}

/* As much of it as is kept. */
static weir_str cut(weir_str text)
{
	return (weir_str){ text.ptr, text.len < TEXT_MAX ? text.len : TEXT_MAX };
}

/* The field of the head that is the i-th of those in a line. Its name, the format's, lasts. */
static weir_header header(const struct access_log *access_log, const struct exchange *ex, size_t i)
{
	weir_str name = access_log_header(access_log, i);

	return (weir_header){ name, cut(fields_get(ex->head.fields, ex->head.n_fields, name)) };
}

/* The text is now at out; where it ends. */
static char *move_text(weir_str *text, char *out)
{
	char *start = out;

	if (text->len > 0)
		out = mempcpy(out, text->ptr, text->len);
	text->ptr = start;
	return out;
}

static void copy_texts(struct ws_note *note, const struct exchange *ex, size_t n_headers)
{
	char *out = (char *)(note->headers + n_headers);
	weir_str *texts[N_TEXTS];

	texts_of(&note->line, texts);
	for (size_t i = 0; i < N_TEXTS; i++) {
		*texts[i] = cut(*texts[i]);
		out = move_text(texts[i], out);
	}
	for (size_t i = 0; i < n_headers; i++) {
		note->headers[i] = header(note->access_log, ex, i);
		out = move_text(&note->headers[i].value, out);
	}
	note->line.headers = note->headers;
	note->line.n_headers = n_headers;
}

struct ws_note *ws_note_new(struct access_log *access_log, const struct exchange *ex,
			    int64_t now_ms)
{
	struct access_log_line line;
	weir_str *texts[N_TEXTS];
	struct ws_note *note;
	size_t len = 0, n_headers = 0;

	if (!access_log || !ex->is_logged)
		return NULL;
	exchange_log_fill(ex, &line);
	texts_of(&line, texts);
	for (size_t i = 0; i < N_TEXTS; i++)
		len += cut(*texts[i]).len;
	for (; access_log_header(access_log, n_headers).ptr; n_headers++)
		len += header(access_log, ex, n_headers).value.len;
	note = malloc(sizeof(*note) + n_headers * sizeof(weir_header) + len);
	if (!note)
		return NULL;
	*note = (struct ws_note){
		.access_log = access_log, .rule = ex->log_rule, .started_ms = now_ms, .line = line
	};
	copy_texts(note, ex, n_headers);
	return note;
}

struct ws_counts *ws_note_counts(struct ws_note *note)
{
	return &note->counts;
}

/* Neither side had anything to complain about: normal, going away, without a code, restart. */
static bool is_error(int code)
{
	return code != 1000 && code != 1001 && code != 1005 && code != 1012;
}

struct ws_note *ws_note_end(struct ws_note *note, const struct ws_session *s, int64_t now_ms)
{
	struct access_log_line *line;

	if (!note)
		return NULL;
	line = &note->line;
	line->status = 101;
	line->is_session_end = true;
	line->close_code = s->close_code;
	line->duration_us = (uint64_t)(now_ms - note->started_ms) * 1000;
	line->bytes = note->counts.bytes_out;
	line->received = note->counts.bytes_in;
	line->messages_in = note->counts.n_in;
	line->messages_out = note->counts.n_out;
	line->queue_us = line->handler_us = line->job_us = line->write_us = 0;
	if (exchange_log_is_wanted(note->rule, line, is_error(line->close_code)))
		access_log_write(note->access_log, line);
	free(note);
	return NULL;
}
