/* test_tls_bio.c - what OpenSSL sees of a socket. */
#include "io/tls_bio.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pair {
	int fds[2];
	struct tls_bio tb;
	BIO_METHOD *method;
	BIO *bio;
};

static void pair_init(struct pair *p)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->tb = (struct tls_bio){ .fd = p->fds[0], .may_recv = TLS_BIO_RECVS };
	p->method = tls_bio_method_new();
	p->bio = BIO_new(p->method);
	BIO_set_data(p->bio, &p->tb);
}

static void pair_done(struct pair *p)
{
	BIO_free(p->bio);
	BIO_meth_free(p->method);
	(void)close(p->fds[0]);
	if (p->fds[1] >= 0)
		(void)close(p->fds[1]);
}

Test(tls_bio, does_not_ask_again_when_it_got_less_than_there_was_room_for)
{
	struct pair p;
	char room[10];

	pair_init(&p);
	cr_assert_eq(send(p.fds[1], "hello", 5, 0), 5);
	cr_expect_eq(BIO_read(p.bio, room, sizeof(room)), 5);
	cr_expect(p.tb.has_drained);
	cr_assert_eq(send(p.fds[1], "more", 4, 0), 4);
	cr_expect_lt(BIO_read(p.bio, room, sizeof(room)), 0);
	cr_expect(BIO_should_retry(p.bio));
	p.tb.has_drained = false;
	cr_expect_eq(BIO_read(p.bio, room, 4), 4);
	cr_expect_not(p.tb.has_drained);
	pair_done(&p);
}

Test(tls_bio, leaves_the_socket_alone_when_it_may_not_receive)
{
	struct pair p;
	char room[10];

	pair_init(&p);
	p.tb.may_recv = 0;
	cr_assert_eq(send(p.fds[1], "hello", 5, 0), 5);
	cr_expect_lt(BIO_read(p.bio, room, sizeof(room)), 0);
	cr_expect(BIO_should_retry(p.bio));
	pair_done(&p);
}

Test(tls_bio, tells_an_end_from_nothing)
{
	struct pair p;
	char room[10];

	pair_init(&p);
	cr_expect_lt(BIO_read(p.bio, room, sizeof(room)), 0);
	cr_expect_not(BIO_eof(p.bio));
	(void)close(p.fds[1]);
	p.fds[1] = -1;
	p.tb.has_drained = false;
	cr_expect_eq(BIO_read(p.bio, room, sizeof(room)), 0);
	cr_expect(BIO_eof(p.bio));
	cr_expect_not(BIO_should_retry(p.bio));
	pair_done(&p);
}

Test(tls_bio, says_when_the_socket_is_full_and_when_it_is_dead)
{
	char bytes[65536] = { 0 };
	struct pair p;
	int n;

	pair_init(&p);
	do
		n = BIO_write(p.bio, bytes, sizeof(bytes));
	while (n > 0);
	cr_expect(BIO_should_write(p.bio));
	cr_expect_eq(p.tb.error, 0);
	(void)close(p.fds[1]);
	p.fds[1] = -1;
	cr_expect_lt(BIO_write(p.bio, bytes, sizeof(bytes)), 0);
	cr_expect_not(BIO_should_retry(p.bio));
	cr_expect_lt(p.tb.error, 0);
	pair_done(&p);
}
