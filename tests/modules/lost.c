/* lost.c - a library that is installed nowhere: its soname is not its file's name. */
#include <weir/base.h>

WEIR_API int lost_call(void);
int lost_call(void)
{
	return 1;
}
