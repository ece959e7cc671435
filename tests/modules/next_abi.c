/* next_abi.c - a module of a weir that does not exist yet. */
#include <weir/module.h>

extern WEIR_API const int weir_module_2;
const int weir_module_2 = 2;
