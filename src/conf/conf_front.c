/* conf_front.c - see conf_front.h. */
#include "conf/conf_front.h"

#include <errno.h>
#include <string.h>

#include "app/hosts.h"
#include "base/inet.h"
#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"

static void check_hosts(const struct conf *conf, struct messages *messages)
{
	const struct option_spec *option = option_table_find(OPTION_TOP, WEIR_STR("unknown_hosts"));

	if (conf->front.unknown_hosts == CONF_UNKNOWN_HOSTS_SERVE)
		return;
	for (size_t i = 0; i < conf->n_routes; i++) {
		if (conf->routes[i].host.text)
			return;
	}
	messages_warn(messages, conf_origin_get(option, conf),
		      "unknown_hosts: no route has a host: nothing is refused");
}

int conf_front_check(struct conf *conf, struct messages *messages)
{
	struct conf_front *front = &conf->front;
	struct inet_net *nets;

	check_hosts(conf, messages);
	if (front->n_trusted_proxies == 0)
		return 0;
	nets = arena_alloc(&conf->arena, front->n_trusted_proxies * sizeof(*nets));
	if (!nets)
		return -ENOMEM;
	for (size_t i = 0; i < front->n_trusted_proxies; i++) {
		const struct conf_name *name = &front->trusted_proxies[i];
		char quote[MESSAGES_QUOTE];
		const char *words;

		if (!strcmp(name->text, "unix:"))
			front->trusts_unix = true;
		else if (inet_net_parse(weir_strz(name->text), &nets[front->n_nets], &words) == 0)
			front->n_nets++;
		else
			messages_add(messages, &name->pos, "trusted_proxies: %s %s",
				     messages_quote(weir_strz(name->text), quote), words);
	}
	front->nets = nets;
	return 0;
}

int conf_front_spell(struct conf *conf, struct conf_route *route, struct messages *messages)
{
	char spelled[HOSTS_MAX_NAME + 1], quote[MESSAGES_QUOTE];
	const char *words;
	weir_str copy;

	if (!route->host.text)
		return 1;
	if (hosts_spell(weir_strz(route->host.text), spelled, &words) < 0) {
		messages_add(messages, &route->host.pos, "host: %s %s",
			     messages_quote(weir_strz(route->host.text), quote), words);
		return 0;
	}
	/* With its NUL. */
	copy = arena_copy(&conf->arena, (weir_str){ spelled, strlen(spelled) + 1 });
	if (!copy.ptr)
		return -ENOMEM;
	route->host.text = copy.ptr;
	return 1;
}

bool conf_front_has_own_rate(const struct conf_route *route)
{
	static const char *const names[] = { "rate_limit", "rate_period", "rate_burst" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct option_spec *option = option_table_find(OPTION_ROUTE,
								     weir_strz(names[i]));

		if (conf_origin_get(option, route)->file)
			return true;
	}
	return false;
}
