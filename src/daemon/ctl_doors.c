/* ctl_doors.c - see ctl_doors.h. */
#include "daemon/ctl_doors.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"

#define BACKLOG 64

static int open_one(const struct conf_address *address, unsigned mode,
		    struct listeners **ret_listeners, char words[LISTENERS_WORDS_MAX])
{
	struct conf_listen listen = { .address = *address, .mode = mode };

	return listeners_open(&listen, 1, 1, BACKLOG, ret_listeners, words);
}

/* By its name: the descriptor's owner is the socket's, not the file's; and never what a link leads to. */
static int give_to_group(const struct conf_control *control, char words[LISTENERS_WORDS_MAX])
{
	const struct group *group;
	int r = 0;

	if (!control->group.text)
		return 0;
	errno = 0;
	group = getgrnam(control->group.text);
	if (!group)
		r = errno ? -errno : -ENOENT;
	else if (lchown(control->socket.text, (uid_t)-1, group->gr_gid) < 0)
		r = -errno;
	if (r < 0)
		(void)snprintf(words, LISTENERS_WORDS_MAX, "cannot give %s to the group %s: %s",
			       control->socket.text, control->group.text, strerror(-r));
	return r;
}

static int open_control(const struct conf_control *control, struct listeners **ret_listeners,
			char words[LISTENERS_WORDS_MAX])
{
	int r;

	r = open_one(&control->address, control->mode, ret_listeners, words);
	return r < 0 ? r : give_to_group(control, words);
}

int ctl_doors_open(const struct conf *conf, struct ctl_doors *ret_doors,
		   char reterr_words[LISTENERS_WORDS_MAX])
{
	struct ctl_doors doors = { 0 };
	int r = 0;

	if (conf->health.listen.text)
		r = open_one(&conf->health.listen, 0666, &doors.health, reterr_words);
	if (r >= 0 && conf->control.socket.text)
		r = open_control(&conf->control, &doors.control, reterr_words);
	if (r < 0)
		ctl_doors_close(&doors);
	else
		*ret_doors = doors;
	return r;
}

void ctl_doors_forget(const struct ctl_doors *doors)
{
	if (doors->health)
		listeners_stop(doors->health);
	if (doors->control)
		listeners_stop(doors->control);
}

void ctl_doors_close(struct ctl_doors *doors)
{
	doors->health = listeners_close(doors->health);
	doors->control = listeners_close(doors->control);
}
