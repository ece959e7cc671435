/*
 * test_tls_resume.c - who comes back with a ticket has had a certificate; is it still one? Nothing
 * waits for one to expire: the first handshake is made to take it for yesterday.
 */
#include "io/tls_resume.h"

#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/tls_bio.h"
#include "io/tls_ctx.h"
#include "io/tls_tickets.h"
#include "tls_made.h"

#define DAY 86400

struct scene {
	struct tls_tickets *tickets;
	struct tls_ctx *ctx;
	struct made ca, other_ca, middle, server;
	struct made client; /* and that with which it was signed, if it is not the CA's */
	bool has_middle;
	SSL_SESSION *session; /* what the client kept of its last connection; NULL */
	int version;
};

struct outcome {
	bool is_open, is_resumed;
	long verdict;  /* of the server on the certificate */
	int64_t noted; /* in the session: until when it may be resumed; 0: nothing */
};

static void hear(void *arg, const struct tls_problem *problem)
{
	cr_assert_fail("%s", problem->words);
}

static struct tls_ctx *ctx_of(struct scene *s, enum tls_verify verify, const struct made *ca)
{
	struct tls_ctx_pair pair = { weir_strz(s->server.pem), weir_strz(s->server.key_pem) };
	struct tls_ctx_spec spec = { .pairs = &pair,
				     .n_pairs = 1,
				     .client_ca = weir_strz(ca->pem),
				     .verify = verify,
				     .has_tickets = true,
				     .tickets = s->tickets,
				     .now_s = time(NULL) };
	struct tls_ctx *ctx;

	cr_assert_eq(tls_ctx_new(&spec, hear, NULL, &ctx), 0);
	return ctx;
}

static void scene_init(struct scene *s, int version, const struct made_spec *client)
{
	struct made_spec spec = *client;

	*s = (struct scene){ .version = version };
	cr_assert_eq(tls_tickets_new(&s->tickets), 0);
	made_new(&s->ca, &(struct made_spec){
				 .name = "ca", .is_ca = true, .from_s = -9 * DAY, .to_s = DAY });
	made_new(&s->other_ca, &(struct made_spec){ .name = "other", .is_ca = true });
	made_new(&s->server, &(struct made_spec){ .name = "a.test" });
	spec.issuer = &s->ca;
	made_new(&s->client, &spec);
	s->ctx = ctx_of(s, TLS_VERIFY_REQUIRE, &s->ca);
}

static void scene_done(struct scene *s)
{
	SSL_SESSION_free(s->session);
	if (s->has_middle)
		made_done(&s->middle);
	made_done(&s->client);
	made_done(&s->server);
	made_done(&s->other_ca);
	made_done(&s->ca);
	tls_ctx_unref(s->ctx);
	tls_tickets_free(s->tickets);
}

/* A client whose certificate is from somebody in between, who expires before it. */
static void sign_by_middle(struct scene *s, long from_s, long to_s)
{
	made_done(&s->client);
	made_new(&s->middle, &(struct made_spec){ .name = "middle",
						  .issuer = &s->ca,
						  .is_ca = true,
						  .from_s = from_s,
						  .to_s = to_s });
	made_new(&s->client,
		 &(struct made_spec){
			 .name = "client", .issuer = &s->middle, .from_s = from_s, .to_s = DAY });
	s->has_middle = true;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct scene *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(s->session);
	s->session = session;
	return 1;
}

/* A certificate, or none, and the session it has, if any. */
static void equip(struct scene *s, struct peer *p, bool has_certificate)
{
	SSL_CTX_set_app_data(p->ctx, s);
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->ctx, keep_session);
	cr_assert_eq(SSL_set_max_proto_version(p->ssl, s->version), 1);
	if (has_certificate) {
		cr_assert_eq(SSL_use_certificate(p->ssl, s->client.x), 1);
		cr_assert_eq(SSL_use_PrivateKey(p->ssl, s->client.key), 1);
		if (s->has_middle)
			cr_assert_eq(SSL_add1_chain_cert(p->ssl, s->middle.x), 1);
	}
	if (s->session)
		cr_assert_eq(SSL_set_session(p->ssl, s->session), 1);
}

static int64_t noted_in(SSL_SESSION *session)
{
	void *bytes = NULL;
	int64_t noted = 0;
	size_t len = 0;

	if (SSL_SESSION_get0_ticket_appdata(session, &bytes, &len) == 1 && len == sizeof(noted))
		memcpy(&noted, bytes, len);
	return noted;
}

/* A connection; past_s: how long ago the server believes it is when it judges certificates. */
static struct outcome join(struct scene *s, bool has_certificate, long past_s)
{
	struct tls_bio tb = { .may_recv = TLS_BIO_RECVS };
	struct outcome outcome = { 0 };
	char room[16];
	struct peer p;
	int fds[2];
	SSL *ssl;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	tb.fd = fds[0];
	ssl = tls_ctx_make_ssl(s->ctx, &tb);
	if (past_s)
		X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), time(NULL) - past_s);
	peer_init(&p, fds[1], "a.test", &s->server);
	equip(s, &p, has_certificate);
	for (int i = 0; i < 10; i++) {
		(void)peer_shake(&p);
		tb.has_drained = false;
		outcome.is_open = SSL_do_handshake(ssl) == 1;
	}
	(void)peer_read(&p, room, sizeof(room)); /* the ticket comes behind the handshake */
	outcome.is_resumed = outcome.is_open && SSL_session_reused(ssl);
	outcome.verdict = SSL_get_verify_result(ssl);
	outcome.noted = noted_in(SSL_get_session(ssl));
	if (outcome.is_open && s->version == TLS1_2_VERSION) /* none is told of if it was resumed */
		(void)keep_session(p.ssl, SSL_get1_session(p.ssl));
	/* OpenSSL takes no session up again whose connection just broke off. */
	SSL_set_shutdown(p.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
	peer_done(&p);
	(void)close(fds[0]);
	return outcome;
}

static void expect_open(struct outcome outcome, bool is_resumed)
{
	cr_expect(outcome.is_open, "verdict %ld", outcome.verdict);
	cr_expect_eq(outcome.is_resumed, is_resumed);
}

static void expect_expired_is_refused(int version)
{
	struct made_spec client = { .name = "client", .from_s = -3 * DAY, .to_s = -DAY };
	struct outcome outcome;
	struct scene s;

	scene_init(&s, version, &client);
	outcome = join(&s, true, 2 * DAY);
	cr_assert(outcome.is_open, "verdict %ld", outcome.verdict);
	cr_assert_not_null(s.session);
	outcome = join(&s, true, 0);
	cr_expect_not(outcome.is_open);
	cr_expect_eq(outcome.verdict, X509_V_ERR_CERT_HAS_EXPIRED);
	scene_done(&s);
}

Test(tls_resume, who_has_a_valid_certificate_may)
{
	static const struct made_spec client = { .name = "client" };
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < 2; i++) {
		struct scene s;

		scene_init(&s, versions[i], &client);
		expect_open(join(&s, true, 0), false);
		expect_open(join(&s, true, 0), true);
		/* And with the ticket that this has brought. */
		expect_open(join(&s, true, 0), true);
		scene_done(&s);
	}
}

Test(tls_resume, an_expired_certificate_is_judged_again_and_refused)
{
	expect_expired_is_refused(TLS1_2_VERSION);
	expect_expired_is_refused(TLS1_3_VERSION);
}

/* Else it would last for ever: each ticket is followed by the next. */
Test(tls_resume, a_ticket_that_follows_from_another_lasts_no_longer)
{
	static const struct made_spec client = { .name = "client", .from_s = -DAY, .to_s = DAY };
	int64_t soon = time(NULL) + DAY - 60, end;
	struct outcome outcome;
	struct scene s;

	scene_init(&s, TLS1_3_VERSION, &client);
	end = join(&s, true, 0).noted;
	cr_expect(end > soon && end <= soon + 60);
	for (int i = 0; i < 3; i++) {
		outcome = join(&s, true, 0);
		expect_open(outcome, true);
		cr_expect_eq(outcome.noted, end);
	}
	scene_done(&s);
}

/* It does not travel in the ticket, as the client's own does. */
Test(tls_resume, one_who_signed_and_has_expired_counts_as_well)
{
	static const struct made_spec client = { .name = "client" };
	struct outcome outcome;
	struct scene s;

	scene_init(&s, TLS1_3_VERSION, &client);
	sign_by_middle(&s, -3 * DAY, DAY);
	expect_open(join(&s, true, 0), false);
	expect_open(join(&s, true, 0), true);
	scene_done(&s);

	scene_init(&s, TLS1_3_VERSION, &client);
	sign_by_middle(&s, -3 * DAY, -DAY);
	expect_open(join(&s, true, 2 * DAY), false);
	outcome = join(&s, true, 0);
	cr_expect_not(outcome.is_open);
	cr_expect_eq(outcome.verdict, X509_V_ERR_CERT_HAS_EXPIRED, "%ld", outcome.verdict);
	scene_done(&s);
}

Test(tls_resume, who_had_none_where_none_is_needed_may)
{
	static const struct made_spec client = { .name = "client" };
	struct scene s;

	scene_init(&s, TLS1_3_VERSION, &client);
	tls_ctx_unref(s.ctx);
	s.ctx = ctx_of(&s, TLS_VERIFY_OPTIONAL, &s.ca);
	expect_open(join(&s, false, 0), false);
	expect_open(join(&s, false, 0), true);
	scene_done(&s);
}

/* As at a reload: the keys of tickets stay, the authorities do not. */
Test(tls_resume, where_other_authorities_count_nobody_may)
{
	static const struct made_spec client = { .name = "client" };
	struct outcome outcome;
	struct scene s;

	scene_init(&s, TLS1_3_VERSION, &client);
	expect_open(join(&s, true, 0), false);
	tls_ctx_unref(s.ctx);
	s.ctx = ctx_of(&s, TLS_VERIFY_REQUIRE, &s.other_ca);
	outcome = join(&s, true, 0);
	cr_expect_not(outcome.is_open);
	cr_expect_eq(outcome.verdict, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "%ld",
		     outcome.verdict);
	scene_done(&s);
}
