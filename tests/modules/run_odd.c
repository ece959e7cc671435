/* run_odd.c - each of its handlers names a place of its own that `weir run` cannot give it. */
#include <weir/module.h>

static int any(weir_req *req)
{
	return 0;
}

WEIR_MODULE(.name = "run_odd", .handlers = WEIR_HANDLERS({ "first", any, "GET", "/same", 0 },
							 { "second", any, "GET", "/same", 0 },
							 { "open", any, "GET", "/{open", 0 }));
