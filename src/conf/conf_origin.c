/* conf_origin.c - see conf_origin.h. An array of places beside each struct, in the table's order. */
#include "conf/conf_origin.h"

#include <string.h>

static struct conf_pos **slot(enum option_place place, void *base)
{
	switch (place) {
	case OPTION_LISTEN:
		return &((struct conf_listen *)base)->origins;
	case OPTION_MODULE:
		return &((struct conf_module *)base)->origins;
	case OPTION_ROUTE:
		return &((struct conf_route *)base)->origins;
	case OPTION_JOBS:
		return &((struct conf_jobs *)base)->origins;
	case OPTION_POOL:
		return &((struct conf_job_pool *)base)->origins;
	case OPTION_TLS:
		return &((struct conf_tls *)base)->origins;
	case OPTION_CERTIFICATE:
		return &((struct conf_certificate *)base)->origins;
	case OPTION_STATIC:
		return &((struct conf_static *)base)->origins;
	case OPTION_REDIRECT:
		return &((struct conf_redirect *)base)->origins;
	case OPTION_RESPOND:
		return &((struct conf_respond *)base)->origins;
	case OPTION_HEALTH:
		return &((struct conf_health *)base)->origins;
	case OPTION_CONTROL:
		return &((struct conf_control *)base)->origins;
	case OPTION_TOP:
		break;
	}
	return &((struct conf *)base)->origins;
}

static size_t count(enum option_place place)
{
	size_t n = 0;

	for (const struct option_spec *o = option_table_next(place, NULL); o;
	     o = option_table_next(place, o))
		n++;
	return n;
}

int conf_origin_make(struct conf *conf, enum option_place place, void *base)
{
	size_t n = count(place);
	struct conf_pos *origins = arena_alloc(&conf->arena, n * sizeof(*origins));

	if (!origins)
		return -ENOMEM;
	memset(origins, 0, n * sizeof(*origins));
	*slot(place, base) = origins;
	return 0;
}

void conf_origin_set(const struct option_spec *option, void *base, const struct conf_pos *pos)
{
	struct conf_pos *origins = *slot(option->place, base);

	if (origins)
		origins[option_table_index(option)] = *pos;
}

const struct conf_pos *conf_origin_get(const struct option_spec *option, const void *base)
{
	static const struct conf_pos nowhere = { NULL, 0, 0 };
	/* Only read, here. */
	const struct conf_pos *origins = *slot(option->place, (void *)base);

	return origins ? &origins[option_table_index(option)] : &nowhere;
}
