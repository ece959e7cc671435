#ifndef WEIR_CONF_CONF_PRIVILEGES_H
#define WEIR_CONF_CONF_PRIVILEGES_H
/* conf_privileges.h - user, group and chroot of a configuration: are they there, and which are they? */
struct conf;
struct messages;

/* Looks up user and group, and whether chroot can be one. */
void conf_privileges_check(struct conf *conf, struct messages *messages);

#endif
