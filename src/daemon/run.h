#ifndef WEIR_DAEMON_RUN_H
#define WEIR_DAEMON_RUN_H
/* run.h - the whole program, from its arguments to its exit code. */
#include <weir/base.h>

/* For src/main.c only: not part of the modules' API, and not promised to stay. */
WEIR_API int weir_main(int argc, char **argv);

#endif
