/* subscriber.c - see subscriber.h. */
#include "serve/subscriber.h"

void subscriber_init(struct subscriber *s, void (*ready)(struct subscriber *s))
{
	*s = (struct subscriber){ .ready = ready };
	list_init(&s->link);
}

uint64_t subscriber_lost(const struct subscriber *s)
{
	if (!s->log || s->cursor >= s->log->first)
		return s->lost;
	return s->lost + (s->log->first - s->cursor);
}

struct topic *subscriber_topic(const struct subscriber *s)
{
	return s->log ? s->log->topic : NULL;
}
