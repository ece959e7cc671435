#ifndef WEIR_SERVE_ERRPAGE_H
#define WEIR_SERVE_ERRPAGE_H
/*
 * errpage.h - what a client is told that did wrong: a line of text, the same
 * whether a handler, the router or the parser refused it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"

struct h1_own;

#define ERRPAGE_MAX 512

/* "404 Not Found\n", or with words "400 Bad Request: a line ends with LF alone\n". Its length. */
size_t errpage_body(char out[ERRPAGE_MAX], int status, const char *words);

/* A response for a fault, with Connection: close. own: server_own(). A HEAD gets no body. */
size_t errpage_write(char out[ERRPAGE_MAX], enum fault fault, const struct h1_own *own,
		     bool has_body);

#endif
