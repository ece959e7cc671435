#ifndef WEIR_SERVE_WS_NOTE_H
#define WEIR_SERVE_WS_NOTE_H
/*
 * ws_note.h - what is kept of a WebSocket's handshake for the line that the access
 * log has when the session is over: the request itself is gone by then.
 */
#include <stdint.h>

struct access_log;
struct exchange;
struct ws_note;
struct ws_counts;
struct ws_session;

/*
 * When it is accepted. NULL: it has no such line, or there is no memory, which is worth no
 * session.
 */
struct ws_note *ws_note_new(struct access_log *access_log, const struct exchange *ex,
			    int64_t now_ms);
/* Of this session; for who counts. */
struct ws_counts *ws_note_counts(struct ws_note *note);
/* The session is over: writes the line, unless the route does not want it. */
struct ws_note *ws_note_end(struct ws_note *note, const struct ws_session *s, int64_t now_ms);

#endif
