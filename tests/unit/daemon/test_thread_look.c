#include "daemon/thread_look.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[2];
static _Atomic pid_t tid;
static struct thread_look look;
static char words[THREAD_LOOK_WORDS_MAX];

static void *block(void *arg)
{
	char byte;

	atomic_store(&tid, gettid());
	return read(ends[0], &byte, 1) == 1 ? &tid : NULL;
}

Test(thread_look, sees_a_system_call_that_a_thread_sleeps_in)
{
	pthread_t thread;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(pthread_create(&thread, NULL, block, NULL), 0);
	do
		thread_look(atomic_load(&tid), &look);
	while (look.state != 'S' || look.call != SYS_read);
	cr_assert_neq(look.pc, 0);
	cr_assert_neq(look.sp, 0);
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it sleeps in read()");
	cr_assert_eq(write(ends[1], "x", 1), 1);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

Test(thread_look, sees_who_computes)
{
	thread_look(gettid(), &look);
	cr_assert_eq(look.state, 'R');
	cr_assert_eq(look.pc, 0);
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it computes");
}

Test(thread_look, knows_nothing_of_who_is_not_there)
{
	thread_look(1, &look);
	cr_assert_eq(look.state, '?');
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it is not known with what");
}

Test(thread_look, says_a_call_without_a_name_by_its_number)
{
	look = (struct thread_look){ .state = 'S', .call = 9999 };
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it sleeps in system call 9999");
	look = (struct thread_look){ .state = 'D', .call = -1 };
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it waits for a disk, or the like");
}

Test(thread_look, has_room_for_the_longest_words)
{
	look = (struct thread_look){ .state = 'D', .call = LONG_MAX };
	thread_look_describe(&look, words);
	cr_assert_str_eq(words, "it waits for a disk, or the like in system call "
				"9223372036854775807");
}
