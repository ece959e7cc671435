#ifndef WEIR_TESTS_ON_VALGRIND_H
#define WEIR_TESTS_ON_VALGRIND_H
/* on_valgrind.h - for the few tests of what valgrind does itself, and differently. */
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#endif
