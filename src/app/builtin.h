#ifndef WEIR_APP_BUILTIN_H
#define WEIR_APP_BUILTIN_H
/*
 * builtin.h - handlers that are part of the server, written like any module's:
 * the module "weir", whose name no other may have. A route names one as its
 * handler (weir.ENTRY), or has a mapping that says what it is to do.
 *
 * To add one, write its weir_handler and give it a line in builtin.c.
 */
#include <stdbool.h>
#include <weir/http.h>

#include "base/macro.h"

struct buf;
struct log;
struct weir_app;

#define BUILTIN_MODULE "weir"

/*
 * What a route says to such a handler: the start of a struct of its own, made when the route
 * is bound, and freed with it.
 */
struct builtin_settings {
	void (*free)(struct builtin_settings *settings);
};
struct builtin_settings *builtin_settings_free(struct builtin_settings *settings);

/* Those of the route that the request came by; NULL: it has none. */
struct builtin_settings *builtin_settings(const weir_req *req);

/* One of these that has WebSockets, and answers plain requests as well. */
bool builtin_is_page_too(weir_handler *fn);

/* As module_open(). */
MUST_USE int builtin_open(const struct log *log, struct buf *reterr_words,
			  struct weir_app **ret_app);

#endif
