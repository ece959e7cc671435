/* signals.c - signalfd(2) of those that the master knows. */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int known[] = { SIGCHLD, SIGTERM, SIGINT,	SIGHUP, SIGQUIT,
			     SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU };

int signals_open(int *ret_fd)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		(void)sigaddset(&set, known[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	/* An ignored SIGCHLD, which a parent may hand down, would hide how children end. */
	(void)signal(SIGCHLD, SIG_DFL);

	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static void note(struct signals *signals, uint32_t number)
{
	switch (number) {
	case SIGCHLD:
		signals->has_children = true;
		break;
	case SIGHUP:
		signals->has_hangup = true;
		break;
	case SIGQUIT:
		signals->has_quit = true;
		break;
	case SIGUSR1:
		signals->wants_logs = true;
		break;
	case SIGUSR2:
		signals->wants_binary = true;
		break;
	case SIGTTIN:
		signals->n_workers++;
		break;
	case SIGTTOU:
		signals->n_workers--;
		break;
	default:
		signals->n_stops++;
		break;
	}
}

void signals_read(int fd, struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		note(signals, info.ssi_signo);
}

void signals_ignore(void)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i] != SIGCHLD && known[i] != SIGTERM)
			(void)signal(known[i], SIG_IGN);
	}
}
