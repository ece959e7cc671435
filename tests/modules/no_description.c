/* no_description.c - a shared object, but no module. */
#include <weir/module.h>

WEIR_API int something_else(void);
int something_else(void)
{
	return 1;
}
