/*
 * tls_stream.c - see tls_stream.h. The hard thing is what lies between: records
 * that were received but not asked for, of which epoll knows nothing, and a
 * record that is encrypted but not yet sent, which must go out whole before
 * anything else, even if what it was made of is no longer wanted. So a file's
 * bytes pass through the queue: from there nothing is taken back.
 */
#include "io/tls_stream.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "io/outq.h"
#include "io/tls_bio.h"
#include "io/tls_ctx.h"
#include "io/tls_info.h"
#include "io/tls_warm.h"

/* As outq.c: a fast reader must not keep the loop from everybody else. */
#define FILE_FLUSH ((size_t)1024 * 1024)
/*
 * Of what OpenSSL does for messages beside the bytes, in one call; one message is two or three of
 * them. Each new key takes us a hundred times what it takes to ask for it (RFC 8446, section 4.6.3),
 * and OpenSSL has no limit of its own.
 */
#define MAX_STEPS 96

enum wants { WANTS_NOTHING, WANTS_BYTES, WANTS_ROOM };

struct tls_stream {
	struct tls_ctx *ctx; /* counted */
	SSL *ssl;	     /* owned */
	struct tls_warm_seat warm;
	struct tls_bio bio;
	const char *why;  /* static; NULL: nothing has failed */
	enum wants wants; /* the last call that said -EAGAIN */
	unsigned n_steps; /* of this call */
	bool is_open;	  /* the handshake is over */
	bool has_end;	  /* nothing more is received: end says why */
	bool is_broken;	  /* not even an alert can be sent */
	int end;	  /* 0 or a negative errno */
};

int tls_stream_new(struct tls_ctx *ctx, int fd, struct tls_stream **ret_tls)
{
	struct tls_stream *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->bio = (struct tls_bio){ .fd = fd };
	t->ctx = tls_ctx_ref(ctx);
	t->ssl = tls_ctx_make_ssl(ctx, &t->bio);
	if (!t->ssl) {
		(void)tls_stream_free(t);
		return -ENOMEM;
	}
	t->warm.ssl = t->ssl;
	*ret_tls = t;
	return 0;
}

struct tls_stream *tls_stream_free(struct tls_stream *t)
{
	if (!t)
		return NULL;
	tls_warm_leave(tls_ctx_warm(t->ctx), &t->warm);
	SSL_free(t->ssl);
	(void)tls_ctx_unref(t->ctx);
	free(t);
	return NULL;
}

static COLD int fail(struct tls_stream *t, int error, const char *why)
{
	t->is_broken = true;
	t->why = why ? why : "OpenSSL does not say why";
	ERR_clear_error();
	return error;
}

static COLD int fail_in_protocol(struct tls_stream *t, unsigned long code)
{
	int reason = ERR_GET_REASON(code);

	if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return fail(t, -ECONNRESET, "the client has left");
	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return fail(t, -EPROTO,
			    X509_verify_cert_error_string(SSL_get_verify_result(t->ssl)));
	if (reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM || reason == SSL_R_NO_SHARED_CIPHER)
		return fail(t, -EPROTO, "no cipher suite that both know and the certificate fits");
	return fail(t, -EPROTO, ERR_reason_error_string(code));
}

/*
 * What an SSL_* call that returned ret came to: 0 is the peer's close_notify. A module that uses
 * OpenSSL too may have left notes of errors, which SSL_get_error() would take for ours. To look
 * for them before each call costs more than all else here; so it is asked without any.
 */
static int judge(struct tls_stream *t, int ret)
{
	unsigned long code = ERR_peek_last_error();

	ERR_clear_error();
	if (t->n_steps > MAX_STEPS)
		return fail(t, -EPROTO, "too many messages of handshakes");
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		t->wants = WANTS_BYTES;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		t->wants = WANTS_ROOM;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		if (t->bio.error == 0 && code != 0)
			return fail_in_protocol(t, code);
		return fail(t, t->bio.error < 0 ? t->bio.error : -ECONNRESET,
			    "the connection is broken");
	}
}

static void begin(struct tls_stream *t, bool may_recv)
{
	tls_warm_take(tls_ctx_warm(t->ctx), &t->warm);
	t->wants = WANTS_NOTHING;
	t->n_steps = 0;
	t->bio.may_recv = may_recv ? TLS_BIO_RECVS : 0;
	t->bio.has_drained = false;
}

/* Behind the handshake. Who has been told that the peer is gone does not even look at what has come already. */
static void on_info(const SSL *ssl, int where, int ret)
{
	struct tls_stream *t = SSL_get_app_data(ssl);

	if (where == SSL_CB_ACCEPT_LOOP && ++t->n_steps > MAX_STEPS)
		SSL_set_shutdown(t->ssl, SSL_get_shutdown(t->ssl) | SSL_RECEIVED_SHUTDOWN);
}

int tls_stream_handshake(struct tls_stream *t)
{
	int ret, r;

	begin(t, true);
	ret = SSL_do_handshake(t->ssl);
	if (ret == 1) {
		t->is_open = true;
		SSL_set_app_data(t->ssl, t);
		SSL_set_info_callback(t->ssl, on_info);
		return 0;
	}
	r = judge(t, ret);
	return r == 0 ? fail(t, -ECONNRESET, "the client has left") : r;
}

bool tls_stream_wants_room(const struct tls_stream *t)
{
	return t->wants == WANTS_ROOM;
}

bool tls_stream_wants_bytes(const struct tls_stream *t)
{
	return t->wants == WANTS_BYTES;
}

const char *tls_stream_why(const struct tls_stream *t)
{
	return t->why ? t->why : "";
}

int tls_stream_info(const struct tls_stream *t, struct tls_info **ret_info)
{
	return tls_info_new(t->ssl, ret_info);
}

ssize_t tls_stream_recv(struct tls_stream *t, char *room, size_t len, bool may_recv)
{
	size_t total = 0, n;
	int ret;

	if (t->has_end)
		return t->end;
	begin(t, may_recv);
	do {
		ret = SSL_read_ex(t->ssl, room + total, len - total, &n);
		if (ret == 1) {
			total += n;
			continue;
		}
		t->end = judge(t, ret);
		t->has_end = t->end != -EAGAIN;
		break;
	} while (total < len && (!t->bio.has_drained || SSL_has_pending(t->ssl)));
	/* Its end comes with the next call. */
	return total > 0 ? (ssize_t)total : t->end;
}

bool tls_stream_has_more(const struct tls_stream *t)
{
	int n_waiting = 0;

	if (t->has_end)
		return true;
	if (!SSL_has_pending(t->ssl))
		return false;
	/* What the socket still holds brings an event, and what is here is taken then. */
	return t->bio.has_drained || t->bio.may_recv == 0 ||
	       ioctl(t->bio.fd, FIONREAD, &n_waiting) < 0 || n_waiting == 0;
}

/* ---- bytes out */

static int flush_blocks(struct tls_stream *t, struct outq *q)
{
	while (q->queued > 0) {
		struct block *first = list_entry(q->blocks.next, struct block, link);
		size_t n;
		int r, ret;

		ret = SSL_write_ex(t->ssl, first->data + first->start, block_len(first), &n);
		if (ret == 1) {
			outq_forget(q, n);
			continue;
		}
		r = judge(t, ret);
		return r == 0 ? fail(t, -EPIPE, "the connection is closed") : r;
	}
	return 0;
}

int tls_stream_flush(struct tls_stream *t, struct outq *q)
{
	size_t may_send = FILE_FLUSH;
	int r;

	if (t->is_broken)
		return -EPIPE;
	begin(t, false);
	for (;;) {
		r = flush_blocks(t, q);
		if (r < 0 || q->file_left == 0)
			return r;
		if (may_send == 0)
			return -EAGAIN;
		r = outq_load_file(q, &may_send);
		if (r < 0)
			return r;
	}
}

COLD void tls_stream_end(struct tls_stream *t)
{
	if (!t->is_open || t->is_broken)
		return;
	begin(t, false);
	/* Where the kernel has no room for its few bytes, the peer only sees the connection end. */
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

int64_t tls_stream_sent(const struct tls_stream *t)
{
	return (int64_t)BIO_number_written(SSL_get_wbio(t->ssl));
}
