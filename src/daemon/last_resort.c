/* last_resort.c - see last_resort.h. A signal handler can know no state of ours: hence the constant. */
#include "daemon/last_resort.h"

#include <errno.h>
#include <ev.h>
#include <signal.h>
#include <unistd.h>

/* All in here is safe in a signal handler; libev promises it for its part. */
static void on_terminate(int signal)
{
	int error = errno;

	(void)alarm(LAST_RESORT_STUCK_S);
	ev_feed_signal(signal);
	errno = error;
}

void last_resort_watch(void)
{
	struct sigaction action = { .sa_handler = on_terminate, .sa_flags = SA_RESTART };

	(void)sigfillset(&action.sa_mask);
	(void)sigaction(SIGTERM, &action, NULL);
}

void last_resort_unwatch(void)
{
	(void)signal(SIGTERM, SIG_IGN);
}

void last_resort_set(int64_t ms)
{
	(void)alarm((unsigned)((ms + 999) / 1000));
}

void last_resort_clear(void)
{
	(void)alarm(0);
}
