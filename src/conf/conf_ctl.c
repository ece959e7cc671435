/* conf_ctl.c - see conf_ctl.h. */
#include "conf/conf_ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>

#include "conf/conf.h"
#include "conf/conf_address.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"

/* Of the listeners, one that is bound to the same; NULL. */
static const struct conf_listen *find_overlap(const struct conf *conf,
					      const struct conf_address *address)
{
	for (size_t i = 0; i < conf->n_listen; i++) {
		if (conf_address_overlaps(&conf->listen[i].address, address))
			return &conf->listen[i];
	}
	return NULL;
}

static void check_health(struct conf *conf, struct messages *messages)
{
	struct conf_health *health = &conf->health;
	const struct option_spec *option = option_table_find(OPTION_HEALTH, WEIR_STR("listen"));
	const struct conf_listen *other;

	if (!health->listen.text)
		return;
	other = find_overlap(conf, &health->listen);
	if (!other)
		return;
	messages_add(messages, conf_origin_get(option, health),
		     "listen: %s is where requests are served (%s): health needs an address of "
		     "its own",
		     health->listen.text, other->address.text);
	health->listen.text = NULL;
}

/* Its address is a path, as those of Unix listeners are. */
static int find_address(struct conf *conf, struct messages *messages)
{
	struct conf_control *control = &conf->control;
	char text[sizeof("unix:") + 4096];
	const char *words = "";
	int n = snprintf(text, sizeof(text), "unix:%s", control->socket.text);
	int r = -EINVAL;

	if (n > 0 && (size_t)n < sizeof(text))
		r = conf_address_parse(&conf->arena, (weir_str){ text, (size_t)n }, conf->dir,
				       &control->address, &words);
	else
		words = "is too long";
	if (r == -EINVAL)
		messages_add(messages, &control->socket.pos, "socket: %s %s", control->socket.text,
			     words);
	return r;
}

static int check_control(struct conf *conf, struct messages *messages)
{
	struct conf_control *control = &conf->control;
	char quote[MESSAGES_QUOTE];
	int r;

	if (control->group.text && !getgrnam(control->group.text))
		messages_add(messages, &control->group.pos, "group: there is no group %s",
			     messages_quote(weir_strz(control->group.text), quote));
	if (!control->socket.text)
		return 0;
	r = find_address(conf, messages);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && find_overlap(conf, &control->address)) {
		messages_add(messages, &control->socket.pos,
			     "socket: %s is where requests are served", control->socket.text);
		r = -EINVAL;
	}
	if (r < 0)
		control->socket.text = NULL;
	return 0;
}

int conf_ctl_check(struct conf *conf, struct messages *messages)
{
	check_health(conf, messages);
	return check_control(conf, messages);
}
