#ifndef WEIR_PROTO_WS_QUICK_H
#define WEIR_PROTO_WS_QUICK_H
/*
 * ws_quick.h - the straight path for usual frames, as h1_quick's for heads: a whole
 * message in one frame, not compressed, all here. It can only say yes; whatever it leaves,
 * wslay and ws_read judge. wslay unmasks a byte at a time, for ten instructions each.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "proto/ws_tools.h"

/*
 * Takes such a frame from *bytes. *ret_room, borrowed from the tools, has its payload. If
 * not, nothing has changed.
 */
bool ws_quick_take(struct ws_tools *tools, weir_str *bytes, struct ws_room **ret_room,
		   weir_str *ret_payload, bool *ret_is_text);

#endif
