/* test_tls_tickets.c - keys of tickets: given out, taken back, rotated, shared. */
#include "io/tls_tickets.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What OpenSSL would do with a callback: the name of the key that was used. */
static int use(const struct tls_tickets *tickets, unsigned char name[16], int enc)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	unsigned char iv[EVP_MAX_IV_LENGTH] = { 0 };
	int r = tls_tickets_use(tickets, name, iv, cipher, mac, enc);

	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(hmac);
	EVP_CIPHER_CTX_free(cipher);
	return r;
}

Test(tls_tickets, takes_back_what_it_gave_out_and_asks_for_another)
{
	struct tls_tickets *tickets;
	unsigned char name[16];

	cr_assert_eq(tls_tickets_new(&tickets), 0);
	cr_expect_eq(use(tickets, name, 1), 1);
	cr_expect_eq(use(tickets, name, 0), 2);
	cr_expect_null(tls_tickets_free(tickets));
}

Test(tls_tickets, a_name_nobody_gave_out_opens_nothing)
{
	struct tls_tickets *tickets;
	unsigned char name[16] = { 0 };

	cr_assert_eq(tls_tickets_new(&tickets), 0);
	cr_expect_eq(use(tickets, name, 0), 0);
	tls_tickets_free(tickets);
}

Test(tls_tickets, a_key_is_good_for_two_rotations)
{
	struct tls_tickets *tickets;
	unsigned char first[16], now[16];

	cr_assert_eq(tls_tickets_new(&tickets), 0);
	cr_assert_eq(use(tickets, first, 1), 1);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(tls_tickets_rotate(tickets), 0);
		cr_assert_eq(use(tickets, now, 1), 1);
		cr_expect_neq(memcmp(first, now, 16), 0);
		cr_expect_eq(use(tickets, first, 0), 2);
	}
	cr_assert_eq(tls_tickets_rotate(tickets), 0);
	cr_expect_eq(use(tickets, first, 0), 0);
	tls_tickets_free(tickets);
}

Test(tls_tickets, another_process_sees_a_new_key_and_cannot_change_it)
{
	struct tls_tickets *tickets;
	unsigned char name[16];
	int status, go[2];
	char byte;
	pid_t pid;

	cr_assert_eq(tls_tickets_new(&tickets), 0);
	cr_assert_eq(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		tls_tickets_make_read_only(tickets);
		if (read(go[0], &byte, 1) != 1 || read(go[0], name, 16) != 16)
			_exit(1);
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(use(tickets, name, 0) == 2 ? 0 : 2);
	}
	cr_assert_eq(tls_tickets_rotate(tickets), 0);
	cr_assert_eq(use(tickets, name, 1), 1);
	cr_assert_eq(write(go[1], "", 1), 1);
	cr_assert_eq(write(go[1], name, 16), 16);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	tls_tickets_free(tickets);
}

Test(tls_tickets, those_that_are_shared_are_the_same_and_outlive_the_others)
{
	struct tls_tickets *tickets, *shared;
	unsigned char first[16], second[16];

	cr_assert_eq(tls_tickets_new(&tickets), 0);
	cr_assert_eq(use(tickets, first, 1), 1);
	cr_assert_eq(tls_tickets_share(tickets, &shared), 0);
	cr_assert_eq(tls_tickets_rotate(tickets), 0);
	cr_assert_eq(use(tickets, second, 1), 1);
	tls_tickets_free(tickets);
	cr_expect_eq(use(shared, first, 0), 2);
	cr_expect_eq(use(shared, second, 0), 2);
	tls_tickets_free(shared);
}

Test(tls_tickets, freeing_none_is_fine)
{
	cr_expect_null(tls_tickets_free(NULL));
}
