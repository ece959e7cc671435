#ifndef WEIR_CONF_CONF_TLS_H
#define WEIR_CONF_CONF_TLS_H
/* conf_tls.h - what a listener says of TLS: whether it makes sense, without a look at the files. */
#include "base/macro.h"

struct conf;
struct messages;

/*
 * For each listener: is TLS on, and all of its certificates in one list. Then
 * what is wrong with it. -ENOMEM.
 */
MUST_USE int conf_tls_check(struct conf *conf, struct messages *messages);

#endif
