/* newer_minor.c - built against headers newer than the server. */
#include <weir/module.h>

extern WEIR_API const weir_module weir_module_1;
const weir_module weir_module_1 = {
	.size = sizeof(weir_module) + 64,
	.handler_size = sizeof(weir_handler_entry) + 8,
	.abi_major = WEIR_ABI_MAJOR,
	.abi_minor = WEIR_ABI_MINOR + 1,
	.name = "newer_minor",
};
