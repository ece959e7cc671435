#ifndef WEIR_CONF_OPTION_CTL_H
#define WEIR_CONF_OPTION_CTL_H
/* option_ctl.h - what may be said of health: and control: rows for option_table.h, the last without a name. */
#include "conf/option_table.h"

extern const struct option_spec option_ctl_rows[];

#endif
