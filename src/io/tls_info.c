/* tls_info.c - see tls_info.h. */
#include "io/tls_info.h"

#include <errno.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* More than that of a client's chain is nobody's interest. */
#define MAX_CHAIN 10

struct tls_info *tls_info_ref(struct tls_info *info)
{
	info->n_refs++;
	return info;
}

struct tls_info *tls_info_hold(const weir_tls *pub)
{
	return pub ? tls_info_ref((struct tls_info *)container_of(pub, const struct tls_info, pub))
		   : NULL;
}

struct tls_info *tls_info_unref(struct tls_info *info)
{
	if (!info || --info->n_refs > 0)
		return NULL;
	free(info->chain);
	free(info->entries);
	free(info->subject);
	free(info->server_name);
	X509_free(info->shown);
	free(info);
	return NULL;
}

bool tls_info_is_for(const weir_tls *pub, weir_str host)
{
	const struct tls_info *info = container_of(pub, const struct tls_info, pub);
	char address[INET6_ADDRSTRLEN];

	if (!info->shown || host.len == 0)
		return false;
	if (X509_check_host(info->shown, host.ptr, host.len, 0, NULL) == 1)
		return true;
	if (host.ptr[0] == '[')
		host = (weir_str){ host.ptr + 1, host.len - 2 };
	if (host.len >= sizeof(address))
		return false;
	memcpy(address, host.ptr, host.len);
	address[host.len] = '\0';
	return X509_check_ip_asc(info->shown, address, 0) == 1;
}

/* What a memory BIO holds, as a string of our own. */
static char *take_text(BIO *bio, size_t *ret_len)
{
	char *bytes, *text;
	long len = BIO_get_mem_data(bio, &bytes);

	if (len < 0)
		return NULL;
	text = malloc((size_t)len + 1);
	if (!text)
		return NULL;
	if (len > 0)
		memcpy(text, bytes, (size_t)len);
	text[len] = '\0';
	*ret_len = (size_t)len;
	return text;
}

static int set_subject(struct tls_info *info, X509 *leaf)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t len = 0;

	/* RFC 4514, which takes the name's parts in reverse. */
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0,
				      XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		info->subject = take_text(bio, &len);
	BIO_free(bio);
	if (!info->subject)
		return -ENOMEM;
	info->pub.client_subject = (weir_str){ info->subject, len };
	return 0;
}

/* One PEM text behind the other; ends[i] is where the i-th ends. */
static int write_chain(BIO *bio, X509 *leaf, STACK_OF(X509) * rest, size_t ends[MAX_CHAIN],
		       size_t *ret_n)
{
	int n_rest = rest ? sk_X509_num(rest) : 0;
	size_t n = 0;
	char *bytes;

	for (int i = -1; i < n_rest && n < MAX_CHAIN; i++) {
		if (PEM_write_bio_X509(bio, i < 0 ? leaf : sk_X509_value(rest, i)) != 1)
			return -ENOMEM;
		ends[n++] = (size_t)BIO_get_mem_data(bio, &bytes);
	}
	*ret_n = n;
	return 0;
}

static int set_chain(struct tls_info *info, X509 *leaf, STACK_OF(X509) * rest)
{
	BIO *bio = BIO_new(BIO_s_mem());
	size_t ends[MAX_CHAIN], n = 0, len;
	int r;

	r = bio ? write_chain(bio, leaf, rest, ends, &n) : -ENOMEM;
	if (r >= 0) {
		info->chain = take_text(bio, &len);
		info->entries = calloc(n, sizeof(*info->entries));
	}
	BIO_free(bio);
	if (r < 0 || !info->chain || !info->entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		size_t start = i == 0 ? 0 : ends[i - 1];

		info->entries[i] = (weir_str){ info->chain + start, ends[i] - start };
	}
	info->pub.client_chain = info->entries;
	info->pub.n_client_chain = n;
	return 0;
}

static int set_server_name(struct tls_info *info, SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (!name)
		return 0;
	info->server_name = strdup(name);
	if (!info->server_name)
		return -ENOMEM;
	info->pub.server_name = weir_strz(info->server_name);
	return 0;
}

int tls_info_new(SSL *ssl, struct tls_info **ret_info)
{
	_cleanup_(tls_info_unrefp) struct tls_info *info = calloc(1, sizeof(*info));
	X509 *leaf = SSL_get0_peer_certificate(ssl);
	int r;

	if (!info)
		return -ENOMEM;
	info->n_refs = 1;
	info->pub.version = weir_strz(SSL_get_version(ssl));
	info->pub.cipher = weir_strz(SSL_get_cipher_name(ssl));
	info->pub.is_resumed = SSL_session_reused(ssl) == 1;
	info->shown = SSL_get_certificate(ssl);
	if (info->shown)
		(void)X509_up_ref(info->shown);
	r = set_server_name(info, ssl);
	if (r >= 0 && leaf)
		r = set_subject(info, leaf);
	if (r >= 0 && leaf)
		r = set_chain(info, leaf, SSL_get_peer_cert_chain(ssl));
	if (r < 0)
		return r;
	*ret_info = steal_ptr(info);
	return 0;
}
