#ifndef WEIR_CONF_CONF_ORIGIN_H
#define WEIR_CONF_CONF_ORIGIN_H
/*
 * conf_origin.h - where each value of a configuration is from, for `weir -T`. base is
 * always the struct that the option's place is about: conf itself, or an item
 * of one of its lists.
 */
#include "base/macro.h"
#include "conf/conf.h"
#include "conf/option_table.h"

/* All of base's values are defaults from now on. -ENOMEM. */
MUST_USE int conf_origin_make(struct conf *conf, enum option_place place, void *base);

/* pos->file is borrowed and has to live as long as conf. */
void conf_origin_set(const struct option_spec *option, void *base, const struct conf_pos *pos);

/* Never NULL; its file is NULL for a default. */
const struct conf_pos *conf_origin_get(const struct option_spec *option, const void *base);

#endif
