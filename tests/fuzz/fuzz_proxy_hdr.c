/*
 * fuzz_proxy_hdr.c - what is taken for a header is one however it is cut: each
 * part of it waits for more, what follows changes nothing, and its names are
 * printable and within their bounds.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proxy_hdr.h"

/* Of exact size, so that a look beyond its end is seen. */
static ssize_t read_part(const uint8_t *data, size_t len, struct proxy_hdr *ret_hdr)
{
	char *part = malloc(len > 0 ? len : 1);
	const char *words = NULL;
	ssize_t r;

	memcpy(part, data, len);
	r = proxy_hdr_read(part, len, ret_hdr, &words);
	assert(r >= 0 || (r == -EPROTO && words));
	assert(r <= (ssize_t)len);
	free(part);
	return r;
}

static void check_name(const char *name, size_t len)
{
	assert(len >= 5 && len <= PROXY_HDR_NAME_MAX);
	for (size_t i = 0; i < len; i++)
		assert((uint8_t)name[i] >= ' ' && name[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_hdr hdr, again;
	ssize_t len;

	if (size > PROXY_HDR_MAX + 64)
		return 0;
	len = read_part(data, size, &hdr);
	if (len <= 0) {
		assert(len < 0 || size < PROXY_HDR_MAX);
		return 0;
	}
	if (hdr.has_names) {
		check_name(hdr.from, hdr.from_len);
		check_name(hdr.to, hdr.to_len);
	}
	assert(read_part(data, (size_t)len, &again) == len);
	assert(again.has_names == hdr.has_names && again.from_len == hdr.from_len);
	assert(memcmp(again.from, hdr.from, hdr.from_len) == 0);
	for (size_t n = 0; n < (size_t)len; n++)
		assert(read_part(data, n, &again) == 0);
	return 0;
}
