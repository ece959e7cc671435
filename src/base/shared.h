#ifndef WEIR_BASE_SHARED_H
#define WEIR_BASE_SHARED_H
/*
 * shared.h - memory that a process shares with the children it forks
 * afterwards: zeros at first, and written by whom its owner says. It is gone with
 * the last process that has it, and lost by none: nothing of it is on disk.
 */
#include <stddef.h>

#include "base/macro.h"

/* At least size bytes, at a page's beginning. Pages that nobody writes to cost nothing. NULL: -ENOMEM. */
MUST_USE void *shared_new(size_t size);
/* Of this process alone; the others keep theirs. NULL is fine. */
void *shared_free(void *memory, size_t size);

#endif
