/* tls_bio.c - see tls_bio.h. */
#include "io/tls_bio.h"

#include <errno.h>
#include <sys/socket.h>

#include "io/sock.h"

/* Of our own: OpenSSL only keeps it. */
#define TYPE (BIO_TYPE_SOURCE_SINK | 0x7f)

static int on_read(BIO *bio, char *room, int len)
{
	struct tls_bio *tb = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (tb->may_recv == 0 || tb->has_drained) {
		BIO_set_retry_read(bio);
		return -1;
	}
	tb->may_recv--;
	do
		n = sock_recv(tb->fd, room, (size_t)len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	tb->has_drained = n < len;
	tb->has_ended = n == 0;
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN)
		BIO_set_retry_read(bio);
	else
		tb->error = -errno;
	return -1;
}

static int on_write(BIO *bio, const char *bytes, int len)
{
	struct tls_bio *tb = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	do
		n = sock_send(tb->fd, bytes, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	if (errno == EAGAIN)
		BIO_set_retry_write(bio);
	else
		tb->error = -errno;
	return -1;
}

static long on_ctrl(BIO *bio, int command, long number, void *arg)
{
	const struct tls_bio *tb = BIO_get_data(bio);

	if (command == BIO_CTRL_EOF)
		return tb->has_ended;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static int on_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_method_new(void)
{
	BIO_METHOD *method = BIO_meth_new(TYPE, "weir");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, on_read);
	BIO_meth_set_write(method, on_write);
	BIO_meth_set_ctrl(method, on_ctrl);
	BIO_meth_set_create(method, on_create);
	return method;
}
