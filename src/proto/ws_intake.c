/*
 * ws_intake.c - wslay asks for as many bytes as its buffer takes, 4 KiB, and would
 * sit on the frames behind the one it reads. So it is given the first two
 * bytes of a header, which say how many follow at least; and as soon as it says
 * itself how long the payload is, exactly those.
 */
#include "proto/ws_intake.h"

#include <assert.h>
#include <wslay/wslay.h>

#define START_LEN 2
#define MASK_LEN 4

/* A length of 126 or 127 stands for at least so many bytes: two more of length, and the payload. */
#define LONG_MIN (2 + 126)

/* The second byte of a header: how many bytes of the frame follow, at least. */
static uint64_t rest_of(uint8_t second)
{
	uint8_t len = second & 0x7f;

	/* One without a mask will be refused; wslay must not keep what is behind it all the same. */
	return (second & 0x80 ? MASK_LEN : 0) + (len < 126 ? len : LONG_MIN);
}

static ssize_t on_recv(uint8_t *buf, size_t len, int flags, void *user)
{
	struct ws_intake *in = user;
	weir_str *source = in->source;
	size_t n = len;

	if (n > source->len)
		n = source->len;
	if (n > in->owed)
		n = (size_t)in->owed;
	if (n == 0)
		return 0; /* to wslay: try again later */

	memcpy(buf, source->ptr, n);
	*source = (weir_str){ source->ptr + n, source->len - n };
	in->owed -= n;
	if (in->n_start < START_LEN) {
		in->n_start += (uint8_t)n;
		if (in->n_start == START_LEN)
			in->owed = rest_of(buf[n - 1]);
	}
	return (ssize_t)n;
}

static void start_frame(struct ws_intake *in)
{
	in->owed = START_LEN;
	in->n_start = 0;
	in->is_inside = false;
}

struct ws_intake *ws_intake_take(struct ws_tools *tools)
{
	static const struct wslay_frame_callbacks callbacks = { .recv_callback = on_recv };
	struct ws_intake *in = ws_tools_take(&tools->intakes);

	if (in)
		return in;
	in = malloc(sizeof(*in));
	if (in && wslay_frame_context_init(&in->wslay, &callbacks, in) == 0) {
		start_frame(in);
		return in;
	}
	free(in);
	ws_tools_not_taken(&tools->intakes);
	return NULL;
}

struct ws_intake *ws_intake_give(struct ws_tools *tools, struct ws_intake *in)
{
	if (!in)
		return NULL;
	if (ws_intake_is_between_frames(in))
		return ws_intake_free(ws_tools_give(&tools->intakes, in));
	ws_tools_not_taken(&tools->intakes);
	return ws_intake_free(in);
}

struct ws_intake *ws_intake_free(struct ws_intake *in)
{
	if (!in)
		return NULL;
	wslay_frame_context_free(in->wslay);
	free(in);
	return NULL;
}

/* What wslay says of a frame again with each part, and what is counted here. */
static void fill_in(struct ws_intake *in, const struct wslay_frame_iocb *iocb,
		    struct ws_part *ret_part)
{
	bool is_start = !in->is_inside;

	in->left = (is_start ? iocb->payload_length : in->left) - iocb->data_length;
	*ret_part = (struct ws_part){
		.bytes = { (const char *)iocb->data, iocb->data_length },
		.left = in->left,
		.opcode = iocb->opcode,
		.reserved = iocb->rsv,
		.is_final = iocb->fin,
		.is_masked = iocb->mask,
		.is_start = is_start,
	};
	in->is_inside = true;
	in->owed = in->left;
	if (in->left == 0)
		start_frame(in);
}

int ws_intake_next(struct ws_intake *in, weir_str *bytes, struct ws_part *ret_part)
{
	struct wslay_frame_iocb iocb;
	ssize_t n;

	in->source = bytes;
	do {
		/* It asks once in a call, and what it was given then may not have been enough. */
		n = wslay_frame_recv(in->wslay, &iocb);
	} while (n == WSLAY_ERR_WANT_READ && bytes->len > 0);
	in->source = NULL;

	if (n == WSLAY_ERR_WANT_READ)
		return 0;
	if (n < 0)
		return -EPROTO;
	fill_in(in, &iocb, ret_part);
	return 1;
}
