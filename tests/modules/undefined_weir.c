/* undefined_weir.c - calls what only a newer server has. */
#include <weir/module.h>

extern int weir_call_of_tomorrow(void);

static int startup(weir_app *app)
{
	return weir_call_of_tomorrow();
}

WEIR_MODULE(.name = "undefined_weir", .startup = startup);
