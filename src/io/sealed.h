#ifndef WEIR_IO_SEALED_H
#define WEIR_IO_SEALED_H
/*
 * sealed.h - many bytes for another process, as a descriptor instead of a copy:
 * a memfd that nobody can change any more, neither its bytes nor its length. So
 * who receives one may map it and trust that it stays: one that could be cut
 * short would kill its reader with SIGBUS.
 *
 * Copying, mapping and unmapping take their time, 10 ms and more for 16 MiB:
 * never on a loop.
 */
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

/* A sealed copy, close-on-exec. -EMFILE, -ENFILE, -ENOMEM, -ENOSPC. */
MUST_USE int sealed_new(weir_str bytes, int *ret_fd);

/*
 * Maps what another process has sent, to be read; fd is borrowed, and may be closed at once.
 * -EPROTO: it is not sealed, or not of this length, which is not 0. -ENOMEM.
 */
MUST_USE int sealed_map(int fd, uint64_t len, weir_str *ret_bytes);
/* Its page faults now, so that who reads it takes none; a kernel that cannot (before 5.14) does nothing. */
void sealed_populate(weir_str bytes);
void sealed_unmap(weir_str bytes);
/* Of a descriptor that may be the last one of many pages. */
void sealed_close(int fd);

#endif
