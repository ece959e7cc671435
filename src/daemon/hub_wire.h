#ifndef WEIR_DAEMON_HUB_WIRE_H
#define WEIR_DAEMON_HUB_WIRE_H
/*
 * hub_wire.h - what workers and the hub say to each other, as bytes.
 *
 *	 0       4      5       6           8          12
 *	| length | type | flags | scope_len | name_len | scope | name | bytes |
 *
 * length counts all of it, in the machine's own byte order: both ends are
 * processes of one daemon. A key is scope and name: a topic, or with
 * is_prefix all topics of the scope whose names begin like that.
 *
 *	worker to hub	WANT	publications with this key, from now on
 *			UNWANT	no more of them
 *			PUBLISH	to all other workers that want it
 *	hub to worker	PUBLISH	one that it wanted
 *			LOST	bytes is a count: so many were not sent to it
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <weir/base.h>

#include "base/macro.h"

struct outq;

#define HUB_WIRE_HEAD 12
/* The longest scope, and the longest name. */
#define HUB_WIRE_KEY_MAX 65535

enum hub_type {
	HUB_WANT = 1,
	HUB_UNWANT,
	HUB_PUBLISH,
	HUB_LOST,
};

struct hub_message {
	enum hub_type type;
	bool is_prefix; /* of WANT and UNWANT */
	bool is_binary; /* of PUBLISH */
	weir_str scope;
	weir_str name;
	weir_str bytes;	 /* of PUBLISH */
	uint64_t n_lost; /* of LOST */
};

size_t hub_wire_len(const struct hub_message *message);
/* All of it or nothing. -EMSGSIZE when scope or name are too long, -ENOMEM. */
MUST_USE int hub_wire_put(struct outq *q, const struct hub_message *message);

/*
 * The message at the beginning of these bytes, and its length; its views are
 * into them. 0 while some of it is missing; -EPROTO when it makes no sense,
 * which is seen as soon as its head is there. max_bytes: of a PUBLISH.
 */
MUST_USE ssize_t hub_wire_get(weir_str in, size_t max_bytes, struct hub_message *ret_message);
/* How long the message that begins here will be, as far as can be told; of one that hub_wire_get() waits for. */
size_t hub_wire_need(weir_str in);

#endif
