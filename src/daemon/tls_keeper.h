#ifndef WEIR_DAEMON_TLS_KEEPER_H
#define WEIR_DAEMON_TLS_KEEPER_H
/*
 * tls_keeper.h - the master's hand on certificates, private keys, and the keys of
 * session tickets. Workers get what it has when they are forked, and by a sealed
 * memfd what is new; so only the master has to be able to read the files.
 *
 * Files are looked at every two seconds; those that have changed, and then not
 * for a while, are read. New ones that are no good change nothing, and are said; where memory or
 * descriptors were short, the next look tries again.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"

struct conf;
struct log;
struct messages;
struct tls_contexts;
struct tls_keeper;
struct worker_slot;

/* *ret_keeper is NULL where no listener has TLS. former: whose tickets are good on; NULL. -EINVAL: what is wrong was said. -ENOMEM, -EMFILE, -ENFILE, -EIO. */
MUST_USE int tls_keeper_new(const struct conf *conf, const struct tls_keeper *former,
			    struct messages *messages, struct tls_keeper **ret_keeper);
/* In any process: wipes what it has of keys. NULL is fine; returns NULL. */
struct tls_keeper *tls_keeper_free(struct tls_keeper *k);
DEFINE_CLEANUP(struct tls_keeper, tls_keeper_free)

/* In a worker: takes the contexts, and leaves the rest. k may be NULL: then there are none. */
struct tls_contexts *tls_keeper_take(struct tls_keeper *k);
/* In a worker: those of a bundle that the master has sent. take_fd is closed. */
MUST_USE int tls_keeper_receive(struct tls_keeper *k, int take_fd, uint64_t len,
				struct tls_contexts **ret_contexts);

/* In the master. Does what is due; log: where news go. k may be NULL for all of them. */
void tls_keeper_tick(struct tls_keeper *k, int64_t now_ms, const struct log *log);
/* When it wants to be ticked; INT64_MAX: never. */
int64_t tls_keeper_next_ms(const struct tls_keeper *k);
/* Grows when there is something new to send; workers have that of when they were forked. */
unsigned tls_keeper_generation(const struct tls_keeper *k);
/*
 * Sends it to workers of this generation that do not have it. Who cannot take it now, because its
 * socket is full, gets it when this is called again.
 */
void tls_keeper_tell(const struct tls_keeper *k, struct worker_slot *slots, unsigned n_slots,
		     unsigned generation);

#endif
