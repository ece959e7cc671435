/* conf_privileges.c - see conf_privileges.h. */
#include "conf/conf_privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "conf/conf.h"
#include "conf/messages.h"

/* "33", as well as a name. */
static bool is_number(const char *text, unsigned *ret_number)
{
	uint64_t number;

	if (str_to_u64(weir_strz(text), &number) < 0 || number >= UINT32_MAX)
		return false;
	*ret_number = (unsigned)number;
	return true;
}

static void check_user(struct conf *conf, struct messages *messages)
{
	struct conf_privileges *p = &conf->privileges;
	const struct passwd *pw;
	unsigned number = 0;
	bool has_number = is_number(p->user.text, &number);

	pw = has_number ? getpwuid(number) : getpwnam(p->user.text);
	if (!pw && !has_number) {
		messages_add(messages, &p->user.pos,
			     "user: there is no user \"%s\" on this machine", p->user.text);
		return;
	}
	if (!pw && !p->group.text) {
		messages_add(messages, &p->user.pos,
			     "user: %s is no user's number on this machine: then \"group\" must be "
			     "said, too",
			     p->user.text);
		return;
	}
	p->has_user = true;
	p->uid = pw ? pw->pw_uid : number;
	p->gid = pw ? pw->pw_gid : 0;
}

static void check_group(struct conf *conf, struct messages *messages)
{
	struct conf_privileges *p = &conf->privileges;
	const struct group *group;
	unsigned number;

	if (!p->user.text) {
		messages_add(messages, &p->group.pos,
			     "group: it is the group of \"user\", which is not there");
		return;
	}
	if (is_number(p->group.text, &number)) {
		p->gid = number;
		return;
	}
	group = getgrnam(p->group.text);
	if (group)
		p->gid = group->gr_gid;
	else
		messages_add(messages, &p->group.pos,
			     "group: there is no group \"%s\" on this machine", p->group.text);
}

static void check_chroot(const struct conf_privileges *p, struct messages *messages)
{
	struct stat st;

	if (!p->user.text || (p->has_user && p->uid == 0))
		messages_add(messages, &p->chroot.pos,
			     "chroot: root gets out of one: \"user\" must be said, and be another");
	if (stat(p->chroot.text, &st) < 0) {
		messages_add(messages, &p->chroot.pos, "chroot: %s: %s", p->chroot.text,
			     strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode))
		messages_add(messages, &p->chroot.pos, "chroot: %s is no directory",
			     p->chroot.text);
	else if (st.st_uid != 0 || (st.st_mode & 022) != 0)
		messages_add(messages, &p->chroot.pos,
			     "chroot: %s can be written by others than root", p->chroot.text);
}

/* Who serves there can also be asked there: the socket's file is the user's. */
static void own_sockets(struct conf *conf)
{
	/* conf is still being made; its lists become read-only when it is handed out. */
	struct conf_listen *listen = (struct conf_listen *)conf->listen;

	for (size_t i = 0; i < conf->n_listen; i++) {
		listen[i].has_owner = geteuid() == 0 && conf->privileges.has_user;
		listen[i].uid = conf->privileges.uid;
		listen[i].gid = conf->privileges.gid;
	}
}

void conf_privileges_check(struct conf *conf, struct messages *messages)
{
	if (conf->privileges.user.text)
		check_user(conf, messages);
	if (conf->privileges.group.text)
		check_group(conf, messages);
	if (conf->privileges.chroot.text)
		check_chroot(&conf->privileges, messages);
	own_sockets(conf);
}
