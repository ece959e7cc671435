#ifndef WEIR_DAEMON_CTL_DOORS_H
#define WEIR_DAEMON_CTL_DOORS_H
/*
 * ctl_doors.h - the sockets that the ctl process accepts from: for health checks
 * and for weirctl. The master opens them, since it may have the rights, and keeps
 * them: while one ctl process has died and the next is not there yet, who connects
 * waits.
 */
#include <stdbool.h>

#include "base/macro.h"
#include "daemon/listeners.h"

struct conf;

struct ctl_doors {
	struct listeners *health;  /* owned; NULL: none */
	struct listeners *control; /* owned; NULL: none */
};

/* As listeners_open(): all, or none. Without any configured, nothing. */
MUST_USE int ctl_doors_open(const struct conf *conf, struct ctl_doors *ret_doors,
			    char reterr_words[LISTENERS_WORDS_MAX]);
/* In a process that has no business there. */
void ctl_doors_forget(const struct ctl_doors *doors);
void ctl_doors_close(struct ctl_doors *doors);
/* Is there any need for a ctl process? */
static inline bool ctl_doors_are_open(const struct ctl_doors *doors)
{
	return doors->health || doors->control;
}

#endif
