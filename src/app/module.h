#ifndef WEIR_APP_MODULE_H
#define WEIR_APP_MODULE_H
/*
 * module.h - a handler module as one worker has it: its description checked,
 * its handlers, jobs and middleware found by name. What it does at start and
 * end is lifespan's.
 */
#include <stddef.h>
#include <weir/module.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/macro.h"

struct log;
struct lifespan;
struct metrics;
struct metrics_api_family;

struct module_setting {
	const char *key, *value;
};

/* What the configuration says about it. All borrowed. */
struct module_spec {
	const char *path;	 /* "shop.so"; see dynlib_find() */
	const char *name;	 /* NULL: the file's name without ".so" */
	const char *const *dirs; /* module_path */
	size_t n_dirs;
	const struct module_setting *settings;
	size_t n_settings;
};

/* The public weir_app. */
struct weir_app {
	char *name;			 /* owned */
	char *file;			 /* owned; NULL when it is linked in */
	void *handle;			 /* dlopen's; NULL when it is linked in */
	weir_module def;		 /* a copy, what an older module did not know set to zero */
	size_t n_handlers;		 /* def.handlers before its end */
	size_t n_jobs;			 /* def.jobs before its end */
	struct module_setting *settings; /* owned, texts too */
	size_t n_settings;
	void *state;			    /* the module's own: weir_app_set_state() */
	const struct log *log;		    /* borrowed */
	struct metrics *metrics;	    /* borrowed; NULL: nobody counts */
	struct metrics_api_family *counted; /* owned: see metrics_api.c */

	/* kept by lifespan.c */
	struct lifespan *lifespan; /* borrowed; NULL before and after */
	weir_req *req;		   /* borrowed; while startup(), drain() or shutdown() runs */
	struct list tasks;	   /* background tasks that run */
	unsigned n_tasks;
	bool is_started; /* startup() succeeded, shutdown() is due */
};

/*
 * Finds, opens and checks a module. reterr_words says for people what is wrong
 * and what helps. -ENOENT, -ENOEXEC, -ELIBACC, -ENOMEM; -ENOSYS for an ABI that
 * is not ours; -EINVAL for a description that makes no sense.
 */
MUST_USE int module_open(const struct module_spec *spec, const struct log *log,
			 struct buf *reterr_words, struct weir_app **ret_app);
/* One that is linked in: its file is not looked for and may be called anything. */
MUST_USE int module_wrap(const weir_module *def, const struct log *log, struct buf *reterr_words,
			 struct weir_app **ret_app);
struct weir_app *module_free(struct weir_app *app);
DEFINE_CLEANUP(struct weir_app, module_free)

/* The i-th handler, what an older module did not know set to zero. i < n_handlers. */
weir_handler_entry module_handler_at(const struct weir_app *app, size_t i);
/* By name. -ENOENT. */
MUST_USE int module_handler(const struct weir_app *app, weir_str name, struct buf *reterr_words,
			    weir_handler_entry *ret_entry);
/* The same for jobs. i < n_jobs. */
weir_job_entry module_job_at(const struct weir_app *app, size_t i);
MUST_USE int module_job(const struct weir_app *app, weir_str name, struct buf *reterr_words,
			weir_job_entry *ret_entry);
/* By name; next is for the caller to fill in. -ENOENT. */
MUST_USE int module_middleware(const struct weir_app *app, weir_str name, struct buf *reterr_words,
			       weir_io *ret_io);
bool module_is_websocket(const weir_handler_entry *entry);

#endif
