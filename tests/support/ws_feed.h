#ifndef WEIR_TESTS_WS_FEED_H
#define WEIR_TESTS_WS_FEED_H
/*
 * ws_feed.h - a WebSocket session without a connection: feeds bytes to ws_read in
 * pieces and writes down, as text, everything that came out. Two ways of cutting
 * the same bytes must give the same text. And a client's frames, right and wrong ones.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/buf.h"
#include "proto/ws_deflate.h"

struct ws_feed {
	const struct ws_deflate_params *deflate; /* NULL: not agreed */
	size_t first;				 /* bytes in the first piece, if less than all */
	size_t step;   /* bytes in each one behind it; 0: all that are left */
	bool is_terse; /* faults by their codes alone: of two faults at once either may be found */
};

/*
 * A line for each message, control frame and fault, for example
 *
 *	text 5 hello
 *	ping 0
 *	close 1000 bye
 *	fault 1002 ws-opcode
 *
 * Ends with "over" after a close or a fault, "done" between messages, or with what there is of one:
 * "inside text 3 hel". Of long ones only the beginning, and a checksum. "error NUMBER" is
 * another failure. To be freed by the caller.
 */
char *ws_feed_run(const struct ws_feed *how, weir_str bytes);

/* The same, written down by others. */
void ws_feed_say_bytes(struct buf *out, weir_str bytes);

/* Whole, byte by byte, and cut in two at every place: NULL, or where texts differ (to be freed). */
char *ws_feed_differs(const struct ws_feed *how, weir_str bytes);

/* Appends a masked frame: first is its first byte. */
void ws_feed_frame(struct buf *out, uint8_t first, weir_str payload);

#endif
