#ifndef WEIR_MODULE_H
#define WEIR_MODULE_H
/*
 * weir/module.h - what a handler module tells the server about itself.
 *
 * A module is a shared object with one description in it:
 *
 *	static int user(weir_req *req)
 *	{
 *		weir_str id = weir_param(req, "id");
 *
 *		return weir_respond(req, 200, "text/plain",
 *				    weir_printf(req, "user %.*s\n", WEIR_ARG(id)));
 *	}
 *
 *	WEIR_MODULE(.name = "shop",
 *		    .handlers = WEIR_HANDLERS({ "user", user, "GET", "/users/{id}", 0 }));
 *
 * built with
 *
 *	cc -shared -fPIC -o shop.so shop.c $(pkg-config --cflags --libs weir) -Wl,--no-undefined
 *
 * Its name is its file's name without ".so". Every worker process loads it
 * once, runs startup() before it accepts the first connection, and shutdown()
 * after the last request. Workers share no memory: what startup() makes is the
 * worker's own, and since a worker is one thread, it needs no locks except
 * over suspending calls (weir_mutex).
 *
 * A module is never unloaded while its process lives. Replace its file by
 * renaming a new one over it: writing into a mapped file kills its users.
 */
#include <weir/http.h>
WEIR_BEGIN

/*
 * A handler has a name; the configuration file binds it to a path:
 *
 *	routes:
 *	  - path: /users/{id}
 *	    handler: shop.user		<- module "shop", entry "user"
 *
 * method and path here are only where `weir run shop.so` mounts it when there
 * is no configuration. Names are letters, digits, '_' and '-', 64 of them at most.
 */
typedef struct weir_handler_entry {
	const char *name;
	weir_handler *fn;
	const char *method; /* "GET"; NULL for any; "WS": for WebSocket routes (weir/ws.h) */
	const char *path;   /* "/users/{id}", "/files/{path...}"; NULL: not by `weir run` */
	uint32_t flags;
	const struct weir_ws_handlers *ws; /* instead of fn, with "WS": see weir/ws.h; else NULL */
} weir_handler_entry;
enum { WEIR_FINISH_ANYWAY = 1 << 0 }; /* do not cancel when the client goes away */

/*
 * A job has a name, too; handlers start it by that name (weir/job.h), and it
 * runs in another process, which has loaded the same module:
 *
 *	static int resize(weir_work *work, weir_str input)
 *	{
 *		return weir_work_result(work, input);
 *	}
 *
 * and in the module's description .jobs = WEIR_JOBS({ "resize", resize }).
 * startup(), drain() and shutdown() are not called there: a job has its input,
 * and what it makes itself.
 */
typedef struct weir_work weir_work;
typedef int weir_job_fn(weir_work *work, weir_str input);
typedef struct weir_job_entry {
	const char *name;
	weir_job_fn *fn;
} weir_job_entry;

typedef struct weir_module {
	uint32_t size, handler_size, job_size;
	uint16_t abi_major, abi_minor; /* a minor newer than the server's is refused */
	const char *name;	       /* the file's name, without ".so" */

	/* In each worker, before it accepts; may suspend. An error ends the daemon. */
	int (*startup)(weir_app *app);
	/* After the last request; may suspend. Not called when startup() failed. */
	void (*shutdown)(weir_app *app);

	const weir_handler_entry *handlers;
	const weir_job_entry *jobs;

	/* The worker is about to stop: say goodbye; may suspend. */
	void (*drain)(weir_app *app);
} weir_module;

#define WEIR_MODULE_FIELDS_(...)                                                         \
	{                                                                                \
		.size = sizeof(weir_module), .handler_size = sizeof(weir_handler_entry), \
		.job_size = sizeof(weir_job_entry), .abi_major = WEIR_ABI_MAJOR,         \
		.abi_minor = WEIR_ABI_MINOR, __VA_ARGS__                                 \
	}

/*
 * WEIR_MODULE: once in a module, at file scope. The fields follow their order
 * in weir_module: C++ insists on it.
 */
#ifndef __cplusplus
#define WEIR_HANDLERS(...) ((const weir_handler_entry[]){ __VA_ARGS__, { 0 } })
#define WEIR_JOBS(...) ((const weir_job_entry[]){ __VA_ARGS__, { 0 } })
#define WEIR_MODULE(...)                                 \
	extern WEIR_API const weir_module weir_module_1; \
	const weir_module weir_module_1 = WEIR_MODULE_FIELDS_(__VA_ARGS__)
#else
/*
 * C++ has no array literals that live on, hence the function. It must not hang
 * off an exported variable: its table would be one symbol, shared by all
 * modules of the process.
 */
#define WEIR_HANDLERS(...)                                                       \
	([]() -> const weir_handler_entry * {                                    \
		static const weir_handler_entry entries[] = { __VA_ARGS__, {} }; \
		return entries;                                                  \
	}())
#define WEIR_JOBS(...)                                                       \
	([]() -> const weir_job_entry * {                                    \
		static const weir_job_entry entries[] = { __VA_ARGS__, {} }; \
		return entries;                                              \
	}())
/* clang-format off */
#define WEIR_MODULE(...)                                                               \
	_Pragma("GCC diagnostic push")                                                 \
	_Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")             \
	static const weir_module weir_module_made_ = WEIR_MODULE_FIELDS_(__VA_ARGS__); \
	_Pragma("GCC diagnostic pop")                                                  \
	extern WEIR_API const weir_module weir_module_1;                               \
	const weir_module weir_module_1 = weir_module_made_
/* clang-format on */
#endif

/* The module's section of the configuration. The text lives as long as the app. */
WEIR_API const char *weir_app_setting(const weir_app *app, const char *key, const char *fallback);
/* One pointer of the module's own; requests that start later find it in req->state. */
WEIR_API void weir_app_set_state(weir_app *app, void *state);
WEIR_API void *weir_app_state(const weir_app *app);

/*
 * Work that no request owns: fn gets a weir_req of its own (scope->type is
 * WEIR_SCOPE_TASK) with memory and log, and ends, at the latest, just before
 * shutdown(): it is then cancelled with WEIR_SHUTDOWN and waited for. From
 * startup() or any handler; fn runs up to its first suspension at the latest
 * when the caller suspends. An error it returns is logged. -EAGAIN when there
 * are too many already (option max_tasks), -ECANCELED when the worker is past
 * its last request, -ENOMEM.
 *
 * weir_app_req() is the request of startup(), drain() and shutdown()
 * themselves: for weir_log, weir_alloc, weir_fail. NULL outside of them.
 */
typedef int weir_task_fn(weir_req *req, void *arg);
WEIR_API int weir_app_spawn(weir_app *app, weir_task_fn *fn, void *arg);
WEIR_API weir_req *weir_app_req(weir_app *app);

WEIR_END
#endif
