#ifndef WEIR_CONF_CONF_FILE_H
#define WEIR_CONF_CONF_FILE_H
/*
 * conf_file.h - the bytes of a configuration file, before any parser sees
 * them: a regular file of at most 1 MiB, UTF-8, no control bytes.
 */
#include "base/buf.h"
#include "base/macro.h"

struct messages;

#define CONF_FILE_MAX (1024 * 1024)

/* Appends to out. What is wrong goes to messages, then -EINVAL; -ENOMEM. Never blocks. */
MUST_USE int conf_file_read(const char *path, struct messages *messages, struct buf *out);

#endif
