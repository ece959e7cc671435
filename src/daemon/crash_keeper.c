/* crash_keeper.c - see crash_keeper.h. */
#include "daemon/crash_keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/crash_note.h"
#include "io/proc.h"

int crash_keeper_init(struct crash_keeper *k, const struct log *log, unsigned n)
{
	*k = (struct crash_keeper){ .log = log, .n = n };
	k->notes = calloc(n, sizeof(void *));
	return k->notes ? 0 : -ENOMEM;
}

void crash_keeper_done(struct crash_keeper *k)
{
	for (unsigned i = 0; k->notes && i < k->n; i++)
		k->notes[i] = crash_note_free(k->notes[i]);
	free(k->notes);
	k->notes = NULL;
}

/* Not the old one wiped: somebody may be reading it still. */
struct crash_note *crash_keeper_renew(struct crash_keeper *k, unsigned slot)
{
	k->notes[slot] = crash_note_free(k->notes[slot]);
	if (crash_note_new(&k->notes[slot]) < 0)
		log_write(k->log, LOG_AT_WARN, "no memory for what a child says if it crashes");
	return k->notes[slot];
}

static pid_t *find(struct crash_keeper *k, pid_t pid)
{
	for (unsigned i = 0; i < CRASH_KEEPER_REPORTS; i++) {
		if (k->reporters[i] == pid)
			return &k->reporters[i];
	}
	return NULL;
}

pid_t crash_keeper_fork(struct crash_keeper *k)
{
	pid_t *reporter = find(k, 0);
	pid_t pid = reporter ? proc_fork("weir:backtrace") : -EAGAIN;

	if (pid == 0)
		(void)alarm(CRASH_KEEPER_PATIENCE_S);
	else if (pid > 0)
		*reporter = pid;
	else
		log_write(k->log, LOG_AT_WARN, "no backtrace: %s",
			  reporter ? strerror((int)-pid) : "too many are being made");
	return pid;
}

bool crash_keeper_reaped(struct crash_keeper *k, pid_t pid)
{
	pid_t *reporter = find(k, pid);

	if (reporter)
		*reporter = 0;
	return reporter;
}

bool crash_keeper_is_busy(const struct crash_keeper *k)
{
	for (unsigned i = 0; i < CRASH_KEEPER_REPORTS; i++) {
		if (k->reporters[i] > 0)
			return true;
	}
	return false;
}

void crash_keeper_kill(const struct crash_keeper *k)
{
	for (unsigned i = 0; i < CRASH_KEEPER_REPORTS; i++) {
		if (k->reporters[i] > 0)
			(void)kill(k->reporters[i], SIGKILL);
	}
}
