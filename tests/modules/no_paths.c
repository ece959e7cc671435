/* no_paths.c - needs a configuration: none of its handlers has a path. */
#include <weir/module.h>

static int any(weir_req *req)
{
	return 0;
}

WEIR_MODULE(.name = "no_paths", .handlers = WEIR_HANDLERS({ "any", any, NULL, NULL, 0 }));
