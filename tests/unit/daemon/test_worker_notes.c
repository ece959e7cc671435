/* test_worker_notes.c - one process writes, another one reads; what is read is never believed. */
#include "daemon/worker_notes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *read_note(const struct worker_notes *notes, unsigned slot)
{
	static char name[WORKER_NOTES_NAME];

	worker_notes_read(notes, slot, name);
	return name;
}

static struct worker_notes make(unsigned n)
{
	struct worker_notes notes = { 0 };

	cr_assert_eq(worker_notes_init(&notes, n), 0);
	return notes;
}

Test(worker_notes, say_nothing_at_first)
{
	struct worker_notes notes = make(3);

	for (unsigned i = 0; i < 3; i++)
		cr_assert_str_eq(read_note(&notes, i), "");
	worker_notes_done(&notes);
}

Test(worker_notes, outlive_the_process_that_wrote_them)
{
	struct worker_notes notes = make(2);
	struct worker_note *note = worker_notes_at(&notes, 1);
	pid_t pid = fork();

	if (pid == 0) {
		uint32_t hello = worker_notes_add(note, "shop.hello");
		uint32_t user = worker_notes_add(note, "shop.user");

		*worker_notes_last(note) = hello;
		*worker_notes_last(note) = user;
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	cr_assert_str_eq(read_note(&notes, 1), "shop.user");
	cr_assert_str_eq(read_note(&notes, 0), "");
	worker_notes_done(&notes);
}

Test(worker_notes, are_forgotten_by_the_next_one)
{
	struct worker_notes notes = make(1);
	struct worker_note *note = worker_notes_at(&notes, 0);

	*worker_notes_last(note) = worker_notes_add(note, "shop.hello");
	worker_notes_clear(note);
	cr_assert_str_eq(read_note(&notes, 0), "");
	worker_notes_done(&notes);
}

Test(worker_notes, cut_a_name_that_is_too_long)
{
	struct worker_notes notes = make(1);
	struct worker_note *note = worker_notes_at(&notes, 0);
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	*worker_notes_last(note) = worker_notes_add(note, name);
	cr_assert_eq(strlen(read_note(&notes, 0)), WORKER_NOTES_NAME - 1);
	worker_notes_done(&notes);
}

Test(worker_notes, keep_the_first_names_when_there_are_too_many)
{
	struct worker_notes notes = make(2);
	struct worker_note *note = worker_notes_at(&notes, 0);
	uint32_t number = 1, last = 0;
	char name[WORKER_NOTES_NAME], want[WORKER_NOTES_NAME] = "";

	for (int i = 0; i < 100000 && number != 0; i++) {
		(void)snprintf(name, sizeof(name), "module.handler_%d", i);
		number = worker_notes_add(note, name);
		if (number == 0)
			break;
		last = number;
		memcpy(want, name, sizeof(want));
	}
	cr_assert_eq(number, 0u);
	*worker_notes_last(note) = last;
	cr_assert_str_eq(read_note(&notes, 0), want);
	*worker_notes_last(note) = number;
	cr_assert_str_eq(read_note(&notes, 0), "");
	cr_assert_str_eq(read_note(&notes, 1), "");
	worker_notes_done(&notes);
}

Test(worker_notes, do_not_follow_a_number_that_nobody_gave)
{
	struct worker_notes notes = make(1);
	uint32_t *last = worker_notes_last(worker_notes_at(&notes, 0));

	for (uint32_t bad = UINT32_MAX; bad > 1000; bad /= 2) {
		*last = bad;
		cr_assert_str_eq(read_note(&notes, 0), "");
	}
	worker_notes_done(&notes);
}

Test(worker_notes, read_no_further_than_a_name_is_long)
{
	struct worker_notes notes = make(1);
	struct worker_note *note = worker_notes_at(&notes, 0);
	uint32_t *last = worker_notes_last(note);

	/* A process that ran wild: nothing in it ends with a NUL. */
	memset(note, 'x', 16 * 1024);
	*last = 5;
	cr_assert_eq(strlen(read_note(&notes, 0)), WORKER_NOTES_NAME - 1);
	worker_notes_done(&notes);
}

Test(worker_notes, done_twice_is_done)
{
	struct worker_notes notes = make(1), none = { 0 };

	worker_notes_done(&notes);
	worker_notes_done(&notes);
	worker_notes_done(&none);
}

/* Whether it is in this process's memory. */
static bool is_there(const struct worker_notes *notes, unsigned slot)
{
	unsigned char pages[16];

	return mincore(worker_notes_at(notes, slot), 16 * 1024, pages) == 0;
}

Test(worker_notes, a_child_may_keep_its_own_alone)
{
	struct worker_notes notes = make(5);
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		struct worker_note *note = worker_notes_at(&notes, 2);

		worker_notes_keep(&notes, 2);
		worker_notes_clear(note);
		*worker_notes_last(note) = worker_notes_add(note, "shop.buy");
		_exit(is_there(&notes, 2) && (sysconf(_SC_PAGESIZE) > 16 * 1024 ||
					      (!is_there(&notes, 0) && !is_there(&notes, 1) &&
					       !is_there(&notes, 3) && !is_there(&notes, 4)))
			      ? 0
			      : 1);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert_str_eq(read_note(&notes, 2), "shop.buy");
	cr_assert_str_eq(read_note(&notes, 1), "");
	worker_notes_done(&notes);
}
