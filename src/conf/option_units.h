#ifndef WEIR_CONF_OPTION_UNITS_H
#define WEIR_CONF_OPTION_UNITS_H
/* option_units.h - what limits in the tables of options are written in: bytes and milliseconds. */
#include <stdint.h>

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define TIB (GIB * 1024)
#define SECOND ((uint64_t)1000)
#define HOUR (SECOND * 3600)

#endif
