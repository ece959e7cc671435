/* respond.c - see respond.h. */
#include "app/respond.h"

#include <stdlib.h>

#include "app/req.h"

struct respond {
	struct builtin_settings settings;
	struct respond_spec spec;
};

static void free_settings(struct builtin_settings *settings)
{
	free(container_of(settings, struct respond, settings));
}

int respond_new(const struct respond_spec *spec, struct builtin_settings **ret_settings)
{
	struct respond *respond = calloc(1, sizeof(*respond));

	if (!respond)
		return -ENOMEM;
	respond->settings.free = free_settings;
	respond->spec = *spec;
	*ret_settings = &respond->settings;
	return 0;
}

int respond_handler(weir_req *pub)
{
	const struct respond_spec *spec =
		&container_of(builtin_settings(pub), struct respond, settings)->spec;
	struct req *req = req_of(pub);
	int r;

	/* They outlive the request, so nothing is copied. */
	for (size_t i = 0; i < spec->n_fields; i++) {
		r = req_fields_add(req, &req->fields, weir_strz(spec->fields[i].name),
				   weir_strz(spec->fields[i].value));
		if (r < 0)
			return r;
	}
	return weir_respond(pub, spec->status, spec->type, spec->body);
}
