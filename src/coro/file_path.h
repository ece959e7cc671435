#ifndef WEIR_CORO_FILE_PATH_H
#define WEIR_CORO_FILE_PATH_H
/* file_path.h - what is asked of a file by its path, at once. All of it suspends. See weir/file.h. */
#include <stddef.h>

#include "base/macro.h"

struct stat;

MUST_USE int file_path_stat(const char *path, struct stat *ret_stat);
/* All of a regular file: *ret_bytes is the caller's to free, with a NUL behind its *ret_len bytes. */
MUST_USE int file_path_load(const char *path, size_t max, char **ret_bytes, size_t *ret_len);

#endif
