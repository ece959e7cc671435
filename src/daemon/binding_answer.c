/* binding_answer.c - see binding_answer.h. */
#include "daemon/binding_answer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "app/builtin.h"
#include "app/mime.h"
#include "app/redirect.h"
#include "app/respond.h"
#include "app/static.h"
#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"

void binding_answer_done(struct binding_shared *shared)
{
	shared->mime = mime_free(shared->mime);
}

/* "none" says that nothing is to be said. */
static const char *word(const struct conf_name *name)
{
	return name->text && strcmp(name->text, "none") != 0 ? name->text : NULL;
}

/* Settings, with the names of index behind them that they borrow. */
static int open_static(const struct conf_static *from, const struct mime *mime,
		       struct builtin_settings **ret_settings)
{
	static const weir_str usual = { "index.html", 10 };
	const struct option_spec *index = option_table_find(OPTION_STATIC, WEIR_STR("index"));
	bool is_usual = !conf_origin_get(index, from)->file;
	struct static_spec spec = {
		.root = from->root.text,
		.symlinks = (enum static_symlinks)from->symlinks,
		.shows_dot_files = from->shows_dot_files,
		.is_precompressed = from->is_precompressed,
		.has_listings = from->has_listings,
		.charset = word(&from->charset),
		.cache_control = from->cache_control.text,
		.max_open = from->max_open,
		.mime = mime,
	};
	weir_str names[STATIC_MAX_INDEX];

	for (size_t i = 0; i < from->n_index && i < STATIC_MAX_INDEX; i++)
		names[i] = weir_strz(from->index[i].text);
	spec.index = is_usual ? &usual : names;
	spec.n_index = is_usual ? 1 : from->n_index;
	return static_new(&spec, ret_settings);
}

static int bind_static(const struct conf_static *from, struct binding_shared *shared,
		       struct messages *messages, struct builtin_settings **ret_settings)
{
	int r;

	if (!shared->mime) {
		r = mime_load(MIME_SYSTEM, &shared->mime);
		if (r < 0)
			return r;
	}
	r = open_static(from, shared->mime, ret_settings);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		messages_add(messages, &from->root.pos, "root: %s: %s", from->root.text,
			     strerror(-r));
	return 0;
}

static int bind_redirect(const struct conf_redirect *from, struct builtin_settings **ret_settings)
{
	struct redirect_spec spec = {
		.to = from->to.text,
		.status = (int)from->status,
		.keeps_query = from->keeps_query,
	};

	return redirect_new(&spec, ret_settings);
}

static int bind_respond(const struct conf_respond *from, struct builtin_settings **ret_settings)
{
	struct respond_spec spec = {
		.status = (int)from->status,
		.type = from->body.text ? from->type.text : NULL,
		.body = weir_strz(from->body.text),
		.fields = (const struct respond_field *)(const void *)from->headers,
		.n_fields = from->n_headers,
	};

	static_assert(sizeof(struct conf_setting) == sizeof(struct respond_field),
		      "both are a name and a value");
	return respond_new(&spec, ret_settings);
}

int binding_answer(const struct conf_route *route, struct binding_shared *shared,
		   struct messages *messages, struct builtin_settings **ret_settings)
{
	switch (route->answer) {
	case CONF_ANSWER_STATIC:
		return bind_static(&route->files, shared, messages, ret_settings);
	case CONF_ANSWER_REDIRECT:
		return bind_redirect(&route->redirect, ret_settings);
	case CONF_ANSWER_RESPOND:
		return bind_respond(&route->respond, ret_settings);
	case CONF_ANSWER_HANDLER:
		break;
	}
	return 0;
}
