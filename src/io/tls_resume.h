#ifndef WEIR_IO_TLS_RESUME_H
#define WEIR_IO_TLS_RESUME_H
/*
 * tls_resume.h - how long a session that began with a client's certificate may be
 * resumed: as long as all certificates of the chain that was verified then are
 * valid. OpenSSL looks at none of them when it takes a ticket back, and gives the
 * next one a whole life again; so who comes back often enough would be let in for
 * ever by a certificate that expired long ago. Who may not resume has to shake
 * hands in full, which judges the certificate anew.
 *
 * That a ticket is taken back only where the same authorities count is the
 * session id context's part (tls_ctx.c).
 */
struct ssl_ctx_st;

/* For connections whose clients are asked for a certificate. */
void tls_resume_guard(struct ssl_ctx_st *ctx);

#endif
