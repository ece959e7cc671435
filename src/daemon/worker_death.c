/* worker_death.c - see worker_death.h. */
#include "daemon/worker_death.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "daemon/worker_slot.h"
#include "io/proc.h"

const char *worker_death_cause(const struct worker_slot *slot, int status, int own_signal,
			       const char *own_cause)
{
	if (!WIFSIGNALED(status) || slot->kill_ms == INT64_MAX)
		return "";
	if (WTERMSIG(status) == SIGKILL)
		return ", perhaps because memory ran out";
	return WTERMSIG(status) == own_signal ? own_cause : "";
}

void worker_death_say(const struct log *log, const struct worker_slot *slot, pid_t pid, int status,
		      const char *why, const char *last)
{
	long long pause_ms = (long long)worker_slot_pause_ms(slot->n_quick);
	bool is_well = proc_ended_well(status);
	char how[PROC_END_MAX], when[64] = "";

	proc_describe(status, how);
	if (is_well)
		last = "";
	if (pause_ms > 0)
		(void)snprintf(when, sizeof(when), " in %lld ms: it keeps dying", pause_ms);
	log_write(log, is_well ? LOG_AT_NOTICE : LOG_AT_ERROR,
		  "worker %u (pid %d) ended: %s%s%s%s; starting another%s", slot->index, (int)pid,
		  how, why[0] ? why : worker_death_cause(slot, status, SIGALRM, ": it was stuck"),
		  last[0] ? "; the last request was for " : "", last, when);
}
