/*
 * ws_read.c - the rules. Frames come from ws_intake in parts, as bytes come; each
 * part becomes an event, unless nothing is in it, or it is of a control frame that has
 * more to come. A compressed part goes through ws_inflater, which may make many
 * pieces of it: until they are handed out no other part is asked for.
 */
#include "proto/ws_read.h"

#include <assert.h>
#include <string.h>

#include "proto/ws_inflater.h"
#include "proto/ws_intake.h"
#include "proto/ws_quick.h"
#include "proto/ws_write.h"

#define RSV1 4
#define NO_CODE 1005

enum ws_read_state {
	READ_BETWEEN, /* messages */
	READ_BEGUN,   /* inside a message, nothing of which was handed out yet */
	READ_INSIDE,  /* inside a message */
	READ_OVER,    /* after a close frame, or an error: the rest is thrown away */
};

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

void ws_read_init(struct ws_read *r, struct ws_tools *tools,
		  const struct ws_deflate_params *deflate)
{
	*r = (struct ws_read){ .tools = tools, .state = READ_BETWEEN };
	if (deflate) {
		r->inflate_bits = deflate->client_bits;
		r->keeps_context = !deflate->no_client_context;
	}
}

/* Nothing more is read. */
static COLD void end(struct ws_read *r)
{
	r->state = READ_OVER;
	r->is_inflating = false;
	r->inflater = ws_inflater_give(r->tools, r->inflater);
}

void ws_read_done(struct ws_read *r)
{
	end(r);
	ws_read_release(r);
}

void ws_read_release(struct ws_read *r)
{
	if (r->room)
		r->room = ws_tools_give_room(r->tools, r->room);
	/* What is being inflated lies there. */
	if (r->intake && !r->is_inflating &&
	    (r->state == READ_OVER || ws_intake_is_between_frames(r->intake)))
		r->intake = ws_intake_give(r->tools, r->intake);
}

size_t ws_read_held(const struct ws_read *r)
{
	return (r->intake ? WS_INTAKE_SIZE : 0) + (r->room ? sizeof(*r->room) : 0) +
	       ws_inflater_size(r->inflater);
}

/* A piece of the message, unless there is nothing to tell. */
static int hand_out(struct ws_read *r, weir_str bytes, uint64_t left, bool is_last,
		    struct ws_event *ret_event, enum fault *reterr_fault)
{
	if (bytes.len == 0 && !is_last)
		return 0;
	if (r->is_text && (!utf8_feed(&r->utf8, bytes) || (is_last && !utf8_is_complete(&r->utf8))))
		return refuse(FAULT_WS_NOT_UTF8, reterr_fault);

	*ret_event = (struct ws_event){
		.type = WS_PIECE,
		.bytes = bytes,
		.left = left,
		.is_text = r->is_text,
		.is_first = r->state == READ_BEGUN,
		.is_last = is_last,
	};
	r->state = is_last ? READ_BETWEEN : READ_INSIDE;
	return 1;
}

/* The next piece of what the inflater was fed. */
static APART int inflate_piece(struct ws_read *r, struct ws_event *ret_event,
			       enum fault *reterr_fault)
{
	weir_str piece;
	int rc;

	r->room = ws_tools_take_room(r->tools);
	if (!r->room)
		return -ENOMEM;
	rc = ws_inflater_next(r->inflater, r->room, &piece);
	if (rc == -EPROTO)
		return refuse(FAULT_WS_INFLATE, reterr_fault);
	if (rc < 0)
		return rc;

	r->is_inflating = rc == WS_INFLATER_FULL;
	if (rc == WS_INFLATER_OVER && !r->keeps_context)
		r->inflater = ws_inflater_give(r->tools, r->inflater);
	rc = hand_out(r, piece, 0, rc == WS_INFLATER_OVER, ret_event, reterr_fault);
	if (rc == 0)
		r->room = ws_tools_give_room(r->tools, r->room);
	return rc;
}

static int begin_message(struct ws_read *r, const struct ws_part *part)
{
	r->state = READ_BEGUN;
	r->is_text = part->opcode == WS_OP_TEXT;
	r->is_compressed = part->reserved & RSV1;
	if (r->is_text)
		utf8_init(&r->utf8);
	if (r->is_compressed && !r->inflater) {
		r->inflater = ws_inflater_take(r->tools, r->inflate_bits);
		if (!r->inflater)
			return -ENOMEM;
	}
	return 0;
}

static int on_data(struct ws_read *r, const struct ws_part *part, struct ws_event *ret_event,
		   enum fault *reterr_fault)
{
	bool is_last = part->is_final && part->left == 0;
	int rc;

	if (part->is_start && part->opcode != WS_OP_CONTINUATION) {
		rc = begin_message(r, part);
		if (rc < 0)
			return rc;
	}
	if (!r->is_compressed)
		return hand_out(r, part->bytes, part->left, is_last, ret_event, reterr_fault);

	ws_inflater_feed(r->inflater, part->bytes, is_last);
	r->is_inflating = true;
	return inflate_piece(r, ret_event, reterr_fault);
}

static int on_close(struct ws_read *r, weir_str payload, struct ws_event *ret_event,
		    enum fault *reterr_fault)
{
	weir_str reason = { payload.ptr, 0 };
	struct utf8 utf8;
	int code = NO_CODE;

	if (payload.len == 1)
		return refuse(FAULT_WS_CLOSE, reterr_fault);
	if (payload.len >= 2) {
		code = (uint8_t)payload.ptr[0] << 8 | (uint8_t)payload.ptr[1];
		reason = (weir_str){ payload.ptr + 2, payload.len - 2 };
		if (!ws_write_code_ok(code))
			return refuse(FAULT_WS_CLOSE, reterr_fault);
	}
	utf8_init(&utf8);
	if (!utf8_feed(&utf8, reason) || !utf8_is_complete(&utf8))
		return refuse(FAULT_WS_NOT_UTF8, reterr_fault);

	end(r);
	*ret_event = (struct ws_event){ .type = WS_CLOSE, .bytes = reason, .code = code };
	return 1;
}

/* All of a control frame's payload, or nothing. */
static bool assemble(struct ws_intake *in, const struct ws_part *part, weir_str *ret_payload)
{
	if (part->is_start && part->left == 0) {
		*ret_payload = part->bytes;
		return true;
	}
	if (part->is_start)
		in->n_control = 0;
	/* wslay has refused what is longer. */
	assert(in->n_control + part->bytes.len <= sizeof(in->control));
	memcpy(in->control + in->n_control, part->bytes.ptr, part->bytes.len);
	in->n_control += (uint8_t)part->bytes.len;
	*ret_payload = (weir_str){ in->control, in->n_control };
	return part->left == 0;
}

static int on_control(struct ws_read *r, const struct ws_part *part, struct ws_event *ret_event,
		      enum fault *reterr_fault)
{
	weir_str payload;

	if (!assemble(r->intake, part, &payload))
		return 0;
	if (part->opcode == WS_OP_CLOSE)
		return on_close(r, payload, ret_event, reterr_fault);
	*ret_event = (struct ws_event){
		.type = part->opcode == WS_OP_PING ? WS_PING : WS_PONG,
		.bytes = payload,
	};
	return 1;
}

static bool is_inside(const struct ws_read *r)
{
	return r->state == READ_BEGUN || r->state == READ_INSIDE;
}

/* RFC 6455, sections 5.1, 5.2 and 5.4; RFC 7692, section 6.1. */
static int judge(const struct ws_read *r, const struct ws_part *part, enum fault *reterr_fault)
{
	bool begins = part->opcode == WS_OP_TEXT || part->opcode == WS_OP_BINARY;

	if (part->reserved != 0 && !(part->reserved == RSV1 && begins && r->inflate_bits > 0))
		return refuse(FAULT_WS_RESERVED_BITS, reterr_fault);
	if (!begins && part->opcode != WS_OP_CONTINUATION &&
	    (part->opcode < WS_OP_CLOSE || part->opcode > WS_OP_PONG))
		return refuse(FAULT_WS_OPCODE, reterr_fault);
	if (!part->is_masked)
		return refuse(FAULT_WS_UNMASKED, reterr_fault);
	if (begins && is_inside(r))
		return refuse(FAULT_WS_INTERLEAVED, reterr_fault);
	if (part->opcode == WS_OP_CONTINUATION && !is_inside(r))
		return refuse(FAULT_WS_CONTINUATION, reterr_fault);
	return 0;
}

/* Parts of frames, until one of them is an event. */
static APART int next_part(struct ws_read *r, weir_str *bytes, struct ws_event *ret_event,
			   enum fault *reterr_fault)
{
	struct ws_part part;
	int rc;

	while (bytes->len > 0) {
		if (!r->intake)
			r->intake = ws_intake_take(r->tools);
		if (!r->intake)
			return -ENOMEM;

		rc = ws_intake_next(r->intake, bytes, &part);
		if (rc == -EPROTO)
			return refuse(FAULT_WS_FRAME, reterr_fault);
		if (rc == 0)
			return 0;

		rc = part.is_start ? judge(r, &part, reterr_fault) : 0;
		if (rc == 0)
			rc = part.opcode >= WS_OP_CLOSE
				     ? on_control(r, &part, ret_event, reterr_fault)
				     : on_data(r, &part, ret_event, reterr_fault);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool next_quick(struct ws_read *r, weir_str *bytes, struct ws_event *ret_event)
{
	weir_str payload;
	bool is_text;

	if (r->state != READ_BETWEEN || r->intake ||
	    !ws_quick_take(r->tools, bytes, &r->room, &payload, &is_text))
		return false;
	*ret_event = (struct ws_event){
		.type = WS_PIECE,
		.bytes = payload,
		.is_text = is_text,
		.is_first = true,
		.is_last = true,
	};
	return true;
}

HOT int ws_read_next(struct ws_read *r, weir_str *bytes, struct ws_event *ret_event,
		     enum fault *reterr_fault)
{
	int rc = 0;

	ws_read_release(r);
	if (next_quick(r, bytes, ret_event))
		return 1;
	if (r->is_inflating)
		rc = inflate_piece(r, ret_event, reterr_fault);
	if (rc == 0 && r->state != READ_OVER)
		rc = next_part(r, bytes, ret_event, reterr_fault);
	if (rc == 1)
		return 1;

	if (rc < 0)
		end(r);
	if (r->state == READ_OVER && bytes->len > 0)
		*bytes = (weir_str){ bytes->ptr + bytes->len, 0 };
	ws_read_release(r);
	return rc;
}
