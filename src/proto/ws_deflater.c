/*
 * ws_deflater.c - zlib, flushed at a message's end, less the last four bytes of that
 * flush (RFC 7692, section 7.2.1), which the receiver puts back.
 */
#include "proto/ws_deflater.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "proto/ws_tools.h"

#define ZLIB_CONST
#include <zlib.h>

/* Room for the next bytes, at least. */
#define OUT_STEP 512

/*
 * Of JSON, 16 000 bytes in 50 us and to 23 %; with zlib's own default, 6, in 100 us and to 21 %.
 * Messages of 1 000 bytes and less do not tell them apart.
 */
#define LEVEL 3

/* What a flush ends with: the length of an empty stored block, and its complement. */
#define TAIL_LEN 4

struct ws_deflater {
	struct ws_pooled pooled;
	z_stream z;
	uint8_t bits; /* of its window */
};

static voidpf on_alloc(voidpf opaque, uInt n, uInt size)
{
	return calloc(n, size);
}

static void on_free(voidpf opaque, voidpf p)
{
	free(p);
}

/* zlib's default, 8, belongs to a window of 15 bits; hash and block are to shrink with the window. */
static int mem_level(uint8_t bits)
{
	return bits - 7;
}

static struct ws_deflater *make(uint8_t bits)
{
	struct ws_deflater *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->z.zalloc = on_alloc;
	d->z.zfree = on_free;
	if (deflateInit2(&d->z, LEVEL, Z_DEFLATED, -bits, mem_level(bits), Z_DEFAULT_STRATEGY) !=
	    Z_OK) {
		free(d);
		return NULL;
	}
	d->bits = bits;
	return d;
}

static struct ws_deflater *take(struct ws_tools *tools, uint8_t bits)
{
	struct ws_pool *pool = ws_tools_deflaters(tools, bits);
	struct ws_deflater *d = ws_tools_take(pool);

	if (d) {
		(void)deflateReset(&d->z); /* cannot fail: its state is right */
		return d;
	}
	d = make(bits);
	if (!d)
		ws_tools_not_taken(pool);
	return d;
}

struct ws_deflater *ws_deflater_give(struct ws_tools *tools, struct ws_deflater *d)
{
	return d ? ws_deflater_free(ws_tools_give(ws_tools_deflaters(tools, d->bits), d)) : NULL;
}

struct ws_deflater *ws_deflater_free(struct ws_deflater *d)
{
	if (!d)
		return NULL;
	(void)deflateEnd(&d->z);
	free(d);
	return NULL;
}

/* As much as flush makes it say, to the end of out. */
static int deflate_all(struct ws_deflater *d, weir_str piece, int flush, struct buf *out)
{
	d->z.next_in = (const Bytef *)piece.ptr;
	d->z.avail_in = (uInt)piece.len;
	do {
		size_t room;
		int r;

		r = buf_reserve(out, OUT_STEP);
		if (r < 0)
			return r;
		room = out->cap - out->len;
		d->z.next_out = (Bytef *)out->data + out->len;
		d->z.avail_out = (uInt)room;
		/* Z_BUF_ERROR: there was nothing to say. No other is possible. */
		(void)deflate(&d->z, flush);
		out->len += room - d->z.avail_out;
	} while (d->z.avail_out == 0);
	assert(d->z.avail_in == 0);
	return 0;
}

/* A message ends; start is where out was before its last piece. */
static int cut_tail(struct buf *out, size_t start)
{
	/*
	 * Nothing between two flushes, as in an empty message behind another: zlib has not made
	 * an empty block again, so this is the start of one (RFC 7692, section 7.2.3.6).
	 */
	if (out->len == start)
		return buf_append(out, "", 1);
	assert(out->len - start > TAIL_LEN);
	out->len -= TAIL_LEN;
	assert(memcmp(out->data + out->len, "\x00\x00\xff\xff", TAIL_LEN) == 0);
	return 0;
}

int ws_deflater_piece(struct ws_tools *tools, struct ws_deflater **context,
		      const struct ws_deflate_params *params, weir_str piece, bool is_last,
		      struct buf *out)
{
	size_t start = out->len;
	int r;

	if (!*context)
		*context = take(tools, params->server_bits);
	if (!*context)
		return -ENOMEM;

	r = deflate_all(*context, piece, is_last ? Z_SYNC_FLUSH : Z_NO_FLUSH, out);
	if (r == 0 && is_last)
		r = cut_tail(out, start);
	if (r < 0 || (is_last && params->no_server_context))
		*context = ws_deflater_give(tools, *context);
	return r;
}

/* zconf.h tells what a compressor takes. */
size_t ws_deflater_size(const struct ws_deflater *d)
{
	if (!d)
		return 0;
	return sizeof(*d) + ((size_t)1 << (d->bits + 2)) + ((size_t)1 << (mem_level(d->bits) + 9));
}
