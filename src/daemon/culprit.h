#ifndef WEIR_DAEMON_CULPRIT_H
#define WEIR_DAEMON_CULPRIT_H
/*
 * culprit.h - which task a scheduler is running, for whom, and on which stack:
 * as it is found in memory by somebody who must not trust it, a signal handler
 * after a crash, or another thread. Nothing it reads can fault.
 */
#include <stdint.h>

struct log;
struct sched;

#define CULPRIT_NAME 64
#define CULPRIT_TARGET 160

struct culprit {
	uint8_t is_task; /* 0: it is the loop's own code, or a thread's; who reads it believes nothing */
	char task[CULPRIT_NAME];  /* its name: of the handler, or of who was spawned; or of a job */
	char route[CULPRIT_NAME]; /* the handler that it belongs to */
	uint8_t has_route;	  /* it serves one: below; not so a background task */
	uint32_t route_index;	  /* its place in the binding */
	char path[CULPRIT_NAME];  /* "/users/{id}" */
	char request[CULPRIT_NAME];  /* its request's id */
	char target[CULPRIT_TARGET]; /* "GET /path" */
	uintptr_t low, high;	     /* its stack; 0: not known */
};

/* sched may be NULL. */
void culprit_find(const struct sched *sched, struct culprit *ret_culprit);

/*
 * For people: "shop.user (GET /users/7, route /users/{id}, request 0123456789abcdef)". It
 * believes nothing: what it is given may come from a process that has lost its mind.
 */
#define CULPRIT_WORDS_MAX 480
void culprit_describe(const struct culprit *culprit, char ret_words[CULPRIT_WORDS_MAX]);

#endif
