/* header_module.c - the example of weir/module.h. */
#include <weir/weir.h>

static int user(weir_req *req)
{
	weir_str id = weir_param(req, "id");

	return weir_respond(req, 200, "text/plain", weir_printf(req, "user %.*s\n", WEIR_ARG(id)));
}

WEIR_MODULE(.name = "shop", .handlers = WEIR_HANDLERS({ "user", user, "GET", "/users/{id}", 0 }));
