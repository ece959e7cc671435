/* test_tls_contexts.c - a context for each listener that has TLS; what is wrong is said with its place. */
#include "daemon/tls_contexts.h"

#include "daemon/tls_bundle.h"
#include "oom.h"
#include "tls_fixture.h"

static int make(struct fixture *f, struct tls_contexts **ret_contexts)
{
	struct tls_bundle bundle;
	int r;

	cr_assert_eq(tls_bundle_read(f->conf, &f->messages, &bundle), 0);
	r = tls_contexts_new(f->conf, &bundle, NULL, &f->messages, ret_contexts);
	tls_bundle_done(&bundle);
	return r;
}

Test(tls_contexts, listeners_have_one_or_none)
{
	struct tls_contexts *contexts;
	struct fixture f;

	tls_fixture_init(&f);
	cr_expect(tls_contexts_are_wanted(f.conf));
	cr_assert_eq(make(&f, &contexts), 0);
	cr_expect_not_null(tls_contexts_at(contexts, 0));
	cr_expect_null(tls_contexts_at(contexts, 1));
	cr_expect_not_null(tls_contexts_at(contexts, 2));
	cr_expect_null(tls_contexts_at(contexts, 3));
	cr_expect_null(tls_contexts_at(NULL, 0));
	cr_expect_null(tls_contexts_free(contexts));
	cr_expect_null(tls_contexts_free(NULL));
	fixture_done(&f);
}

Test(tls_contexts, all_that_is_wrong_is_said_where_the_file_is_named)
{
	struct tls_contexts *contexts = NULL;
	struct fixture f;
	struct buf out;

	tls_fixture_init(&f);
	tls_fixture_issue("other", "a.test");
	cr_assert_eq(rename("other-key.pem", "a-key.pem"), 0);
	fixture_write("ca.pem", "hello", 5);
	cr_expect_eq(make(&f, &contexts), -EINVAL);
	cr_expect_null(contexts);
	buf_init(&out, 0);
	cr_assert_eq(messages_format(&f.messages, &out), 0);
	cr_assert_eq(buf_append(&out, "", 1), 0);
	cr_expect_eq(f.messages.n_errors, 2, "%s", out.data);
	cr_expect_not_null(strstr(out.data, "test.yaml:3:36: "), "%s", out.data);
	cr_expect_not_null(strstr(out.data, "a-key.pem: the key is not that of"), "%s", out.data);
	cr_expect_not_null(strstr(out.data, "ca.pem: there is no certificate"), "%s", out.data);
	buf_done(&out);
	fixture_done(&f);
}

Test(tls_contexts, without_tls_none_are_wanted)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "listen: [{address: 127.0.0.1:1}]\n");
	cr_expect_not(tls_contexts_are_wanted(f.conf));
	fixture_done(&f);
}

Test(tls_contexts, without_memory_are_all_or_none)
{
	struct tls_contexts *contexts = NULL;
	struct tls_bundle bundle;
	struct fixture f;

	tls_fixture_init(&f);
	cr_assert_eq(tls_bundle_read(f.conf, &f.messages, &bundle), 0);
	for (unsigned n = 1; !contexts; n++) {
		int r;

		oom_fail_at(n);
		r = tls_contexts_new(f.conf, &bundle, NULL, &f.messages, &contexts);
		cr_assert_eq(r, oom_has_failed() ? -ENOMEM : 0);
	}
	cr_expect_not_null(tls_contexts_at(contexts, 2));
	cr_expect_eq(f.messages.n_errors, 0);
	(void)tls_contexts_free(contexts);
	tls_bundle_done(&bundle);
	fixture_done(&f);
}
