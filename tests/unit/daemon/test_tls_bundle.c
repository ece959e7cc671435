/* test_tls_bundle.c - files are read, and go to another process and back. */
#include "daemon/tls_bundle.h"

#include <sys/stat.h>

#include "io/sealed.h"
#include "oom.h"
#include "tls_fixture.h"

static const char *format(struct messages *messages)
{
	struct buf out;

	buf_init(&out, 0);
	cr_assert_eq(messages_format(messages, &out), 0);
	return buf_steal(&out);
}

Test(tls_bundle, has_all_files_in_order_here_and_there)
{
	struct tls_bundle bundle, copy;
	struct fixture f;
	uint64_t len;
	int fd;

	tls_fixture_init(&f);
	cr_assert_eq(tls_bundle_read(f.conf, &f.messages, &bundle), 0);
	cr_expect_eq(bundle.n_files, 5);
	cr_assert_eq(tls_bundle_seal(&bundle, &fd, &len), 0);
	cr_assert_eq(tls_bundle_open(fd, len, &copy), 0);
	cr_assert_eq(copy.n_files, 5);
	for (size_t i = 0; i < 5; i++)
		cr_expect(weir_str_eq(bundle.files[i], copy.files[i]));
	(void)close(fd);
	tls_bundle_done(&bundle);
	tls_bundle_done(&copy);
	cr_expect_null(bundle.files);
	fixture_done(&f);
}

Test(tls_bundle, says_which_files_cannot_be_read)
{
	struct tls_bundle bundle;
	const char *said;
	struct fixture f;

	tls_fixture_init(&f);
	cr_assert_eq(unlink("a-key.pem"), 0);
	cr_assert_eq(unlink("ca.pem"), 0);
	cr_assert_eq(mkdir("ca.pem", 0700), 0);
	cr_expect_eq(tls_bundle_read(f.conf, &f.messages, &bundle), -EINVAL);
	said = format(&f.messages);
	cr_expect_eq(f.messages.n_errors, 2);
	cr_expect_not_null(strstr(said, "test.yaml:3:36: key: cannot read "), "%s", said);
	cr_expect_not_null(strstr(said, "a-key.pem: No such file or directory"), "%s", said);
	cr_expect_not_null(strstr(said, "ca.pem: Is a directory"), "%s", said);
	free((char *)said);
	fixture_done(&f);
}

Test(tls_bundle, what_is_no_bundle_is_refused)
{
	uint64_t words[4] = { 2, 100, 100, 0 };
	struct tls_bundle bundle;
	int fd;

	cr_assert_eq(sealed_new((weir_str){ (const char *)words, sizeof(words) }, &fd), 0);
	cr_expect_eq(tls_bundle_open(fd, sizeof(words), &bundle), -EPROTO);
	cr_expect_eq(tls_bundle_open(fd, 8, &bundle), -EPROTO);
	(void)close(fd);
	words[0] = UINT64_MAX / 8;
	cr_assert_eq(sealed_new((weir_str){ (const char *)words, sizeof(words) }, &fd), 0);
	cr_expect_eq(tls_bundle_open(fd, sizeof(words), &bundle), -EPROTO);
	(void)close(fd);
	cr_assert_eq(sealed_new(WEIR_STR("abc"), &fd), 0);
	cr_expect_eq(tls_bundle_open(fd, 3, &bundle), -EPROTO);
	(void)close(fd);
}

/* Each allocation fails once; the bundle that came of it in the end. */
static void read_without_memory(struct fixture *f, struct tls_bundle *ret_bundle)
{
	for (unsigned n = 1;; n++) {
		int r;

		oom_fail_at(n);
		r = tls_bundle_read(f->conf, &f->messages, ret_bundle);
		if (!oom_has_failed()) {
			cr_assert_eq(r, 0);
			break;
		}
		cr_assert_eq(r, -ENOMEM);
	}
	cr_expect_eq(f->messages.n_errors, 0);
}

Test(tls_bundle, without_memory_is_whole_or_none)
{
	struct tls_bundle bundle, copy;
	struct fixture f;
	uint64_t len;
	int fd = -1;

	tls_fixture_init(&f);
	read_without_memory(&f, &bundle);
	oom_fail_at(1);
	cr_expect_eq(tls_bundle_seal(&bundle, &fd, &len), -ENOMEM);
	cr_expect(oom_has_failed());
	cr_assert_eq(tls_bundle_seal(&bundle, &fd, &len), 0);
	for (unsigned n = 1;; n++) {
		int r;

		oom_fail_at(n);
		r = tls_bundle_open(fd, len, &copy);
		if (!oom_has_failed()) {
			cr_assert_eq(r, 0);
			break;
		}
		cr_assert_eq(r, -ENOMEM);
	}
	cr_expect_eq(copy.n_files, 5);
	(void)close(fd);
	tls_bundle_done(&bundle);
	tls_bundle_done(&copy);
	fixture_done(&f);
}
