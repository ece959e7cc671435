#ifndef WEIR_APP_GZIP_H
#define WEIR_APP_GZIP_H
/*
 * gzip.h - answers compressed on their way: a layer of middleware that is the server's own,
 * nearest to the connection. Who does not want it, and what is no use to compress, passes it
 * as it is.
 *
 * An answer whose length was promised is compressed as a whole, as it comes; what is
 * written without one is flushed with each write, so that nothing waits here.
 */
#include <stdint.h>
#include <weir/http.h>

#include "base/macro.h"

struct gzip;
struct req;

struct gzip_rules {
	uint64_t min;	       /* shorter answers stay as they are, if their length is known */
	int level;	       /* of zlib: 1 to 9 */
	const weir_str *types; /* borrowed: "text/html", "text/" for all of its kind */
	size_t n_types;
};

/* -ENOMEM. */
MUST_USE int gzip_new(const struct gzip_rules *rules, struct gzip **ret_gzip);
/* No request uses it. */
struct gzip *gzip_free(struct gzip *gzip);
/* To be a route's outermost layer. */
weir_io *gzip_layer(struct gzip *gzip);

/* The handler has returned: what it had for that is given back. */
void gzip_end(struct req *req);

/*
 * Part of a file, where this is the only layer: by the kernel if the answer stays as it is, else read on a
 * thread. -EOPNOTSUPP where there are others.
 */
MUST_USE int gzip_sendfile(struct req *req, int fd, uint64_t offset, uint64_t len);

#endif
