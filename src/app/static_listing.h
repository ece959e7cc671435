#ifndef WEIR_APP_STATIC_LISTING_H
#define WEIR_APP_STATIC_LISTING_H
/* static_listing.h - a directory's files as a page. */
#include "base/buf.h"
#include "base/macro.h"

struct req;
struct static_root;

/*
 * Answers with the directory of that name, "" or with a slash at its end; suspends. As
 * static_root_open_directory(), and nothing was sent then; -EMSGSIZE is one with too many files.
 */
MUST_USE int static_listing_send(struct req *req, const struct static_root *root,
				 const char *directory);
/* The page of it; it blocks. */
MUST_USE int static_listing_make(const struct static_root *root, const char *directory,
				 struct buf *page);

#endif
