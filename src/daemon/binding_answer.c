/* binding_answer.c - see binding_answer.h. */
#include "daemon/binding_answer.h"

#include <assert.h>

#include "app/redirect.h"
#include "app/respond.h"
#include "daemon/conf.h"

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

int binding_answer(const struct conf_route *route, struct messages *messages,
		   struct builtin_settings **ret_settings)
{
	switch (route->answer) {
	case CONF_ANSWER_REDIRECT:
		return bind_redirect(&route->redirect, ret_settings);
	case CONF_ANSWER_RESPOND:
		return bind_respond(&route->respond, ret_settings);
	case CONF_ANSWER_HANDLER:
		break;
	}
	return 0;
}
