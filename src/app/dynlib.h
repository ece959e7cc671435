#ifndef WEIR_APP_DYNLIB_H
#define WEIR_APP_DYNLIB_H
/*
 * dynlib.h - finding and opening a shared object, with words for people when
 * it does not work: what is wrong with which file, and what helps.
 */
#include <stddef.h>

#include "base/buf.h"

/*
 * Where a module's file is. An absolute path is itself; another one is looked
 * for in each of dirs, or in the working directory when there are none.
 * -ENOENT; *ret_file is to be freed.
 */
MUST_USE int dynlib_find(const char *path, const char *const *dirs, size_t n_dirs,
			 struct buf *reterr_words, char **ret_file);

/*
 * All symbols resolved, none of them visible to others. Never closed: a thread
 * of its own may run in it, and its constructors cannot be undone. -ENOEXEC for
 * what is no shared object for this machine, -ELIBACC when it lacks something.
 */
MUST_USE int dynlib_open(const char *file, struct buf *reterr_words, void **ret_handle);

/* NULL when there is none. */
const void *dynlib_symbol(void *handle, const char *name);

#endif
