#ifndef WEIR_CONF_OPTION_ORIGIN_H
#define WEIR_CONF_OPTION_ORIGIN_H
/*
 * option_origin.h - one of a route's origins: whose pages may open its
 * WebSocket. Text that no browser sends would never match, and nobody would
 * know why; so it is refused, with what was probably meant.
 */
#include <weir/base.h>

#include "base/macro.h"
#include "conf/option_value.h"

/* "*", "null", or a scheme, "://" and a host. -EINVAL: words to stand after "NAME: ". */
MUST_USE int option_origin_check(weir_str text, char reterr_words[OPTION_WORDS]);

#endif
