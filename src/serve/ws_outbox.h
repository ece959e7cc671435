#ifndef WEIR_SERVE_WS_OUTBOX_H
#define WEIR_SERVE_WS_OUTBOX_H
/*
 * ws_outbox.h - messages that go: see ws_session.h. A message goes straight
 * into the tunnel's queue while that has room. What then happens is the route's
 * policy: its sender waits, or messages wait in an outbox that is made for them
 * and has limits.
 */
#include <sys/types.h>

#include "base/macro.h"
#include "serve/ws_session.h"

/*
 * Begins a message or, behind one that was not the last, a part of it: how
 * many bytes of payload were taken, copied. If that is less, the rest has to go by
 * ws_outbox_more() before anything else. -EAGAIN: there is no room; writable()
 * follows when there is some. -EPIPE: the session is not open. -ENOMEM.
 * Then, and after ws_outbox_more(), ws_session_tell(): what had to wait for its end may have closed
 * the session.
 */
MUST_USE ssize_t ws_outbox_begin(struct ws_session *s, bool is_text, bool is_last,
				 weir_str payload);
/* Would ws_outbox_begin() take all of a message of this length, and use little stack for it? */
static inline bool ws_outbox_is_quick(struct ws_session *s, size_t len)
{
	return s->state == WS_OPEN && len <= WS_WRITE_CONTROL_MAX && s->deflate_bits == 0 &&
	       !s->outbox && s->frame_left == 0 && !s->is_in_message && tunnel_has_room(s->tunnel);
}
/* How many more bytes were taken; 0: wait for writable(). A failure has cut off the session. */
MUST_USE ssize_t ws_outbox_more(struct ws_session *s, weir_str rest);
/*
 * Who was to wait for writable() does not wait any more. After writable() one of these three has to be
 * called: nothing relayed goes before that.
 */
void ws_outbox_waive(struct ws_session *s);
/*
 * A whole message, of a route that does not wait for its clients: taken, copied,
 * however slow the peer. For that older ones may go, or the session, as the
 * policy says. -EPIPE, -ENOMEM.
 */
MUST_USE int ws_outbox_post(struct ws_session *s, bool is_text, weir_str payload);

/* For ws_session.c and ws_inbox.c. False: not now; others go as soon as they may. */
bool ws_outbox_ping(struct ws_session *s);
void ws_outbox_pong(struct ws_session *s, weir_str payload);
void ws_outbox_close(struct ws_session *s, int code, weir_str reason);
/* There is room: what waits goes on. */
void ws_outbox_pump(struct ws_session *s);
/* Its outbox has come with it from another place. */
void ws_outbox_move(struct ws_session *s);
/* Nothing will go any more. */
void ws_outbox_end(struct ws_session *s);

#endif
