#ifndef WEIR_BASE_MACRO_H
#define WEIR_BASE_MACRO_H
/*
 * macro.h - the few macros this code base allows itself. None of them hides a
 * return, a goto or a suspension.
 */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Seldom called: kept out of its caller, who then needs fewer registers and less stack. */
#define COLD __attribute__((noinline, cold))

/* The same for what is not so seldom. */
#define APART __attribute__((noinline))

/*
 * On the way of every request: all it calls is built into it, but what is COLD or APART.
 * A call costs fifteen instructions, most of them for registers it might use.
 */
#define HOT __attribute__((flatten))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* A local that owns: _cleanup_(session_freep) struct session *s = NULL; */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Makes session_freep() out of session_free(), for _cleanup_. */
#define DEFINE_CLEANUP(type, free_fn)           \
	static inline void free_fn##p(type **p) \
	{                                       \
		if (*p)                         \
			(void)free_fn(*p);      \
	}

/* Gives away what a cleanup would have freed. */
#define steal_ptr(p)                         \
	({                                   \
		__typeof__(p) _stolen = (p); \
		(p) = NULL;                  \
		_stolen;                     \
	})

#define steal_fd(fd)                \
	({                          \
		int _stolen = (fd); \
		(fd) = -1;          \
		_stolen;            \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void close_fdp(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

#endif
