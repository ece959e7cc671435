/*
 * steady.c - an open-loop HTTP/1.1 client: so many requests a second, however long
 * the answers take, and how long each took from when it was due. A client that
 * waits for one answer before it sends the next asks nothing while the server is
 * stuck, and so does not see it. Loopback only, one thread.
 *
 * A request goes on the connection that has been idle for longest, else on a new one; beyond
 * MAX_CONNECTIONS it waits for one, and its time runs. All answers have to have
 * a body as long as the first.
 *
 *	bench_steady -p PORT [-u PATH] [-r REQUESTS A SECOND] [-d SECONDS] [-c CONNECTIONS] [-i MS]
 *
 *	-c	so many connections from the beginning, and no more
 *	-i	tells what was due in each such while apart, in "windows"; a line before
 *		says when the first one begins, by CLOCK_MONOTONIC
 *
 * A connection that the server closes is replaced. A request that gets no answer, because its
 * connection ends or there is none to be had, has failed.
 *
 * Prints one line of JSON; exits 0 if none has failed, and every response was as expected.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/macro.h"
#include "gauge.h"

#define MAX_CONNECTIONS 4000
#define MAX_SECONDS 600
#define MAX_RATE 100000
#define PATIENCE_S 60 /* for the last answers */
#define SECOND_NS ((int64_t)1000000000)
#define MAX_INTERVAL_MS 600000
#define MAX_HEAD 1024
#define STATUS "HTTP/1.1 200"

struct conn {
	int fd;		       /* -1: it has ended, and there was no other to be had */
	char head[MAX_HEAD];   /* of the answer, as far as it has come, and a NUL */
	size_t received;       /* of the answer */
	size_t answer_len;     /* all of it; 0: not known yet */
	int64_t due_ns;	       /* of the request that is under way; 0: it is idle */
	struct window *window; /* of that */
	struct conn *next_idle;
};

/* What was due within some time. */
struct window {
	struct gauge gauge;
	uint64_t n_done; /* answered */
	uint64_t n_failed;
};

struct steady {
	long port, rate, seconds, n_wanted, interval_ms;
	const char *path;
	char request[512];
	size_t request_len, body_len;
	int epoll_fd, timer_fd;
	struct conn *conns;
	size_t n_conns, max_conns;
	struct conn *idle, **last_idle; /* the longest first */
	int64_t start_ns;
	uint64_t n_total, n_issued, n_done, n_failed;
	int64_t longest_ns;
	struct gauge gauge;
	struct window *windows;
	size_t n_windows;
	char in[65536];
};

static int dial(const struct steady *s, int *ret_fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)s->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_(close_fdp) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = steal_fd(fd);
	return 0;
}

/* 1 and the length of an answer with this head, and of its body; 0: it is not complete. */
static int read_head(const char *head, size_t *ret_len, size_t *ret_body_len)
{
	const char *end = strstr(head, "\r\n\r\n");
	const char *length = strcasestr(head, "\r\ncontent-length:");

	if (strncmp(head, STATUS, strnlen(head, strlen(STATUS))) != 0)
		return -EBADMSG;
	if (!end)
		return strlen(head) < MAX_HEAD - 1 ? 0 : -EBADMSG;
	if (!length || length > end)
		return -EBADMSG;
	*ret_body_len = strtoul(length + 17, NULL, 10);
	*ret_len = (size_t)(end + 4 - head) + *ret_body_len;
	return 1;
}

/* Asks once, alone, to know how long an answer's body is. */
static int learn(struct steady *s)
{
	_cleanup_(close_fdp) int fd = -1;
	size_t got = 0, len;
	int r;

	r = dial(s, &fd);
	if (r < 0)
		return r;
	if (send(fd, s->request, s->request_len, MSG_NOSIGNAL) != (ssize_t)s->request_len)
		return -EPIPE;
	do {
		ssize_t n = recv(fd, s->in + got, MAX_HEAD - 1 - got, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		got += (size_t)n;
		s->in[got] = '\0';
		r = read_head(s->in, &len, &s->body_len);
	} while (r == 0);
	return r < 0 ? r : 0;
}

/* ---- connections */

static void add_idle(struct steady *s, struct conn *c)
{
	c->due_ns = 0;
	c->next_idle = NULL;
	*s->last_idle = c;
	s->last_idle = &c->next_idle;
}

static struct conn *take_idle(struct steady *s)
{
	struct conn *c = s->idle;

	if (!c)
		return NULL;
	s->idle = c->next_idle;
	if (!s->idle)
		s->last_idle = &s->idle;
	return c;
}

/* In the place of one that has ended, if there was one. */
static int conn_dial(struct steady *s, struct conn *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int r;

	close_fdp(&c->fd);
	c->fd = -1;
	r = dial(s, &c->fd);
	if (r < 0)
		return r;
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0 ? -errno : 0;
}

/* One more; NULL: there are enough. */
static struct conn *conn_new(struct steady *s)
{
	struct conn *c = &s->conns[s->n_conns];

	if (s->n_conns == s->max_conns)
		return NULL;
	s->n_conns++;
	c->fd = -1;
	return c;
}

static bool has_ended(const struct conn *c)
{
	char byte;

	return c->fd < 0 || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static int64_t due_ns(const struct steady *s, uint64_t number)
{
	return s->start_ns + (int64_t)(number * (uint64_t)SECOND_NS / (uint64_t)s->rate);
}

static struct window *window_of(const struct steady *s, int64_t at_ns)
{
	size_t i = s->interval_ms
			   ? (size_t)((at_ns - s->start_ns) / (s->interval_ms * (SECOND_NS / 1000)))
			   : 0;

	return &s->windows[i < s->n_windows ? i : s->n_windows - 1];
}

/* Its request gets no answer. */
static void fail(struct steady *s, struct conn *c)
{
	c->window->n_failed++;
	s->n_failed++;
	s->n_done++;
	(void)conn_dial(s, c); /* or when it is needed */
	add_idle(s, c);
}

/* All that are due. */
static void issue(struct steady *s)
{
	int64_t now_ns = gauge_now_ns();

	while (s->n_issued < s->n_total && due_ns(s, s->n_issued) <= now_ns) {
		struct conn *c = take_idle(s);

		if (!c)
			c = conn_new(s);
		if (!c)
			return; /* as soon as there is one */
		c->due_ns = due_ns(s, s->n_issued++);
		c->window = window_of(s, c->due_ns);
		c->received = c->answer_len = 0;
		if ((has_ended(c) && conn_dial(s, c) < 0) ||
		    send(c->fd, s->request, s->request_len, MSG_NOSIGNAL) !=
			    (ssize_t)s->request_len)
			fail(s, c);
	}
}

static void on_answered(struct steady *s, struct conn *c)
{
	int64_t wait_ns = gauge_now_ns() - c->due_ns;

	gauge_count(&s->gauge, wait_ns);
	gauge_count(&c->window->gauge, wait_ns);
	if (wait_ns > s->longest_ns)
		s->longest_ns = wait_ns;
	c->window->n_done++;
	s->n_done++;
	if (strcasestr(c->head, "\r\nconnection: close\r\n"))
		(void)conn_dial(s, c);
	add_idle(s, c);
}

/* One that is idle is where it belongs, and another connection takes its place. */
static void on_end(struct steady *s, struct conn *c)
{
	if (c->due_ns)
		fail(s, c);
	else
		(void)conn_dial(s, c);
}

static int on_readable(struct steady *s, struct conn *c)
{
	size_t room = MAX_HEAD - 1 - (c->received < MAX_HEAD - 1 ? c->received : MAX_HEAD - 1);
	ssize_t n = recv(c->fd, s->in, sizeof(s->in), MSG_DONTWAIT);
	size_t body_len = s->body_len;
	int r = 1;

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		on_end(s, c);
		return 0;
	}
	if (c->due_ns == 0)
		return -EBADMSG;
	memcpy(c->head + (MAX_HEAD - 1 - room), s->in, (size_t)n < room ? (size_t)n : room);
	c->received += (size_t)n;
	c->head[c->received < MAX_HEAD - 1 ? c->received : MAX_HEAD - 1] = '\0';
	if (c->answer_len == 0)
		r = read_head(c->head, &c->answer_len, &body_len);
	if (r <= 0)
		return r;
	if (body_len != s->body_len || c->received > c->answer_len)
		return -EBADMSG;
	if (c->received == c->answer_len)
		on_answered(s, c);
	return 0;
}

/* When the next request is due. */
static int arm(const struct steady *s)
{
	int64_t at_ns = due_ns(s, s->n_issued);
	struct itimerspec at = { .it_value = { at_ns / SECOND_NS, at_ns % SECOND_NS } };

	return timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0 ? -errno : 0;
}

static int run(struct steady *s)
{
	struct epoll_event events[256], timer = { .events = EPOLLIN };
	int64_t end_ns;
	int r;

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->timer_fd, &timer) < 0)
		return -errno;
	for (long i = 0; i < s->n_wanted; i++) {
		struct conn *c = conn_new(s);

		r = conn_dial(s, c);
		if (r < 0)
			return r;
		add_idle(s, c);
	}
	s->start_ns = gauge_now_ns();
	if (s->interval_ms) {
		printf("{\"start_ns\": %" PRId64 "}\n", s->start_ns);
		(void)fflush(stdout);
	}
	end_ns = s->start_ns + (s->seconds + PATIENCE_S) * SECOND_NS;
	while (s->n_done < s->n_total) {
		int n;

		if (gauge_now_ns() > end_ns)
			return -ETIMEDOUT;
		issue(s);
		r = arm(s);
		if (r < 0)
			return r;
		n = epoll_wait(s->epoll_fd, events, 256, 1000);
		for (int i = 0; i < n; i++) {
			uint64_t n_times;

			r = 0;
			if (events[i].data.ptr)
				r = on_readable(s, events[i].data.ptr);
			else if (read(s->timer_fd, &n_times, sizeof(n_times)) < 0)
				r = errno == EAGAIN ? 0 : -errno;
			if (r < 0 && r != -EAGAIN)
				return r;
		}
	}
	return 0;
}

static bool read_arguments(int argc, char **argv, struct steady *s)
{
	bool is_good = true;
	int o;

	while (is_good && (o = getopt(argc, argv, "p:u:r:d:c:i:")) != -1) {
		if (o == 'p')
			is_good = gauge_read_number(optarg, UINT16_MAX, &s->port);
		else if (o == 'u')
			s->path = optarg;
		else if (o == 'r')
			is_good = gauge_read_number(optarg, MAX_RATE, &s->rate);
		else if (o == 'd')
			is_good = gauge_read_number(optarg, MAX_SECONDS, &s->seconds);
		else if (o == 'c')
			is_good = gauge_read_number(optarg, MAX_CONNECTIONS, &s->n_wanted);
		else if (o == 'i')
			is_good = gauge_read_number(optarg, MAX_INTERVAL_MS, &s->interval_ms);
		else
			is_good = false;
	}
	return is_good && s->port && optind == argc;
}

static void report(const struct steady *s)
{
	printf("{\"done\": %" PRIu64 ", \"failed\": %" PRIu64
	       ", \"connections\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
	       "\"client_cpu\": %.3f",
	       s->n_done - s->n_failed, s->n_failed, s->n_conns, gauge_wait_us(&s->gauge, 0.5),
	       gauge_wait_us(&s->gauge, 0.99), (double)s->longest_ns / 1000,
	       gauge_cpu_s() / ((double)(gauge_now_ns() - s->start_ns) / 1e9));
	for (size_t i = 0; s->interval_ms && i < s->n_windows; i++) {
		const struct window *w = &s->windows[i];

		printf("%s{\"done\": %" PRIu64 ", \"failed\": %" PRIu64
		       ", \"p50_us\": %.1f, \"p99_us\": %.1f}",
		       i ? ", " : ", \"windows\": [", w->n_done, w->n_failed,
		       gauge_wait_us(&w->gauge, 0.5), gauge_wait_us(&w->gauge, 0.99));
	}
	printf("%s}\n", s->interval_ms ? "]" : "");
}

int main(int argc, char **argv)
{
	const struct rlimit files = { MAX_CONNECTIONS + 64, MAX_CONNECTIONS + 64 };
	_cleanup_(freep) struct steady *s = calloc(1, sizeof(*s));
	_cleanup_(freep) struct conn *conns = calloc(MAX_CONNECTIONS, sizeof(*conns));
	_cleanup_(freep) struct window *windows = NULL;
	int r;

	if (!s || !conns)
		return 1;
	s->path = "/hello";
	s->rate = 500;
	s->seconds = 5;
	if (!read_arguments(argc, argv, s)) {
		fprintf(stderr,
			"usage: %s -p PORT [-u PATH] [-r RATE] [-d SECONDS] [-c CONNECTIONS] [-i "
			"MS]\n",
			argv[0]);
		return 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files); /* connecting says it, then */
	s->conns = conns;
	s->last_idle = &s->idle;
	s->max_conns = s->n_wanted ? (size_t)s->n_wanted : MAX_CONNECTIONS;
	s->n_windows = s->interval_ms ? (size_t)((s->seconds * 1000 - 1) / s->interval_ms) + 1 : 1;
	s->windows = windows = calloc(s->n_windows, sizeof(*windows));
	s->n_total = (uint64_t)(s->rate * s->seconds);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->request_len = (size_t)snprintf(s->request, sizeof(s->request),
					  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n\r\n", s->path,
					  s->port);
	if (!windows || s->epoll_fd < 0 || s->timer_fd < 0 || s->request_len >= sizeof(s->request))
		return 1;
	r = learn(s);
	if (r == 0)
		r = run(s);
	if (r < 0) {
		fprintf(stderr, "%s: port %ld: %s after %" PRIu64 " answers\n", argv[0], s->port,
			strerror(-r), s->n_done);
		return 1;
	}
	report(s);
	return s->n_failed == 0 ? 0 : 1;
}
