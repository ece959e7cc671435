#ifndef WEIR_SERVE_WS_FRAMES_H
#define WEIR_SERVE_WS_FRAMES_H
/*
 * ws_frames.h - messages into frames, plain or compressed, at the end of the tunnel's queue. What
 * may go now, and what has to wait for whom, is not asked here: see ws_outbox.h.
 */
#include <sys/types.h>

#include "base/macro.h"
#include "serve/ws_session.h"

/* Is the rest of a part awaited, by ws_frames_more()? */
static inline bool ws_frames_is_busy(const struct ws_session *s)
{
	return s->frame_left > 0;
}

/* Is the next byte the first of a frame? */
static inline bool ws_frames_may_interrupt(const struct ws_session *s)
{
	return s->frame_left == 0 || s->is_deflating;
}

/* And of a message? */
static inline bool ws_frames_is_between(const struct ws_session *s)
{
	return s->frame_left == 0 && !s->is_in_message && !s->is_deflating;
}

/*
 * Begins a message or, behind one that was not the last, a part of it: how many bytes of payload
 * were taken, copied. If that is less, writable() is owed, and the rest has to go by
 * ws_frames_more(). -ENOMEM; what fails behind a header has cut off the session.
 */
MUST_USE ssize_t ws_frames_begin(struct ws_session *s, bool is_text, bool is_last,
				 weir_str payload);
/* How many more bytes were taken. A failure has cut off the session. */
MUST_USE ssize_t ws_frames_more(struct ws_session *s, weir_str rest);
/* A whole message, between others, whatever room there is. A failure has cut off the session. */
MUST_USE int ws_frames_put(struct ws_session *s, bool is_text, weir_str payload);
/* A ping or a pong, if ws_frames_may_interrupt(), whatever room there is. It may have cut off the session. */
void ws_frames_control(struct ws_session *s, enum ws_opcode opcode, weir_str payload);

/* It has been quiet: what is only kept to be quicker is given back. */
void ws_frames_rest(struct ws_session *s);
/* Nothing will go any more. */
void ws_frames_end(struct ws_session *s);

#endif
