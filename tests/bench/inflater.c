#define ZLIB_CONST
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "inflater.h"

#define WINDOW_BITS 15
#define TAIL "\0\0\377\377" /* what every message ends with and nobody sends */
#define TAIL_LEN 4

struct inflater {
	z_stream stream;
	size_t max_message;
	char text[]; /* max_message and one more byte */
};

int inflater_new(size_t max_message, struct inflater **ret)
{
	struct inflater *i = calloc(1, sizeof(*i) + max_message + 1);

	if (!i)
		return -ENOMEM;
	i->max_message = max_message;
	if (inflateInit2(&i->stream, -WINDOW_BITS) != Z_OK) {
		free(i);
		return -ENOMEM;
	}
	*ret = i;
	return 0;
}

struct inflater *inflater_free(struct inflater *i)
{
	if (i) {
		(void)inflateEnd(&i->stream);
		free(i);
	}
	return NULL;
}

int inflater_read(struct inflater *i, const char *packed, size_t len, const char **ret,
		  size_t *ret_len)
{
	char tail[TAIL_LEN];
	z_stream *z = &i->stream;
	int r;

	memcpy(tail, TAIL, TAIL_LEN);
	(void)inflateReset(z);
	z->next_out = (Bytef *)i->text;
	z->avail_out = (uInt)i->max_message + 1;
	z->next_in = (const Bytef *)packed;
	z->avail_in = (uInt)len;
	r = inflate(z, Z_SYNC_FLUSH);
	if (r == Z_OK && z->avail_in == 0) {
		z->next_in = (const Bytef *)tail;
		z->avail_in = TAIL_LEN;
		r = inflate(z, Z_SYNC_FLUSH);
	}
	/* Z_BUF_ERROR: nothing was left to do; the end of a stream: its last block said so. */
	if ((r != Z_OK && r != Z_BUF_ERROR && r != Z_STREAM_END) || z->avail_out == 0)
		return -EBADMSG;
	*ret = i->text;
	*ret_len = i->max_message + 1 - z->avail_out;
	return 0;
}

int inflater_pack(const char *text, size_t len, char **ret_packed, size_t *ret_len)
{
	_cleanup_(freep) char *packed = NULL;
	z_stream z = { 0 };
	uLong max;
	int r;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	max = deflateBound(&z, len) + 16;
	packed = malloc(max);
	if (!packed) {
		(void)deflateEnd(&z);
		return -ENOMEM;
	}
	z.next_in = (const Bytef *)text;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)packed;
	z.avail_out = (uInt)max;
	r = deflate(&z, Z_SYNC_FLUSH);
	(void)deflateEnd(&z);
	if (r != Z_OK || z.avail_out == 0 || max - z.avail_out < TAIL_LEN)
		return -EIO;
	*ret_len = max - z.avail_out - TAIL_LEN;
	*ret_packed = steal_ptr(packed);
	return 0;
}
