#ifndef WEIR_DAEMON_TLS_BUNDLE_H
#define WEIR_DAEMON_TLS_BUNDLE_H
/*
 * tls_bundle.h - the contents of all files that the listeners' TLS needs, in the
 * order of the configuration: for each listener its certificates, each with its
 * key, then who signs those of clients. There are private keys among them: memory
 * is wiped before it is given back.
 */
#include <stddef.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

struct conf;
struct messages;

struct tls_bundle {
	weir_str *files; /* owned, and what they point to */
	size_t n_files;
};

/*
 * Reads them. -EINVAL: what could not be read was said. -ENOMEM, -EMFILE, -ENFILE: we are short of
 * something, and a later try may succeed.
 */
MUST_USE int tls_bundle_read(const struct conf *conf, struct messages *messages,
			     struct tls_bundle *ret_bundle);
void tls_bundle_done(struct tls_bundle *bundle);

/* As a sealed memfd of *ret_len bytes, for another process; and back. -EPROTO: it is none. */
MUST_USE int tls_bundle_seal(const struct tls_bundle *bundle, int *ret_fd, uint64_t *ret_len);
MUST_USE int tls_bundle_open(int fd, uint64_t len, struct tls_bundle *ret_bundle);

/* Calls each for every file, in the bundle's order. */
typedef void tls_bundle_file_fn(void *arg, const char *path);
void tls_bundle_each(const struct conf *conf, tls_bundle_file_fn *each, void *arg);

#endif
