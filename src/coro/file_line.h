#ifndef WEIR_CORO_FILE_LINE_H
#define WEIR_CORO_FILE_LINE_H
/* file_line.h - reading a file line by line. */
#include <stddef.h>
#include <weir/base.h>

#include "base/macro.h"

struct file;

/*
 * 1 and the next line without its newline, valid until the file is next read
 * from; 0 at the end. -EMSGSIZE for one of more than max bytes, and the next
 * call goes on behind it. Suspends; the errors are file_read()'s, and -ENOMEM.
 */
MUST_USE int file_line(struct file *f, size_t max, weir_str *ret_line);

#endif
