#ifndef WEIR_PROTO_WS_INTAKE_H
#define WEIR_PROTO_WS_INTAKE_H
/*
 * ws_intake.h - frames out of bytes, by wslay, which also unmasks. What is
 * added: it takes no byte of the next frame, so that between frames it holds
 * nothing and can serve another session; and it has room for a control frame
 * that comes in parts.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"
#include "proto/ws_tools.h"

/* With what wslay's context takes, which is opaque. */
#define WS_INTAKE_SIZE (sizeof(struct ws_intake) + 4096 + 256)

struct ws_intake {
	struct ws_pooled pooled;
	struct wslay_frame_context *wslay; /* owned */
	weir_str *source;		   /* borrowed, in ws_intake_next() */
	uint64_t owed;	   /* bytes to give to wslay before more is known of the frame */
	uint64_t left;	   /* of the payload, once a part of it was there */
	uint8_t n_start;   /* of a header's first two bytes, how many wslay has */
	bool is_inside;	   /* a part of the frame was there */
	uint8_t n_control; /* bytes in control */
	char control[125]; /* ws_read's: a control frame's payload */
};

/* Of a frame: its header, and some of its payload. */
struct ws_part {
	weir_str bytes;	  /* of the payload; good until the next call */
	uint64_t left;	  /* of the payload, behind these */
	uint8_t opcode;	  /* any of sixteen */
	uint8_t reserved; /* RSV1 is 4 */
	bool is_final, is_masked;
	bool is_start; /* the frame's first part */
};

/* NULL: no memory. */
struct ws_intake *ws_intake_take(struct ws_tools *tools);
/* Inside a frame it is of no use to anybody else. Returns NULL, and NULL is fine. */
struct ws_intake *ws_intake_give(struct ws_tools *tools, struct ws_intake *in);
struct ws_intake *ws_intake_free(struct ws_intake *in);

/*
 * 1: a part of a frame. 0: all of *bytes was taken, and more is needed. -EPROTO: a length
 * that is not the shortest, or a control frame that is too long or fragmented.
 */
MUST_USE int ws_intake_next(struct ws_intake *in, weir_str *bytes, struct ws_part *ret_part);

static inline bool ws_intake_is_between_frames(const struct ws_intake *in)
{
	return in->n_start == 0;
}

#endif
