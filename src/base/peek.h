#ifndef WEIR_BASE_PEEK_H
#define WEIR_BASE_PEEK_H
/*
 * peek.h - reading memory of this process that may not be there, or may go
 * while it is read: for who looks at the remains of a crash, or at what another
 * thread is doing. The kernel copies, so nothing faults. Signal handlers may
 * call it. Where the kernel does not allow it (a sandbox), nothing can be read.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* How many bytes were there, up to len. */
MUST_USE size_t peek_bytes(const void *from, void *ret_bytes, size_t len);
/* All or nothing. */
MUST_USE static inline bool peek_all(const void *from, void *ret_bytes, size_t len)
{
	return peek_bytes(from, ret_bytes, len) == len;
}
/* A string, cut to fit, always terminated; "" when it is not there. */
void peek_text(const char *from, char *ret_text, size_t size);

#endif
