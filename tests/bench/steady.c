/*
 * steady.c - an open-loop HTTP/1.1 client: so many requests a second, however long
 * the answers take, and how long each took from when it was due. A client that
 * waits for one answer before it sends the next asks nothing while the server is
 * stuck, and so does not see it. Loopback only, one thread.
 *
 * A request goes on a connection that is idle, else on a new one; beyond
 * MAX_CONNECTIONS it waits for one, and its time runs. All answers have to have
 * the length of the first.
 *
 *	bench_steady -p PORT [-u PATH] [-r REQUESTS A SECOND] [-d SECONDS]
 *
 * Prints one line of JSON; exits 0 if every response was as expected.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
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
#define STATUS "HTTP/1.1 200"

struct conn {
	int fd;
	size_t received; /* of the answer */
	int64_t due_ns;	 /* of the request that is under way; 0: it is idle */
	struct conn *next_idle;
};

struct steady {
	long port, rate, seconds;
	const char *path;
	char request[512];
	size_t request_len, answer_len;
	int epoll_fd, timer_fd;
	struct conn *conns;
	size_t n_conns;
	struct conn *idle;
	int64_t start_ns;
	uint64_t n_total, n_issued, n_done;
	int64_t longest_ns;
	struct gauge gauge;
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

/* Asks once, alone, to know how long an answer is. */
static int learn(struct steady *s)
{
	_cleanup_(close_fdp) int fd = -1;
	const char *end = NULL, *length;
	size_t got = 0;
	int r;

	r = dial(s, &fd);
	if (r < 0)
		return r;
	if (send(fd, s->request, s->request_len, MSG_NOSIGNAL) != (ssize_t)s->request_len)
		return -EPIPE;
	while (!end) {
		ssize_t n = recv(fd, s->in + got, sizeof(s->in) - 1 - got, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		got += (size_t)n;
		s->in[got] = '\0';
		end = strstr(s->in, "\r\n\r\n");
	}
	length = strcasestr(s->in, "\r\ncontent-length:");
	if (!length || length > end || strncmp(s->in, STATUS, strlen(STATUS)) != 0)
		return -EBADMSG;
	s->answer_len = (size_t)(end + 4 - s->in) + strtoul(length + 17, NULL, 10);
	return 0;
}

static int conn_open(struct steady *s, struct conn **ret_conn)
{
	struct conn *c = &s->conns[s->n_conns];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	int r;

	if (s->n_conns == MAX_CONNECTIONS)
		return -EAGAIN;
	r = dial(s, &c->fd);
	if (r < 0)
		return r;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		return -errno;
	s->n_conns++;
	*ret_conn = c;
	return 0;
}

static int64_t due_ns(const struct steady *s, uint64_t number)
{
	return s->start_ns + (int64_t)(number * (uint64_t)SECOND_NS / (uint64_t)s->rate);
}

/* All that are due. -EAGAIN is no error: they go as soon as there is a connection. */
static int issue(struct steady *s)
{
	int64_t now_ns = gauge_now_ns();

	while (s->n_issued < s->n_total && due_ns(s, s->n_issued) <= now_ns) {
		struct conn *c = s->idle;
		int r = 0;

		if (c)
			s->idle = c->next_idle;
		else
			r = conn_open(s, &c);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		c->due_ns = due_ns(s, s->n_issued++);
		c->received = 0;
		if (send(c->fd, s->request, s->request_len, MSG_NOSIGNAL) !=
		    (ssize_t)s->request_len)
			return -EPIPE;
	}
	return 0;
}

static int on_readable(struct steady *s, struct conn *c)
{
	ssize_t n = recv(c->fd, s->in, sizeof(s->in), MSG_DONTWAIT);
	int64_t wait_ns;

	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	if (c->due_ns == 0 || (c->received == 0 && strncmp(s->in, STATUS, strlen(STATUS)) != 0))
		return -EBADMSG;
	c->received += (size_t)n;
	if (c->received < s->answer_len)
		return 0;
	if (c->received > s->answer_len)
		return -EBADMSG;
	wait_ns = gauge_now_ns() - c->due_ns;
	gauge_count(&s->gauge, wait_ns);
	if (wait_ns > s->longest_ns)
		s->longest_ns = wait_ns;
	s->n_done++;
	c->due_ns = 0;
	c->next_idle = s->idle;
	s->idle = c;
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
	s->start_ns = gauge_now_ns();
	end_ns = s->start_ns + (s->seconds + PATIENCE_S) * SECOND_NS;
	while (s->n_done < s->n_total) {
		int n;

		if (gauge_now_ns() > end_ns)
			return -ETIMEDOUT;
		r = issue(s);
		if (r >= 0)
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

	while (is_good && (o = getopt(argc, argv, "p:u:r:d:")) != -1) {
		if (o == 'p')
			is_good = gauge_read_number(optarg, UINT16_MAX, &s->port);
		else if (o == 'u')
			s->path = optarg;
		else if (o == 'r')
			is_good = gauge_read_number(optarg, MAX_RATE, &s->rate);
		else if (o == 'd')
			is_good = gauge_read_number(optarg, MAX_SECONDS, &s->seconds);
		else
			is_good = false;
	}
	return is_good && s->port && optind == argc;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { MAX_CONNECTIONS + 64, MAX_CONNECTIONS + 64 };
	_cleanup_(freep) struct steady *s = calloc(1, sizeof(*s));
	_cleanup_(freep) struct conn *conns = calloc(MAX_CONNECTIONS, sizeof(*conns));
	int r;

	if (!s || !conns)
		return 1;
	s->path = "/hello";
	s->rate = 500;
	s->seconds = 5;
	if (!read_arguments(argc, argv, s)) {
		fprintf(stderr, "usage: %s -p PORT [-u PATH] [-r RATE] [-d SECONDS]\n", argv[0]);
		return 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files); /* connecting says it, then */
	s->conns = conns;
	s->n_total = (uint64_t)(s->rate * s->seconds);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->request_len = (size_t)snprintf(s->request, sizeof(s->request),
					  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n\r\n", s->path,
					  s->port);
	if (s->epoll_fd < 0 || s->timer_fd < 0 || s->request_len >= sizeof(s->request))
		return 1;
	r = learn(s);
	if (r == 0)
		r = run(s);
	if (r < 0) {
		fprintf(stderr, "%s: port %ld: %s after %" PRIu64 " answers\n", argv[0], s->port,
			strerror(-r), s->n_done);
		return 1;
	}
	printf("{\"done\": %" PRIu64
	       ", \"connections\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
	       "\"client_cpu\": %.3f}\n",
	       s->n_done, s->n_conns, gauge_wait_us(&s->gauge, 0.5), gauge_wait_us(&s->gauge, 0.99),
	       (double)s->longest_ns / 1000,
	       gauge_cpu_s() / ((double)(gauge_now_ns() - s->start_ns) / 1e9));
	return 0;
}
