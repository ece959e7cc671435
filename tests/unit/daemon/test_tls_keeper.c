/* test_tls_keeper.c - what the master does with certificates that change, and what workers get. */
#include "daemon/tls_keeper.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/tls_contexts.h"
#include "daemon/worker_slot.h"
#include "oom.h"
#include "tls_fixture.h"

struct scene {
	struct fixture f;
	struct tls_keeper *k;
	struct log log;
	int log_fd;
	char text[8192];
};

static void scene_init(struct scene *s)
{
	tls_fixture_init(&s->f);
	cr_assert_eq(tls_keeper_new(s->f.conf, NULL, &s->f.messages, &s->k), 0);
	cr_assert_not_null(s->k);
	s->log_fd = memfd_create("log", MFD_CLOEXEC);
	log_init(&s->log, s->log_fd, LOG_AT_DEBUG);
}

static void scene_done(struct scene *s)
{
	tls_keeper_free(s->k);
	(void)close(s->log_fd);
	fixture_done(&s->f);
}

static const char *said(struct scene *s)
{
	ssize_t n = pread(s->log_fd, s->text, sizeof(s->text) - 1, 0);

	s->text[n > 0 ? n : 0] = '\0';
	return s->text;
}

/* The next look, or the one after that. */
static void look(struct scene *s)
{
	tls_keeper_tick(s->k, tls_keeper_next_ms(s->k), &s->log);
}

Test(tls_keeper, there_is_none_without_tls)
{
	struct tls_keeper *k = (struct tls_keeper *)&k;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "listen: [{address: 127.0.0.1:1}]\n");
	cr_assert_eq(tls_keeper_new(f.conf, NULL, &f.messages, &k), 0);
	cr_expect_null(k);
	cr_expect_null(tls_keeper_take(NULL));
	cr_expect_eq(tls_keeper_next_ms(NULL), INT64_MAX);
	cr_expect_eq(tls_keeper_generation(NULL), 0);
	tls_keeper_tick(NULL, 0, NULL);
	tls_keeper_tell(NULL, NULL, 1, 0);
	fixture_done(&f);
}

Test(tls_keeper, a_worker_takes_what_there_is)
{
	struct tls_contexts *contexts;
	struct scene s;

	scene_init(&s);
	contexts = tls_keeper_take(s.k);
	cr_expect_not_null(tls_contexts_at(contexts, 0));
	tls_contexts_free(contexts);
	scene_done(&s);
}

Test(tls_keeper, files_that_stay_are_not_read_again)
{
	struct scene s;

	scene_init(&s);
	for (int i = 0; i < 4; i++)
		look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 0);
	cr_expect_str_eq(said(&s), "");
	scene_done(&s);
}

Test(tls_keeper, files_that_have_changed_are_read_when_they_have_settled)
{
	struct scene s;

	scene_init(&s);
	tls_fixture_issue("a", "new.test");
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 0);
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 1);
	cr_expect_not_null(strstr(said(&s), "new certificates: "), "%s", s.text);
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 1);
	scene_done(&s);
}

Test(tls_keeper, bad_ones_change_nothing_and_are_said_once)
{
	struct scene s;

	scene_init(&s);
	tls_fixture_issue("other", "a.test");
	cr_assert_eq(rename("other-key.pem", "a-key.pem"), 0);
	for (int i = 0; i < 4; i++)
		look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 0);
	cr_expect_not_null(strstr(said(&s), "the key is not that of the certificate"), "%s",
			   s.text);
	cr_expect_not_null(strstr(s.text, "the old ones stay"));
	cr_expect_null(strstr(strstr(s.text, "the old ones stay") + 1, "the old ones stay"));
	cr_assert_eq(rename("other.pem", "a.pem"), 0);
	look(&s);
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 1);
	scene_done(&s);
}

/* No descriptor is to be had from now on; what the limit was before. */
static struct rlimit without_descriptors(void)
{
	struct rlimit before, none;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static unsigned count(const char *text, const char *words)
{
	unsigned n = 0;

	for (; (text = strstr(text, words)); text++)
		n++;
	return n;
}

Test(tls_keeper, without_descriptors_it_is_tried_again_and_said_once)
{
	struct rlimit before;
	struct scene s;

	scene_init(&s);
	tls_fixture_issue("a", "new.test");
	before = without_descriptors();
	for (int i = 0; i < 4; i++)
		look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	cr_expect_eq(count(said(&s), "cannot be read: Too many open files: the old ones stay"), 1,
		     "%s", s.text);
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 1);
	look(&s);
	cr_expect_eq(tls_keeper_generation(s.k), 1);
	cr_expect_eq(count(said(&s), "new certificates: "), 1, "%s", s.text);
	scene_done(&s);
}

Test(tls_keeper, without_memory_it_is_tried_again)
{
	struct scene s;

	scene_init(&s);
	tls_fixture_issue("a", "new.test");
	look(&s);
	for (unsigned n = 1; tls_keeper_generation(s.k) == 0; n++) {
		oom_fail_at(n);
		look(&s);
		cr_assert_eq(tls_keeper_generation(s.k), oom_has_failed() ? 0 : 1, "at %u", n);
	}
	cr_expect_eq(count(said(&s), "Cannot allocate memory"), 1, "%s", s.text);
	scene_done(&s);
}

Test(tls_keeper, a_worker_gets_new_ones_as_a_sealed_file)
{
	struct tls_contexts *contexts = NULL;
	struct ipc_message message, other;
	struct worker_slot slot;
	struct scene s;
	uint64_t len;
	int ends[2];

	scene_init(&s);
	tls_fixture_issue("a", "new.test");
	look(&s);
	look(&s);
	cr_assert_eq(ipc_pair(ends), 0);
	worker_slot_init(&slot, 0);
	worker_slot_forked(&slot, getpid(), ends[0], 0);
	tls_keeper_tell(s.k, &slot, 1, 7);
	cr_expect_eq(slot.certificates, 0, "it is of another generation");
	tls_keeper_tell(s.k, &slot, 1, 0);
	cr_expect_eq(slot.certificates, 1);
	tls_keeper_tell(s.k, &slot, 1, 0);
	cr_assert_eq(control_receive(ends[1], &message), 1);
	cr_assert_eq(control_read_certificates(&message, &len), 0);
	cr_expect_eq(control_receive(ends[1], &other), -EAGAIN);
	cr_assert_eq(tls_keeper_receive(s.k, message.fds[0], len, &contexts), 0);
	cr_expect_not_null(tls_contexts_at(contexts, 2));
	tls_contexts_free(contexts);
	(void)close(ends[0]);
	(void)close(ends[1]);
	scene_done(&s);
}

Test(tls_keeper, without_memory_is_none)
{
	struct tls_keeper *k = NULL;
	struct fixture f;

	tls_fixture_init(&f);
	for (unsigned n = 1; !k; n++) {
		int r;

		oom_fail_at(n);
		r = tls_keeper_new(f.conf, NULL, &f.messages, &k);
		cr_assert_eq(r, oom_has_failed() ? -ENOMEM : 0);
	}
	cr_expect_eq(f.messages.n_errors, 0);
	(void)tls_keeper_free(k);
	fixture_done(&f);
}
