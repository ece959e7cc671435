#ifndef WEIR_CORO_WAIT_FD_H
#define WEIR_CORO_WAIT_FD_H
/*
 * wait_fd.h - waiting for somebody else's descriptor: that of a database or
 * HTTP library, say. Any number of tasks may wait for the same one.
 */
#include "base/macro.h"

/*
 * Suspends until fd is readable (POLLIN) or writable (POLLOUT), or broken,
 * which counts as both: the call that then fails says why. Returns those of
 * events that hold. -EBADF, -EINVAL for other or no events, -ECANCELED,
 * -ETIMEDOUT, -EDEADLK. The descriptor must stay open meanwhile.
 */
MUST_USE int wait_fd(int fd, int events);

#endif
