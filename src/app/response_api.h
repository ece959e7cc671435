#ifndef WEIR_APP_RESPONSE_API_H
#define WEIR_APP_RESPONSE_API_H
/* response_api.h - see weir/http.h for what handlers call. */
#include <stdbool.h>
#include <weir/base.h>

struct req;

/* Has the handler set a field of that name? */
bool response_api_has_field(const struct req *req, weir_str name);

/* The handler has returned 0: its layers of middleware hear the last body, if they have not. */
int response_api_end(struct req *req);

#endif
