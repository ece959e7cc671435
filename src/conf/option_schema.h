#ifndef WEIR_CONF_OPTION_SCHEMA_H
#define WEIR_CONF_OPTION_SCHEMA_H
/*
 * option_schema.h - the option table for editors: `weir --print-schema`, a JSON
 * Schema (draft 7, which editors know best) of the configuration file.
 *
 * What it takes the reader takes too, but for what stands between two places:
 * duplicates, modules that are not there, limits that contradict each other. What
 * ${NAME} stands for nobody can know: such a value is good wherever it may stand.
 */
#include "base/buf.h"
#include "base/macro.h"

/* -ENOMEM. */
MUST_USE int option_schema_print(struct buf *out);

#endif
