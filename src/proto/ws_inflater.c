/*
 * ws_inflater.c - zlib, and how a message ends. Its sender has flushed the compressor and
 * cut off 00 00 ff ff, the end of an empty stored block, which zlib wants back
 * (RFC 7692, section 7.2.2). Two kinds of messages do without, and a block begun
 * in vain would spoil the next message: those that end with a final block (BFINAL; the
 * right ones have an empty block behind it, section 7.2.3.4, but not all have), and
 * those of no bytes at all, which come out of compressors that are flushed twice.
 */
#include "proto/ws_inflater.h"

#include <errno.h>

/* What zlib takes besides the window, by its own words. */
#define STATE_SIZE 7168

/* zlib cannot inflate every stream of compressors that were told 8 and have used 9. */
#define MIN_BITS 9

/* z.data_type: the last block is over, and no other has begun. */
#define BETWEEN_BLOCKS 128

static const Bytef tail[] = { 0x00, 0x00, 0xff, 0xff };

static voidpf on_alloc(voidpf opaque, uInt n, uInt size)
{
	return calloc(n, size);
}

static void on_free(voidpf opaque, voidpf p)
{
	free(p);
}

static struct ws_inflater *make(uint8_t bits)
{
	struct ws_inflater *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->z.zalloc = on_alloc;
	i->z.zfree = on_free;
	if (inflateInit2(&i->z, -bits) != Z_OK) {
		free(i);
		return NULL;
	}
	return i;
}

struct ws_inflater *ws_inflater_take(struct ws_tools *tools, uint8_t bits)
{
	struct ws_inflater *i = ws_tools_take(&tools->inflaters);

	if (bits < MIN_BITS)
		bits = MIN_BITS;
	if (i)
		(void)inflateReset2(&i->z,
				    -bits); /* cannot fail: neither state nor bits are wrong */
	else
		i = make(bits);
	if (!i) {
		ws_tools_not_taken(&tools->inflaters);
		return NULL;
	}
	i->bits = bits;
	i->needs_tail = false;
	return i;
}

struct ws_inflater *ws_inflater_give(struct ws_tools *tools, struct ws_inflater *i)
{
	return i ? ws_inflater_free(ws_tools_give(&tools->inflaters, i)) : NULL;
}

struct ws_inflater *ws_inflater_free(struct ws_inflater *i)
{
	if (!i)
		return NULL;
	(void)inflateEnd(&i->z);
	free(i);
	return NULL;
}

void ws_inflater_feed(struct ws_inflater *i, weir_str bytes, bool is_end)
{
	i->z.next_in = (const Bytef *)bytes.ptr;
	i->z.avail_in = (uInt)bytes.len;
	i->is_end = is_end;
}

/* As much as there is input and room for. */
static int inflate_some(struct ws_inflater *i)
{
	int status;

	if (i->z.avail_in > 0)
		i->needs_tail = true;
	do {
		status = inflate(&i->z, Z_SYNC_FLUSH);
		if (status == Z_STREAM_END) {
			/*
			 * Not inflateReset(): the window goes on through all of the message (and the
			 * next, if contexts are kept), whatever blocks it is made of.
			 */
			(void)inflateResetKeep(&i->z);
			i->needs_tail = i->z.avail_in > 0;
		}
	} while (status == Z_STREAM_END && i->z.avail_in > 0 && i->z.avail_out > 0);

	if (status == Z_MEM_ERROR)
		return -ENOMEM;
	/* Z_BUF_ERROR: there was nothing to do, which it calls an error. */
	if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
		return -EPROTO;
	return 0;
}

/* The message's bytes are used up. */
static int inflate_tail(struct ws_inflater *i)
{
	int r;

	if (!i->needs_tail)
		return 0;
	i->z.next_in = tail;
	i->z.avail_in = sizeof(tail);
	r = inflate_some(i);
	if (r < 0)
		return r;
	i->needs_tail = false;
	return i->z.data_type & BETWEEN_BLOCKS ? 0 : -EPROTO;
}

int ws_inflater_next(struct ws_inflater *i, struct ws_room *room, weir_str *ret_piece)
{
	int r;

	i->z.next_out = (Bytef *)room->bytes;
	i->z.avail_out = WS_ROOM_SIZE;
	r = inflate_some(i);
	if (r == 0 && i->z.avail_out > 0 && i->is_end)
		r = inflate_tail(i);
	if (r < 0)
		return r;
	*ret_piece = (weir_str){ room->bytes, WS_ROOM_SIZE - i->z.avail_out };
	if (i->z.avail_out == 0)
		return WS_INFLATER_FULL;
	return i->is_end ? WS_INFLATER_OVER : 0;
}

size_t ws_inflater_size(const struct ws_inflater *i)
{
	return i ? sizeof(*i) + STATE_SIZE + ((size_t)1 << i->bits) : 0;
}
