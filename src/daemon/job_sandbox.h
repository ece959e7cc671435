#ifndef WEIR_DAEMON_JOB_SANDBOX_H
#define WEIR_DAEMON_JOB_SANDBOX_H
/*
 * job_sandbox.h - a job process from which nothing can be reached but its input
 * and what it may read: no network, no other process, no program to start, no
 * file to write or change. Landlock says which files, a seccomp filter which
 * system calls; both stay until the process ends.
 *
 * What it is open to: bugs of the kernel, the CPU time and memory that its pool's
 * limits give it, and what it says to the hub, which believes nothing.
 */
#include <stddef.h>

#include "base/buf.h"
#include "base/macro.h"

/*
 * For the rest of this process's life, which has one thread and has given up new privileges
 * (daemon/job_limits). Below paths, and in /proc/self, files may be read. reterr_words: what is in
 * the way, and what helps. -ENOTSUP: not on this machine; -EBUSY: there are more threads;
 * what open() says of a path.
 */
MUST_USE int job_sandbox_enter(const char *const *paths, size_t n_paths, struct buf *reterr_words);

#endif
