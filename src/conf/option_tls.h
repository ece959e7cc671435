#ifndef WEIR_CONF_OPTION_TLS_H
#define WEIR_CONF_OPTION_TLS_H
/* option_tls.h - what may be said of a listener's TLS: rows for option_table.h, the last without a name. */
#include "conf/option_table.h"

extern const struct option_spec option_tls_rows[];

#endif
