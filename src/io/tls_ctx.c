/*
 * tls_ctx.c - an SSL_CTX for each certificate, and a sorted table of names. All
 * of them are alike but for the certificate, since OpenSSL takes nothing else
 * from the one that a name has chosen. Certificates for the same names but with
 * keys of different types share one, so that the client's abilities choose.
 */
#include "io/tls_ctx.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/tls_bio.h"
#include "io/tls_resume.h"
#include "io/tls_tickets.h"
#include "io/tls_warm.h"

#define TICKET_LIFE_S (24 * 3600L)

struct name {
	char *text;   /* owned: lower case, perhaps "*.example.org" */
	SSL_CTX *ssl; /* borrowed */
};

struct tls_ctx {
	unsigned n_refs;
	SSL_CTX **ssls; /* owned; the first one is asked for the first */
	size_t n_ssls;
	struct name *names; /* owned; sorted */
	size_t n_names;
	const struct tls_tickets *tickets; /* borrowed; NULL */
	BIO_METHOD *bio_method;		   /* owned */
	struct tls_warm warm;
	bool has_ktls;
};

/* ---- names */

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static SSL_CTX *find_exactly(const struct tls_ctx *ctx, const char *text)
{
	struct name key = { .text = (char *)(uintptr_t)text };
	const struct name *found;

	found = ctx->n_names ? bsearch(&key, ctx->names, ctx->n_names, sizeof(key), compare_names)
			     : NULL;
	return found ? found->ssl : NULL;
}

/* RFC 9525, section 6.3: a star stands for exactly one label, the first. */
static SSL_CTX *find(const struct tls_ctx *ctx, const char *asked)
{
	char name[TLSEXT_MAXLEN_host_name + 2];
	size_t len = strlen(asked);
	SSL_CTX *found;
	char *dot;

	if (len == 0 || len > TLSEXT_MAXLEN_host_name)
		return NULL;
	for (size_t i = 0; i <= len; i++)
		name[i] = (char)tolower((unsigned char)asked[i]);
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	found = find_exactly(ctx, name);
	dot = strchr(name, '.');
	if (found || !dot || dot == name)
		return found;
	dot[-1] = '*';
	return find_exactly(ctx, dot - 1);
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_ctx *ctx = arg;
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *found = asked ? find(ctx, asked) : NULL;

	if (found)
		(void)SSL_set_SSL_CTX(ssl, found); /* else the first one's certificate stays */
	return found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

struct naming {
	struct tls_ctx *ctx;
	SSL_CTX *ssl;
};

static int add_name(void *arg, weir_str name)
{
	struct naming *naming = arg;
	struct tls_ctx *ctx = naming->ctx;
	struct name *names;

	/* Of two certificates for a name the first one in the list has it. */
	for (size_t i = 0; i < ctx->n_names; i++) {
		if (weir_str_eq(weir_strz(ctx->names[i].text), name))
			return 0;
	}
	names = realloc(ctx->names, (ctx->n_names + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	ctx->names = names;
	names[ctx->n_names].ssl = naming->ssl;
	names[ctx->n_names].text = str_dup(name);
	if (!names[ctx->n_names].text)
		return -ENOMEM;
	ctx->n_names++;
	return 0;
}

/* ---- what is spoken */

/* RFC 7301: who offers protocols and not ours does not speak with us. */
static int on_alpn(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_len,
		   const unsigned char *offered, unsigned offered_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_chosen = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int enc)
{
	const struct tls_ctx *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	return tls_tickets_use(ctx->tickets, name, iv, cipher, mac, enc);
}

static void set_tickets(SSL_CTX *ssl, const struct tls_ctx_spec *spec)
{
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ssl, TICKET_LIFE_S);
	/* One for each connection: whoever had so many of them can have as many again. */
	(void)SSL_CTX_set_num_tickets(ssl, spec->has_tickets ? 1 : 0);
	if (!spec->has_tickets)
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
	else if (spec->tickets)
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
}

static int set_ciphers(SSL_CTX *ssl, const struct tls_ctx_spec *spec,
		       const struct tls_report *report)
{
	const char *ciphers = spec->ciphers ? spec->ciphers : TLS_CTX_CIPHERS;
	const char *suites = spec->ciphersuites ? spec->ciphersuites : TLS_CTX_CIPHERSUITES;
	int r = 0;

	if (SSL_CTX_set_cipher_list(ssl, ciphers) != 1) {
		tls_cert_report(
			report, TLS_PART_OPTIONS, false,
			"ciphers: OpenSSL knows none of \"%.100s\" (see: openssl ciphers -v)",
			ciphers);
		r = -EINVAL;
	}
	if (SSL_CTX_set_ciphersuites(ssl, suites) != 1) {
		tls_cert_report(
			report, TLS_PART_OPTIONS, false,
			"ciphersuites: OpenSSL does not know all of \"%.100s\" (see: openssl "
			"ciphers -v -tls1_3)",
			suites);
		r = -EINVAL;
	}
	ERR_clear_error();
	return r;
}

/*
 * A ticket is taken back only where the same was asked of clients: one from a listener that
 * asks for no certificate is none for a listener that does.
 */
static int set_session_id(SSL_CTX *ssl, const struct tls_ctx_spec *spec)
{
	unsigned char id[EVP_MAX_MD_SIZE], verify = (unsigned char)spec->verify;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned len = 0;
	int ok;

	ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(md, &verify, 1) == 1 &&
	     EVP_DigestUpdate(md, spec->client_ca.ptr, spec->client_ca.len) == 1 &&
	     EVP_DigestFinal_ex(md, id, &len) == 1 &&
	     SSL_CTX_set_session_id_context(ssl, id, len) == 1;
	EVP_MD_CTX_free(md);
	return ok ? 0 : -ENOMEM;
}

static int set_verify(SSL_CTX *ssl, const struct tls_ctx_spec *spec,
		      const struct tls_report *report)
{
	STACK_OF(X509_NAME) * names;
	int mode = SSL_VERIFY_PEER, r;

	if (spec->verify == TLS_VERIFY_NONE)
		return 0;
	if (spec->verify == TLS_VERIFY_REQUIRE)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	names = sk_X509_NAME_new_null();
	if (!names)
		return -ENOMEM;
	r = tls_cert_read_authorities(spec->client_ca, report, SSL_CTX_get_cert_store(ssl), names);
	SSL_CTX_set_client_CA_list(ssl, names);
	SSL_CTX_set_verify(ssl, mode, NULL);
	tls_resume_guard(ssl);
	return r;
}

static int set_up(SSL_CTX *ssl, const struct tls_ctx_spec *spec, const struct tls_report *report)
{
	int min = spec->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
	int r;

	SSL_CTX_set_security_level(ssl, 2);
	(void)SSL_CTX_set_min_proto_version(ssl, min);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Our order counts; but who wants ChaCha20 above all has no AES in hardware. */
	SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	if (spec->has_ktls)
		SSL_CTX_set_options(ssl, SSL_OP_ENABLE_KTLS);
	/* Buffers are not released after each use: see tls_warm.h. */
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Head and body of a record, and what is behind it, in one recv. */
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
	set_tickets(ssl, spec);
	if (SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") != 1)
		return -ENOMEM;
	r = set_session_id(ssl, spec);
	if (r < 0)
		return r;
	return set_ciphers(ssl, spec, report);
}

/* ---- certificates */

static int set_certificate(SSL_CTX *ssl, const struct tls_cert *cert,
			   const struct tls_report *report)
{
	if (SSL_CTX_use_cert_and_key(ssl, cert->leaf, cert->key, cert->rest, 0) == 1)
		return 0;
	tls_cert_report(report, TLS_PART_CERTIFICATE, false, "OpenSSL refuses the certificate: %s",
			tls_cert_cause());
	return -EINVAL;
}

static bool has_type(SSL_CTX *ssl, const EVP_PKEY *key)
{
	int is_more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);

	for (; is_more == 1; is_more = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
		const EVP_PKEY *other = SSL_CTX_get0_privatekey(ssl);

		if (other && EVP_PKEY_get_base_id(other) == EVP_PKEY_get_base_id(key))
			return true;
	}
	return false;
}

struct sharing {
	const struct tls_ctx *ctx;
	SSL_CTX *with; /* who has all names so far; NULL at first */
	bool is_off;
};

static int see_name(void *arg, weir_str name)
{
	struct sharing *sharing = arg;
	char text[256];
	SSL_CTX *owner;

	if (name.len >= sizeof(text))
		return 0;
	memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	owner = NULL;
	for (size_t i = 0; i < sharing->ctx->n_names; i++) {
		if (!strcmp(sharing->ctx->names[i].text, text))
			owner = sharing->ctx->names[i].ssl;
	}
	if (!owner || (sharing->with && sharing->with != owner))
		sharing->is_off = true;
	sharing->with = owner;
	return 0;
}

/* One that is for the same names, and has no key of this type yet; NULL. */
static SSL_CTX *find_twin(const struct tls_ctx *ctx, const struct tls_cert *cert)
{
	struct sharing sharing = { .ctx = ctx };

	if (tls_cert_names(cert->leaf, see_name, &sharing) < 0 || sharing.is_off || !sharing.with)
		return NULL;
	return has_type(sharing.with, cert->key) ? NULL : sharing.with;
}

static int add_ssl(struct tls_ctx *ctx, const struct tls_ctx_spec *spec,
		   const struct tls_report *report, SSL_CTX **ret_ssl)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	int r;

	if (!ssl)
		return -ENOMEM;
	ctx->ssls[ctx->n_ssls++] = ssl;
	SSL_CTX_set_app_data(ssl, ctx);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, ctx);
	r = set_up(ssl, spec, report);
	if (r >= 0)
		r = set_verify(ssl, spec, report);
	*ret_ssl = ssl;
	return r;
}

static int add_pair(struct tls_ctx *ctx, const struct tls_ctx_spec *spec,
		    const struct tls_report *report)
{
	const struct tls_ctx_pair *pair = &spec->pairs[report->pair];
	struct naming naming = { .ctx = ctx };
	struct tls_cert cert;
	int r;

	r = tls_cert_read(pair->certificate, pair->key, spec->now_s, report, &cert);
	if (r < 0)
		return r;
	naming.ssl = report->pair == 0 ? ctx->ssls[0] : find_twin(ctx, &cert);
	if (!naming.ssl)
		r = add_ssl(ctx, spec, report, &naming.ssl);
	if (r >= 0)
		r = set_certificate(naming.ssl, &cert, report);
	if (r >= 0)
		r = tls_cert_names(cert.leaf, add_name, &naming);
	tls_cert_done(&cert);
	return r;
}

/* ---- life */

int tls_ctx_new(const struct tls_ctx_spec *spec, tls_problem_fn *said, void *arg,
		struct tls_ctx **ret_ctx)
{
	struct tls_report report = { .said = said, .arg = arg };
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));
	SSL_CTX *first;
	int r;

	assert(spec->n_pairs > 0);
	if (!ctx)
		return -ENOMEM;
	ctx->n_refs = 1;
	tls_warm_init(&ctx->warm);
	ctx->tickets = spec->tickets;
	ctx->has_ktls = spec->has_ktls;
	ctx->ssls = calloc(spec->n_pairs, sizeof(SSL_CTX *));
	ctx->bio_method = tls_bio_method_new();
	/* What is no certificate's own is wrong here, and so is said once. */
	r = ctx->ssls && ctx->bio_method ? add_ssl(ctx, spec, &report, &first) : -ENOMEM;
	for (report.pair = 0; report.pair < spec->n_pairs && r != -ENOMEM; report.pair++) {
		int r_pair = add_pair(ctx, spec, &report);

		r = r_pair < 0 ? r_pair : r;
	}
	if (r < 0) {
		(void)tls_ctx_unref(ctx);
		return r;
	}
	if (ctx->n_names > 0)
		qsort(ctx->names, ctx->n_names, sizeof(*ctx->names), compare_names);
	*ret_ctx = ctx;
	return 0;
}

struct tls_warm *tls_ctx_warm(struct tls_ctx *ctx)
{
	return &ctx->warm;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx)
{
	ctx->n_refs++;
	return ctx;
}

struct tls_ctx *tls_ctx_unref(struct tls_ctx *ctx)
{
	if (!ctx || --ctx->n_refs > 0)
		return NULL;
	for (size_t i = 0; i < ctx->n_ssls; i++)
		SSL_CTX_free(ctx->ssls[i]);
	for (size_t i = 0; i < ctx->n_names; i++)
		free(ctx->names[i].text);
	free(ctx->names);
	free(ctx->ssls);
	BIO_meth_free(ctx->bio_method);
	free(ctx);
	return NULL;
}

/* The kernel encrypts only what OpenSSL writes to a socket of its own kind. */
static int set_socket_writer(SSL *ssl, int fd)
{
	BIO *bio = BIO_new_socket(fd, BIO_NOCLOSE);

	if (!bio)
		return -ENOMEM;
	SSL_set0_wbio(ssl, bio);
	return 0;
}

struct ssl_st *tls_ctx_make_ssl(struct tls_ctx *ctx, struct tls_bio *tb)
{
	SSL *ssl = SSL_new(ctx->ssls[0]);
	BIO *bio = ssl ? BIO_new(ctx->bio_method) : NULL;

	if (bio) {
		BIO_set_data(bio, tb);
		SSL_set_bio(ssl, bio, bio);
	}
	if (!bio || (ctx->has_ktls && set_socket_writer(ssl, tb->fd) < 0)) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}
