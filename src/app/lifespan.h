#ifndef WEIR_APP_LIFESPAN_H
#define WEIR_APP_LIFESPAN_H
/*
 * lifespan.h - the modules of one worker from the first startup() to the last
 * shutdown(), and the background tasks in between.
 *
 *	lifespan_startup()	each module's startup(), in order, one at a time
 *	lifespan_drain()	each module's drain(), in order
 *	lifespan_shutdown()	background tasks are cancelled and awaited; then
 *				each module's shutdown(), in reverse order
 *
 * Each of these calls runs in a task, so it may suspend, and has a request of
 * its own, whose memory ends with it. All calls here are made on the loop's
 * stack; done() is called there too, perhaps before the call returns.
 */
#include <stddef.h>

#include "base/macro.h"

struct site;
struct weir_app;
struct lifespan;

typedef void lifespan_done_fn(void *arg, int result);

/* apps are borrowed, and must not be in another lifespan. max_tasks: background tasks a module may have. */
MUST_USE int lifespan_new(struct site *site, struct weir_app *const *apps, size_t n_apps,
			  unsigned max_tasks, struct lifespan **ret_lifespan);
/* Before any startup, or when the shutdown is done. */
struct lifespan *lifespan_free(struct lifespan *l);
DEFINE_CLEANUP(struct lifespan, lifespan_free)

/*
 * done(arg, 0), or the error of the first module that could not start; the
 * later ones are then not tried, and lifespan_shutdown() is still due.
 * -ECANCELED when lifespan_shutdown() was called meanwhile.
 */
void lifespan_startup(struct lifespan *l, lifespan_done_fn *done, void *arg);
/* Why not, for people: module and reason. Empty when nothing failed. */
const char *lifespan_words(const struct lifespan *l);

/* Once, after a startup that succeeded. Nobody needs to wait for it: shutdown does. */
void lifespan_drain(struct lifespan *l);

/* At any time after the call of lifespan_startup(), once; what runs of startup and drain is cancelled. */
void lifespan_shutdown(struct lifespan *l, lifespan_done_fn *done, void *arg);

#endif
