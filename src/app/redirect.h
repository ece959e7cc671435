#ifndef WEIR_APP_REDIRECT_H
#define WEIR_APP_REDIRECT_H
/*
 * redirect.h - a handler that sends clients elsewhere: `redirect:` of a route.
 * The target is a text in which {name} is what the route's parameter of that
 * name has, encoded again, so that nobody can put anything else into it.
 */
#include <weir/http.h>

#include "app/builtin.h"

struct redirect_spec {
	const char *to; /* borrowed, and checked */
	int status;
	bool keeps_query;
};

/* -EINVAL: a target that makes no sense on a route of that path; reterr_words says why. */
#define REDIRECT_WORDS 192
MUST_USE int redirect_check(const char *to, const char *path, char reterr_words[REDIRECT_WORDS]);

/* -ENOMEM. */
MUST_USE int redirect_new(const struct redirect_spec *spec, struct builtin_settings **ret_settings);
int redirect_handler(weir_req *req);

#endif
