/* hub_wire.c - see hub_wire.h. Nothing that arrives is believed: a worker may have lost its mind. */
#include "daemon/hub_wire.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "io/outq.h"

#define FLAG_PREFIX 1
#define FLAG_BINARY 2

struct head {
	uint32_t len;
	uint8_t type;
	uint8_t flags;
	uint16_t scope_len;
	uint32_t name_len;
};

_Static_assert(sizeof(struct head) == HUB_WIRE_HEAD, "a head without holes");

static size_t bytes_len(const struct hub_message *m)
{
	return m->type == HUB_LOST ? sizeof(m->n_lost) : m->bytes.len;
}

size_t hub_wire_len(const struct hub_message *m)
{
	return HUB_WIRE_HEAD + m->scope.len + m->name.len + bytes_len(m);
}

int hub_wire_put(struct outq *q, const struct hub_message *m)
{
	size_t len = hub_wire_len(m);
	struct head head = { .len = (uint32_t)len,
			     .type = (uint8_t)m->type,
			     .flags = (uint8_t)((m->is_prefix ? FLAG_PREFIX : 0) |
						(m->is_binary ? FLAG_BINARY : 0)),
			     .scope_len = (uint16_t)m->scope.len,
			     .name_len = (uint32_t)m->name.len };
	char *out;

	if (m->scope.len > HUB_WIRE_KEY_MAX || m->name.len > HUB_WIRE_KEY_MAX || len > UINT32_MAX)
		return -EMSGSIZE;
	out = outq_reserve(q, len);
	if (!out)
		return -ENOMEM;
	memcpy(out, &head, sizeof(head));
	out = str_put(out + sizeof(head), m->scope);
	out = str_put(out, m->name);
	if (m->type == HUB_LOST)
		memcpy(out, &m->n_lost, sizeof(m->n_lost));
	else
		(void)str_put(out, m->bytes);
	outq_commit(q, len);
	return 0;
}

static bool head_makes_sense(const struct head *head, size_t max_bytes)
{
	size_t key_len = (size_t)head->scope_len + head->name_len;
	size_t n_bytes;

	if (head->name_len > HUB_WIRE_KEY_MAX || head->len < HUB_WIRE_HEAD + key_len)
		return false;
	n_bytes = head->len - HUB_WIRE_HEAD - key_len;
	switch (head->type) {
	case HUB_WANT:
	case HUB_UNWANT:
		return n_bytes == 0 && (head->flags & ~FLAG_PREFIX) == 0;
	case HUB_PUBLISH:
		return n_bytes <= max_bytes && (head->flags & ~FLAG_BINARY) == 0;
	case HUB_LOST:
		return n_bytes == sizeof(uint64_t) && key_len == 0 && head->flags == 0;
	default:
		return false;
	}
}

ssize_t hub_wire_get(weir_str in, size_t max_bytes, struct hub_message *ret_message)
{
	const char *at = in.ptr + HUB_WIRE_HEAD;
	struct hub_message m = { 0 };
	struct head head;

	if (in.len < sizeof(head))
		return 0;
	memcpy(&head, in.ptr, sizeof(head));
	if (!head_makes_sense(&head, max_bytes))
		return -EPROTO;
	if (in.len < head.len)
		return 0;
	m.type = head.type;
	m.is_prefix = head.flags & FLAG_PREFIX;
	m.is_binary = head.flags & FLAG_BINARY;
	m.scope = (weir_str){ at, head.scope_len };
	m.name = (weir_str){ at + head.scope_len, head.name_len };
	at += m.scope.len + m.name.len;
	if (m.type == HUB_LOST)
		memcpy(&m.n_lost, at, sizeof(m.n_lost));
	else
		m.bytes = (weir_str){ at, (size_t)(in.ptr + head.len - at) };
	*ret_message = m;
	return head.len;
}

size_t hub_wire_need(weir_str in)
{
	struct head head;

	if (in.len < sizeof(head))
		return sizeof(head);
	memcpy(&head, in.ptr, sizeof(head));
	return head.len;
}
