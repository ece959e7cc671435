#ifndef WEIR_CONF_CONF_ADDRESS_H
#define WEIR_CONF_CONF_ADDRESS_H
/*
 * conf_address.h - what a listener is bound to, as people write it:
 * "127.0.0.1:8000", "[::1]:8000", "*:8000", "unix:/path", or "systemd:name", a socket
 * that the service manager hands over. Names of hosts are not looked up: what they mean may change, and may be more than one address.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"
#include "conf/conf.h"

/* The longest name of an inherited socket (FDNAME_MAX of systemd). */
#define CONF_ADDRESS_NAME_MAX 255

/*
 * A Unix path that is relative is relative to dir. The text of the address is
 * made in arena. -EINVAL, and *reterr_words says why, to stand after the
 * address: "has no port"; -ENOMEM.
 */
MUST_USE int conf_address_parse(struct arena *arena, weir_str s, const char *dir,
				struct conf_address *ret_address, const char **reterr_words);

/* Would a socket on one get what is meant for the other, so that only one can be bound? */
bool conf_address_overlaps(const struct conf_address *a, const struct conf_address *b);

#endif
