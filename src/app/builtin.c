/* builtin.c - see builtin.h. */
#include "app/builtin.h"

#include <weir/module.h>

#include "app/metrics_page.h"
#include "app/module.h"
#include "app/redirect.h"
#include "app/req.h"
#include "app/respond.h"
#include "app/site.h"
#include "app/static.h"
#include "app/status_page.h"

/* One a line. The last is empty. */
static const weir_handler_entry handlers[] = {
	{ .name = "metrics", .fn = metrics_page },
	{ .name = "redirect", .fn = redirect_handler },
	{ .name = "respond", .fn = respond_handler },
	{ .name = "static", .fn = static_handler },
	{ .name = "status", .fn = status_page, .method = "WS" },
	{ .name = NULL },
};

int builtin_open(const struct log *log, struct buf *reterr_words, struct weir_app **ret_app)
{
	const weir_module def = {
		.size = sizeof(weir_module),
		.handler_size = sizeof(weir_handler_entry),
		.abi_major = WEIR_ABI_MAJOR,
		.abi_minor = WEIR_ABI_MINOR,
		.name = BUILTIN_MODULE,
		.handlers = handlers,
	};

	return module_wrap(&def, log, reterr_words, ret_app);
}

bool builtin_is_page_too(weir_handler *fn)
{
	return fn == status_page;
}

struct builtin_settings *builtin_settings_free(struct builtin_settings *settings)
{
	if (settings)
		settings->free(settings);
	return NULL;
}

struct builtin_settings *builtin_settings(const weir_req *req)
{
	const struct route *route = req_of(req)->route;

	return route ? route->settings : NULL;
}
