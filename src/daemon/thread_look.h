#ifndef WEIR_DAEMON_THREAD_LOOK_H
#define WEIR_DAEMON_THREAD_LOOK_H
/*
 * thread_look.h - what the kernel says of a thread of this process, without
 * disturbing it: whether it computes or sleeps, in which system call, and where
 * its stack and its code stand meanwhile.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"

struct thread_look {
	char state;	  /* as in /proc: R, S, D, T, ...; '?' when it is not known */
	long call;	  /* the system call that it sleeps in; -1: none */
	uintptr_t sp, pc; /* while it sleeps; 0: not known */
};

void thread_look(pid_t tid, struct thread_look *ret_look);

/* For people: "it computes", "it sleeps in clock_nanosleep()". */
#define THREAD_LOOK_WORDS_MAX 80
void thread_look_describe(const struct thread_look *look, char ret_words[THREAD_LOOK_WORDS_MAX]);

#endif
