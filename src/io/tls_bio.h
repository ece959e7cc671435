#ifndef WEIR_IO_TLS_BIO_H
#define WEIR_IO_TLS_BIO_H
/*
 * tls_bio.h - how OpenSSL gets at a socket. It asks again as soon as it has
 * used what it got; who has just been given less than there was room for is not
 * worth another system call to hear so.
 */
#include <openssl/bio.h>
#include <stdbool.h>

/*
 * With each of these comes a read-ahead's 16 KiB. A peer whose bytes come to little or nothing
 * must not keep the loop for as long as it has some.
 */
#define TLS_BIO_RECVS 2u

struct tls_bio {
	int fd;		   /* borrowed */
	unsigned may_recv; /* so many times more; at 0 the socket is left alone */
	bool has_drained;  /* the last recv took all there was */
	bool has_ended;	   /* and there was the peer's end */
	int error;	   /* of the last system call that failed, a negative errno; 0 */
};

/* For BIOs whose data is a struct tls_bio. NULL: no memory. */
BIO_METHOD *tls_bio_method_new(void);

#endif
