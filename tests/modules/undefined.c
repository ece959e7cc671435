/* undefined.c - linked without a library it needs, and without -Wl,--no-undefined. */
#include <weir/module.h>

extern int shop_connect(void);

static int startup(weir_app *app)
{
	return shop_connect();
}

WEIR_MODULE(.name = "undefined", .startup = startup);
