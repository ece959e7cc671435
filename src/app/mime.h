#ifndef WEIR_APP_MIME_H
#define WEIR_APP_MIME_H
/*
 * mime.h - which media type a file's name stands for: the system's table
 * (/etc/mime.types, package media-types), and a small one for where there is none.
 */
#include <weir/base.h>

#include "base/macro.h"

#define MIME_SYSTEM "/etc/mime.types"

struct mime;

/* A file that cannot be read is as if it was empty. -ENOMEM. */
MUST_USE int mime_load(const char *file, struct mime **ret_mime);
struct mime *mime_free(struct mime *mime);
DEFINE_CLEANUP(struct mime, mime_free)

/* By what stands behind the name's last dot, in any letter case; never empty. Borrowed from mime. */
weir_str mime_of(const struct mime *mime, weir_str name);

#endif
