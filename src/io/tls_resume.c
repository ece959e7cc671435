/*
 * tls_resume.c - the hard thing is that a ticket carries the client's certificate
 * but not those it was verified with. So when that is done, the first moment at
 * which one of them is not valid any more is noted in the session, travels in the
 * ticket, and in every ticket that follows from it.
 */
#include "io/tls_resume.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* Until when a certificate is valid; 0: it does not say so in a way that is understood. */
static int64_t end_of(const X509 *x)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm);
}

static int64_t end_of_chain(const SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	int64_t end = chain ? INT64_MAX : 0;

	for (int i = 0; chain && i < sk_X509_num(chain); i++) {
		int64_t end_of_one = end_of(sk_X509_value(chain, i));

		end = end_of_one < end ? end_of_one : end;
	}
	return end;
}

/* A ticket is about to be made. That of a session which was resumed says what the first one said. */
static int on_new_ticket(SSL *ssl, void *arg)
{
	SSL_SESSION *session = SSL_get_session(ssl);
	int64_t end;

	if (SSL_session_reused(ssl) || !SSL_SESSION_get0_peer(session))
		return 1;
	end = end_of_chain(ssl);
	return SSL_SESSION_set1_ticket_appdata(session, &end, sizeof(end));
}

static bool may_resume(SSL_SESSION *session)
{
	void *noted = NULL;
	size_t len = 0;
	int64_t end;

	if (!SSL_SESSION_get0_peer(session))
		return true; /* it had none, which is no worse today */
	if (SSL_SESSION_get0_ticket_appdata(session, &noted, &len) != 1 || len != sizeof(end))
		return false;
	memcpy(&end, noted, sizeof(end));
	return clock_real_s() <= end;
}

/* A ticket was taken back. What is not said here is what OpenSSL does without us. */
static SSL_TICKET_RETURN on_old_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				       size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!may_resume(session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void tls_resume_guard(struct ssl_ctx_st *ctx)
{
	(void)SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_old_ticket, NULL);
}
