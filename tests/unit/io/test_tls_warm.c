/* test_tls_warm.c - who keeps its buffers. They are seen as OpenSSL's large allocations. */
#include "io/tls_warm.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#define LARGE ((size_t)16 * 1024)
#define N (TLS_WARM_MAX + 3)

static int n_large;

static void count(void *bytes, int by)
{
	if (bytes && malloc_usable_size(bytes) >= LARGE)
		n_large += by;
}

static void *take(size_t size, const char *file, int line)
{
	void *bytes = malloc(size);

	count(bytes, 1);
	return bytes;
}

static void *retake(void *old, size_t size, const char *file, int line)
{
	void *bytes;

	count(old, -1);
	bytes = realloc(old, size);
	count(bytes, 1);
	return bytes;
}

static void give(void *old, const char *file, int line)
{
	count(old, -1);
	free(old);
}

/* Before anybody has allocated by it. */
__attribute__((constructor)) static void use_ours(void)
{
	if (CRYPTO_set_mem_functions(take, retake, give) != 1)
		abort();
}

struct room {
	struct tls_warm warm;
	SSL_CTX *ctx;
	struct tls_warm_seat seats[N];
	int n_before;
};

static void room_init(struct room *room)
{
	room->ctx = SSL_CTX_new(TLS_server_method());
	tls_warm_init(&room->warm);
	for (size_t i = 0; i < N; i++)
		room->seats[i] = (struct tls_warm_seat){ .ssl = SSL_new(room->ctx) };
	room->n_before = n_large;
}

static void room_done(struct room *room)
{
	for (size_t i = 0; i < N; i++) {
		tls_warm_leave(&room->warm, &room->seats[i]);
		SSL_free(room->seats[i].ssl);
	}
	SSL_CTX_free(room->ctx);
}

/* As reading and writing would; how many more are there then. */
static int use(struct room *room, size_t i)
{
	int before;

	tls_warm_take(&room->warm, &room->seats[i]);
	before = n_large;
	cr_assert_eq(SSL_alloc_buffers(room->seats[i].ssl), 1);
	return n_large - before;
}

Test(tls_warm, only_so_many_keep_their_buffers)
{
	static struct room room;

	room_init(&room);
	for (size_t i = 0; i < N; i++)
		cr_assert_eq(use(&room, i), 2);
	cr_expect_eq(n_large - room.n_before, 2 * (int)TLS_WARM_MAX);
	room_done(&room);
	cr_expect_eq(room.warm.n, 0);
}

Test(tls_warm, who_was_used_last_keeps_them)
{
	static struct room room;

	room_init(&room);
	for (size_t i = 0; i < TLS_WARM_MAX; i++)
		(void)use(&room, i);
	cr_expect_eq(use(&room, 0), 0);
	(void)use(&room, TLS_WARM_MAX); /* the second one's, which is the first now */
	cr_expect_eq(use(&room, 0), 0);
	cr_expect_eq(use(&room, 1), 2);
	room_done(&room);
}

Test(tls_warm, who_leaves_makes_room)
{
	static struct room room;

	room_init(&room);
	for (size_t i = 0; i < TLS_WARM_MAX; i++)
		(void)use(&room, i);
	tls_warm_leave(&room.warm, &room.seats[5]);
	(void)use(&room, TLS_WARM_MAX);
	cr_expect_eq(use(&room, 0), 0);
	room_done(&room);
}
