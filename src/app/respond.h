#ifndef WEIR_APP_RESPOND_H
#define WEIR_APP_RESPOND_H
/* respond.h - a handler whose answer is always the same: `respond:` of a route. */
#include <weir/http.h>

#include "app/builtin.h"

struct respond_field {
	const char *name, *value;
};

/* All borrowed, for as long as the settings live. */
struct respond_spec {
	int status;
	const char *type; /* NULL: none */
	weir_str body;
	const struct respond_field *fields; /* checked (http_field_check()) */
	size_t n_fields;
};

/* -ENOMEM. */
MUST_USE int respond_new(const struct respond_spec *spec, struct builtin_settings **ret_settings);
int respond_handler(weir_req *req);

#endif
