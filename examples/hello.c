/*
 * hello.c - the smallest module. A handler is a function that gets a request
 * and returns 0 when it has answered it, or an error; the description at the
 * end tells the server which handlers there are.
 *
 *	curl http://127.0.0.1:8000/hello
 *
 * Any module can be served without a configuration file, on the paths in its
 * description:
 *
 *	build/weir run build/examples/hello.so
 */
#include <weir/weir.h>

static int hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello, world\n"));
}

WEIR_MODULE(.name = "hello", .handlers = WEIR_HANDLERS({ "hello", hello, "GET", "/hello", 0 }));
