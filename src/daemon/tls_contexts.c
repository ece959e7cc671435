/* tls_contexts.c - see tls_contexts.h. Here files, which know no names, meet the configuration. */
#include "daemon/tls_contexts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "conf/messages.h"
#include "daemon/tls_bundle.h"
#include "io/tls_ctx.h"

struct tls_contexts {
	size_t n;
	struct tls_ctx *at[];
};

bool tls_contexts_are_wanted(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_listen; i++) {
		if (conf->listen[i].tls.is_on)
			return true;
	}
	return false;
}

struct telling {
	const struct conf_listen *listen;
	struct messages *messages;
};

static void on_problem(void *arg, const struct tls_problem *problem)
{
	const struct telling *telling = arg;
	const struct conf_tls *tls = &telling->listen->tls;
	const struct conf_certificate *pair = &tls->all[problem->pair];
	const struct conf_pos *pos = &telling->listen->pos;
	const char *path = "", *colon = "";

	if (problem->part != TLS_PART_OPTIONS) {
		const struct conf_name *name = problem->part == TLS_PART_KEY ? &pair->key
					       : problem->part == TLS_PART_CLIENT_CA
						       ? &tls->client_ca
						       : &pair->certificate;

		pos = &name->pos;
		path = name->text;
		colon = ": ";
	}
	if (problem->is_warning)
		messages_warn(telling->messages, pos, "%s%s%s", path, colon, problem->words);
	else
		messages_add(telling->messages, pos, "%s%s%s", path, colon, problem->words);
}

/* *at: where in the bundle the listener's files begin; then where they end. */
static int make_one(const struct conf_listen *listen, const struct tls_bundle *bundle,
		    const struct tls_tickets *tickets, struct messages *messages, size_t *at,
		    struct tls_ctx **ret_ctx)
{
	const struct conf_tls *tls = &listen->tls;
	struct tls_ctx_pair *pairs = calloc(tls->n_all, sizeof(*pairs));
	struct telling telling = { listen, messages };
	struct tls_ctx_spec spec = {
		.pairs = pairs,
		.n_pairs = tls->n_all,
		.verify = (enum tls_verify)tls->verify,
		.min_version = (enum tls_version)tls->min_version,
		.ciphers = tls->ciphers.text,
		.ciphersuites = tls->ciphersuites.text,
		.has_tickets = tls->has_tickets,
		.has_ktls = tls->has_ktls,
		.tickets = tickets,
		.now_s = clock_real_s(),
	};
	int r;

	if (!pairs)
		return -ENOMEM;
	assert(*at + 2 * tls->n_all + (tls->client_ca.text ? 1 : 0) <= bundle->n_files);
	for (size_t i = 0; i < tls->n_all; i++) {
		pairs[i].certificate = bundle->files[(*at)++];
		pairs[i].key = bundle->files[(*at)++];
	}
	if (tls->client_ca.text)
		spec.client_ca = bundle->files[(*at)++];
	r = tls_ctx_new(&spec, on_problem, &telling, ret_ctx);
	free(pairs);
	return r;
}

int tls_contexts_new(const struct conf *conf, const struct tls_bundle *bundle,
		     const struct tls_tickets *tickets, struct messages *messages,
		     struct tls_contexts **ret_contexts)
{
	_cleanup_(tls_contexts_freep) struct tls_contexts *contexts = NULL;
	size_t at = 0;
	int all = 0;

	contexts = calloc(1, sizeof(*contexts) + conf->n_listen * sizeof(struct tls_ctx *));
	if (!contexts)
		return -ENOMEM;
	contexts->n = conf->n_listen;
	for (size_t i = 0; i < conf->n_listen; i++) {
		int r;

		if (!conf->listen[i].tls.is_on)
			continue;
		r = make_one(&conf->listen[i], bundle, tickets, messages, &at, &contexts->at[i]);
		if (r == -ENOMEM)
			return r;
		all = r < 0 ? r : all;
	}
	if (all < 0)
		return all;
	*ret_contexts = steal_ptr(contexts);
	return 0;
}

struct tls_contexts *tls_contexts_free(struct tls_contexts *contexts)
{
	if (!contexts)
		return NULL;
	for (size_t i = 0; i < contexts->n; i++)
		(void)tls_ctx_unref(contexts->at[i]);
	free(contexts);
	return NULL;
}

struct tls_ctx *tls_contexts_at(const struct tls_contexts *contexts, size_t listener)
{
	return contexts && listener < contexts->n ? contexts->at[listener] : NULL;
}
