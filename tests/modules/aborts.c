/* aborts.c - ends the process that loads it, before anybody has called anything. */
#include <stdlib.h>
#include <weir/module.h>

__attribute__((constructor)) static void be_loaded(void)
{
	abort();
}

static int any(weir_req *req)
{
	return 0;
}

WEIR_MODULE(.name = "aborts", .handlers = WEIR_HANDLERS({ "any", any, "GET", "/", 0 }));
