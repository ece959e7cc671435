#ifndef WEIR_DAEMON_TLS_CONTEXTS_H
#define WEIR_DAEMON_TLS_CONTEXTS_H
/* tls_contexts.h - for each listener what its TLS connections have in common; none where it has no TLS. */
#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

struct conf;
struct messages;
struct tls_bundle;
struct tls_contexts;
struct tls_ctx;
struct tls_tickets;

/* Does any listener have TLS? */
bool tls_contexts_are_wanted(const struct conf *conf);

/*
 * Out of the files that bundle holds; tickets are borrowed for long, or NULL.
 * What is wrong or odd is said, with the place in the configuration. -EINVAL
 * when it is wrong; -ENOMEM.
 */
MUST_USE int tls_contexts_new(const struct conf *conf, const struct tls_bundle *bundle,
			      const struct tls_tickets *tickets, struct messages *messages,
			      struct tls_contexts **ret_contexts);
/* Connections keep theirs. NULL is fine; returns NULL. */
struct tls_contexts *tls_contexts_free(struct tls_contexts *contexts);
DEFINE_CLEANUP(struct tls_contexts, tls_contexts_free)

/* NULL: that listener has no TLS. contexts may be NULL, too. */
struct tls_ctx *tls_contexts_at(const struct tls_contexts *contexts, size_t listener);

#endif
