/* needs_lost.c - needs a library that is not there at run time. */
#include <weir/module.h>

extern int lost_call(void);

static int startup(weir_app *app)
{
	return lost_call();
}

WEIR_MODULE(.name = "needs_lost", .startup = startup);
