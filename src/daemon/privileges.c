/*
 * privileges.c - see privileges.h. The hard thing is the order: groups go before the user, who may
 * not change them any more; the kernel forgets at the change of user that the parent's death
 * is to be told; and the capability to change the root is kept over it, then dropped for good.
 */
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/messages.h"

/* What the master needs after it has started. */
static const int kept[] = {
	CAP_CHOWN,	  /* unix sockets of the next configuration are the user's */
	CAP_DAC_OVERRIDE, /* logs in directories of the user */
	CAP_KILL,	  CAP_NET_BIND_SERVICE, CAP_SETGID, CAP_SETUID, CAP_SYS_CHROOT,
};

int privileges_check_start(const struct conf *conf, struct messages *messages)
{
	const struct conf_privileges *p = &conf->privileges;

	if (!p->has_user || geteuid() == 0)
		return 0;
	if (p->uid == geteuid() && !p->chroot.text)
		return 0;
	if (p->uid == geteuid())
		messages_add(messages, &p->chroot.pos, "chroot: only root can do that");
	else
		messages_add(
			messages, &p->user.pos,
			"user: only root can start processes of \"%s\"; leave it out, or start "
			"weir as root",
			p->user.text);
	return -EPERM;
}

static int set_capabilities(uint64_t wanted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(wanted >> (32 * i));
		data[i].effective = data[i].permitted;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static uint64_t bit(int capability)
{
	return (uint64_t)1 << capability;
}

void privileges_trim(const struct conf_privileges *p, const struct log *log)
{
	uint64_t wanted = 0;
	int r;

	/* What is made from now on is no business of others; modes that are said are kept. */
	(void)umask(umask(077) | 027);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!p->has_user || geteuid() != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		wanted |= bit(kept[i]);
	/* Of those that a container has left us. */
	for (int i = 0; i < 64; i++) {
		int has = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

		if (has < 0)
			break;
		if (has == 0)
			wanted &= ~bit(i);
		else if (!(wanted & bit(i)))
			(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	}
	r = set_capabilities(wanted);
	if (r < 0)
		log_write(log, LOG_AT_WARN, "the master keeps all capabilities: %s", strerror(-r));
}

static int set_ids(const struct conf_privileges *p)
{
	const struct passwd *pw = getpwuid(p->uid);
	int r;

	/* Without a name, no other groups are known. */
	r = pw ? initgroups(pw->pw_name, p->gid) : setgroups(0, NULL);
	if (r < 0 || setresgid(p->gid, p->gid, p->gid) < 0)
		return -errno;
	return setresuid(p->uid, p->uid, p->uid) < 0 ? -errno : 0;
}

/* Root becomes the user. */
static int change_user(const struct conf_privileges *p)
{
	pid_t parent = getppid();
	int r;

	if (p->chroot.text && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	r = set_ids(p);
	if (r < 0)
		return r;
	/* Both are forgotten when a process changes its user; for backtraces it looks at itself. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != parent)
		(void)raise(SIGTERM);
	return set_capabilities(p->chroot.text ? bit(CAP_SYS_CHROOT) : 0);
}

int privileges_drop(const struct conf_privileges *p)
{
	if (!p)
		return 0;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (geteuid() == 0)
		return p->has_user ? change_user(p) : 0;
	/* What a service manager has given to the master: ports below 1024. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return set_capabilities(0);
}

int privileges_enter(const struct conf_privileges *p)
{
	if (!p || !p->has_user || !p->chroot.text || getuid() == 0)
		return 0;
	if (chroot(p->chroot.text) < 0 || chdir("/") < 0)
		return -errno;
	return set_capabilities(0);
}
