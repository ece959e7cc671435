#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H
/*
 * target.h - what the clients that load with requests share: the server and the path that they
 * ask, how much, and how its answers end.
 */
#include <stdbool.h>
#include <stdint.h>

#define TARGET_MAX_CONNECTIONS 20000
/* What each answer begins with. */
#define TARGET_STATUS "HTTP/1.1 200"

struct target {
	const char *path;
	long port;
	long n_conns;
	long seconds;
	long n_requests; /* 0: until the time is over */
	bool is_once;	 /* a new connection for each request */
};

/* The usual one; its port has to be said. */
struct target target_usual(void);
/* One of -p, -u, -c, -d, -n and -k, as getopt() gives it. False: it is none, or makes no sense. */
bool target_read_option(struct target *target, int option, const char *text);

/* A connection to it. flags: 0, or SOCK_NONBLOCK; then it may be under way. */
int target_dial(const struct target *target, int flags, int *ret_fd);

/* The length of a response whose head is complete; 0 if it is not one we can count with. */
uint64_t target_answer_len(const char *bytes);

#endif
