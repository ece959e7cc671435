/* conf_tls.c - see conf_tls.h. */
#include "conf/conf_tls.h"

#include <errno.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/conf_origin.h"
#include "conf/messages.h"
#include "conf/option_table.h"
#include "io/tls_ctx.h"

/* The one that stands in tls: itself is the first. */
static int join_certificates(struct conf *conf, struct conf_tls *tls)
{
	struct conf_certificate *all;

	if (!tls->only.certificate.text || !tls->only.key.text)
		return 0;
	all = arena_alloc(&conf->arena, (tls->n_certificates + 1) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	all[0] = tls->only;
	if (tls->n_certificates > 0)
		memcpy(&all[1], tls->certificates, tls->n_certificates * sizeof(*all));
	tls->all = all;
	tls->n_all = tls->n_certificates + 1;
	return 0;
}

/* False: it was said. */
static bool check_certificates(const struct conf_tls *tls, const struct conf_pos *pos,
			       struct messages *messages)
{
	const struct conf_name *certificate = &tls->only.certificate, *key = &tls->only.key;

	if (certificate->text && key->text)
		return true;
	if (certificate->text)
		messages_add(messages, &certificate->pos,
			     "certificate: its private key is missing: add \"key: FILE\"");
	else if (key->text)
		messages_add(messages, &key->pos,
			     "key: the certificate that it is for is missing: add \"certificate: "
			     "FILE\"");
	else if (tls->n_all == 0)
		messages_add(messages, pos, "tls: needs \"certificate\" and \"key\"");
	else
		return true;
	return false;
}

static bool check_clients(const struct conf_tls *tls, const struct conf_pos *pos,
			  struct messages *messages)
{
	if (tls->verify != TLS_VERIFY_NONE && !tls->client_ca.text)
		messages_add(messages, pos,
			     "tls: verify needs \"client_ca\": who signs the certificates of "
			     "clients");
	else if (tls->verify == TLS_VERIFY_NONE && tls->client_ca.text)
		messages_add(messages, &tls->client_ca.pos,
			     "client_ca: no client is asked for a certificate: add \"verify: "
			     "optional\" or \"verify: require\"");
	else
		return true;
	return false;
}

int conf_tls_check(struct conf *conf, struct messages *messages)
{
	/* conf is still being made; its lists become read-only when it is handed out. */
	struct conf_listen *listen = (struct conf_listen *)conf->listen;
	const struct option_spec *option = option_table_find(OPTION_LISTEN, WEIR_STR("tls"));

	/* One that makes no sense is left out, so that what remains can still be looked at. */
	for (size_t i = 0; i < conf->n_listen; i++) {
		struct conf_tls *tls = &listen[i].tls;
		const struct conf_pos *pos = conf_origin_get(option, &listen[i]);
		int r;

		tls->is_on = pos->file != NULL;
		if (!tls->is_on)
			continue;
		tls->all = tls->certificates;
		tls->n_all = tls->n_certificates;
		r = join_certificates(conf, tls);
		if (r < 0)
			return r;
		tls->is_on &= check_certificates(tls, pos, messages);
		tls->is_on &= check_clients(tls, pos, messages);
	}
	return 0;
}
