#ifndef WEIR_SERVE_WS_INBOX_H
#define WEIR_SERVE_WS_INBOX_H
/* ws_inbox.h - messages that come: see ws_session.h. */
#include "base/macro.h"
#include "serve/ws_session.h"

/*
 * 1 and a piece of a message, or with is_whole a whole one (is_first and is_last
 * are set); 0: the session is closed, by either side; -EPIPE: it was lost;
 * -EAGAIN: readable() follows. Valid until the next call.
 */
MUST_USE int ws_inbox_next(struct ws_session *s, bool is_whole, struct ws_event *ret_event);
/* Will it read no frame, because a message is ready, or nothing has come? */
static inline bool ws_inbox_is_quick(const struct ws_session *s)
{
	bool has_bytes = s->tunnel && (s->tunnel->in || ws_read_has_more(&s->read));

	if (!has_bytes)
		return true;
	return !s->is_out &&
	       (s->is_assembled || (s->has_piece && s->is_piece_first && s->is_piece_last));
}
/* What was pulled last is not needed any more; nothing, if that is known already. */
void ws_inbox_release(struct ws_session *s);

/* Of a session that is not open any more. Nobody pulls: what comes is thrown away, until the peer's close frame. */
void ws_inbox_discard(struct ws_session *s);

/* For ws_session.c: takes what has come, as far as somebody wants it. True: there is something to say. */
bool ws_inbox_pump(struct ws_session *s);
/* For the same: nothing will come any more. What is pulled stays until it is released. */
void ws_inbox_end(struct ws_session *s);

#endif
