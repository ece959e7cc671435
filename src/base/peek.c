/*
 * peek.c - see peek.h. process_vm_readv(2) upon ourselves. It ends at the first
 * of the pieces it is given that it cannot read: so each page is a piece.
 */
#include "base/peek.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((uintptr_t)4096) /* a piece; larger pages hold several */
#define PIECES 8

/* Cuts what is to be read where pages end; how many pieces, at most PIECES. */
static unsigned cut(uintptr_t from, size_t len, struct iovec pieces[PIECES])
{
	unsigned n;

	for (n = 0; n < PIECES && len > 0; n++) {
		size_t part = PAGE - from % PAGE;

		if (part > len)
			part = len;
		pieces[n] = (struct iovec){ (void *)from, part };
		from += part;
		len -= part;
	}
	return n;
}

size_t peek_bytes(const void *from, void *ret_bytes, size_t len)
{
	int error = errno;
	size_t done = 0;

	while (done < len) {
		struct iovec local = { (char *)ret_bytes + done, len - done };
		struct iovec pieces[PIECES];
		unsigned n = cut((uintptr_t)from + done, len - done, pieces);
		ssize_t got = process_vm_readv(getpid(), &local, 1, pieces, n, 0);
		size_t asked = 0;

		for (unsigned i = 0; i < n; i++)
			asked += pieces[i].iov_len;
		if (got > 0)
			done += (size_t)got;
		if (got < 0 || (size_t)got < asked)
			break;
	}
	errno = error;
	return done;
}

void peek_text(const char *from, char *ret_text, size_t size)
{
	size_t n = from ? peek_bytes(from, ret_text, size - 1) : 0;

	ret_text[n] = '\0';
	/* What is behind its end is not ours to keep. */
	n = strlen(ret_text);
	memset(ret_text + n, 0, size - n);
}
