#ifndef WEIR_CONF_CONF_ANSWER_H
#define WEIR_CONF_CONF_ANSWER_H
/*
 * conf_answer.h - what answers a route: a module's handler, or one of the
 * server's own, which a mapping of the route sets up.
 */
#include <stdbool.h>

struct conf_route;
struct messages;

/*
 * Of a route that has one of them: answer is set, and of a mapping the handler's name, and
 * the methods that it has by itself. False: it makes no sense, and that was said.
 */
bool conf_answer_check(struct conf_route *route, struct messages *messages);

#endif
