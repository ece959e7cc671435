#ifndef WEIR_DAEMON_HANDOVER_H
#define WEIR_DAEMON_HANDOVER_H
/*
 * handover.h - what a master leaves to the program that takes its place in the same
 * process (SIGUSR2): the listening sockets, and its workers. Descriptors stay open, and what they
 * are is in a memfd, of which the environment has the number.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

struct listeners;

/* Of what is written; a program that knows another one cannot take over. */
#define HANDOVER_VERSION "1"
/* In the environment: the memfd; and, while the new program is asked whether it would, this version. */
#define HANDOVER_FD_NAME "WEIR_HANDOVER"
#define HANDOVER_VERSION_NAME "WEIR_HANDOVER_VERSION"

struct handed_worker {
	int64_t kill_ms; /* draining: when its patience ends */
	int32_t pid;
	int32_t control_fd;
	uint32_t slot;
	uint32_t is_draining;
};

struct handover {
	struct listeners *listeners; /* owned; NULL: nothing was left */
	struct handed_worker
		*workers; /* owned; and so are their descriptors, until they are taken */
	uint32_t n_workers;
};

/* Sets the environment. Descriptors are closed by exec(2) until handover_keep(). Negative errno. */
MUST_USE int handover_leave(const struct handover *handover, int *ret_fd);
/* Whether they, and fd, stay open when this process executes another program. */
void handover_keep(const struct handover *handover, int fd, bool is_kept);

/* 1: something was left; 0: nothing. -EPROTO: it makes no sense. */
MUST_USE int handover_take(struct handover *ret_handover);
void handover_done(struct handover *handover);

/* False: somebody asks whether this program could take over, and it could not. */
bool handover_is_possible(void);

#endif
