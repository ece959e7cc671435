#ifndef WEIR_DAEMON_PRIVILEGES_H
#define WEIR_DAEMON_PRIVILEGES_H
/*
 * privileges.h - who is root, and who is not. The master that was started by root stays root, with
 * those few capabilities that it needs later: to bind for a reload, to read certificates that only
 * root may, to start processes of the user and to end them. All others, from their first moment,
 * are the user of the configuration, without any capability. Nobody gains a privilege by exec.
 */
#include "base/macro.h"

struct conf;
struct conf_privileges;
struct log;
struct messages;

/* Can the user be had at all by who starts the daemon? -EPERM: why not was said. */
MUST_USE int privileges_check_start(const struct conf *conf, struct messages *messages);

/* In the master, when all is open that only root may: gives up the rest. */
void privileges_trim(const struct conf_privileges *p, const struct log *log);

/*
 * In a child, before it does anything of its own: becomes the user. Where there is a chroot, it
 * can still be entered, and nothing else.
 */
MUST_USE int privileges_drop(const struct conf_privileges *p);
/* When what is outside was read: enters the chroot, if there is one. */
MUST_USE int privileges_enter(const struct conf_privileges *p);

#endif
