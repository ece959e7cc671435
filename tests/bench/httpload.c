/*
 * httpload.c - a closed-loop HTTP/1.1 client that costs little: scripts/bench
 * wants the server to be the busier of the two. Loopback only, one thread,
 * bounded in time and, with -n, in requests.
 *
 * It does not parse. The first response tells how long each one is (they must
 * all have the same length, and a Content-Length); from then on bytes are
 * counted and the start of each batch is compared. Hence the one hard thing: a
 * response of the wrong length shows as a batch that ends early or late, and
 * is counted as bad, not as done.
 *
 *	bench_httpload -p PORT [-u PATH] [-c CONNECTIONS] [-d SECONDS] [-w PIPELINE]
 *		       [-n REQUESTS] [-b] [-k]
 *
 *	-w	requests sent at once on each connection
 *	-n	stop after so many; -d is then the longest it may take
 *	-b	a browser's head: 12 fields, 600 bytes for "/hello" and a four-digit port
 *	-k	a new connection for each request
 *
 * Prints one line of JSON; exits 0 if every response was as expected.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "gauge.h"
#include "target.h"

#define MAX_PIPELINE 64
#define MAX_HEAD 1024
#define MAX_EVENTS 512
#define FIRST_ANSWER_S 60 /* a server under valgrind takes its time */

static const char browser[] =
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;"
	"q=0.8\r\n"
	"Accept-Language: en-US,en;q=0.5\r\n"
	"Accept-Encoding: gzip, deflate, br\r\n"
	"Referer: http://127.0.0.1:8000/shop/cart\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; lang=en; "
	"seen=0123456789abcdef0123456789abcdef0123456789abcdef0123\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-Site: same-origin\r\n";

/* What was asked for. */
struct plan {
	struct target to;
	long pipeline;
	bool is_browser;
};

struct conn {
	int fd;
	uint64_t received; /* bytes of the answers to what was sent last */
	int64_t since_ns;  /* when that was sent; with is_once, when connecting began */
};

struct load {
	struct plan plan;
	int epoll_fd;
	struct conn *conns;
	char batch[MAX_PIPELINE * MAX_HEAD]; /* what is sent at once */
	size_t batch_len;
	uint64_t answer_len; /* of one response */
	uint64_t n_issued;
	uint64_t n_done;
	uint64_t n_bad;
	int64_t now_ns;
	char in[256 * 1024];
	struct gauge gauge;
};

/* Asks once, alone, to know how long the response is. */
static int learn(struct load *l, const char *head)
{
	const struct timeval patience = { .tv_sec = FIRST_ANSWER_S };
	_cleanup_(close_fdp) int fd = -1;
	size_t got = 0;
	int r;

	r = target_dial(&l->plan.to, 0, &fd);
	if (r < 0)
		return r;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (send(fd, head, strlen(head), MSG_NOSIGNAL) != (ssize_t)strlen(head))
		return -EPIPE;
	do {
		ssize_t n = recv(fd, l->in + got, 8192 - got, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		got += (size_t)n;
		l->in[got] = '\0';
	} while (!strstr(l->in, "\r\n\r\n"));
	l->answer_len = target_answer_len(l->in);
	return l->answer_len > 0 ? 0 : -EBADMSG;
}

static int write_batch(struct load *l)
{
	const struct plan *plan = &l->plan;
	char head[MAX_HEAD];
	int n;

	n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n%s%s\r\n",
		     plan->to.path, plan->to.port, plan->to.is_once ? "Connection: close\r\n" : "",
		     plan->is_browser ? browser : "");
	if (n < 0 || (size_t)n >= sizeof(head))
		return -E2BIG;
	for (long i = 0; i < plan->pipeline; i++, l->batch_len += (size_t)n)
		memcpy(l->batch + l->batch_len, head, (size_t)n);
	return learn(l, head);
}

/* Adds to epoll, or with EPOLL_CTL_MOD changes what is waited for. */
static int watch(const struct load *l, struct conn *c, int how, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLRDHUP, .data.ptr = c };

	return epoll_ctl(l->epoll_fd, how, c->fd, &event) == 0 ? 0 : -errno;
}

static bool may_issue(const struct load *l)
{
	return l->plan.to.n_requests == 0 || l->n_issued < (uint64_t)l->plan.to.n_requests;
}

static int conn_ask(struct load *l, struct conn *c)
{
	if (!may_issue(l))
		return 0;
	l->n_issued += (uint64_t)l->plan.pipeline;
	c->received = 0;
	c->since_ns = l->now_ns;
	if (send(c->fd, l->batch, l->batch_len, MSG_NOSIGNAL) != (ssize_t)l->batch_len)
		return -EPIPE;
	return 0;
}

static int conn_open(struct load *l, struct conn *c)
{
	int r;

	r = target_dial(&l->plan.to, l->plan.to.is_once ? SOCK_NONBLOCK : 0, &c->fd);
	if (r < 0)
		return r;
	c->received = 0;
	c->since_ns = l->now_ns;
	return watch(l, c, EPOLL_CTL_ADD, l->plan.to.is_once ? EPOLLOUT : EPOLLIN | EPOLLET);
}

static int conn_reopen(struct load *l, struct conn *c)
{
	(void)close(c->fd);
	c->fd = -1;
	return may_issue(l) ? conn_open(l, c) : 0;
}

/* Bytes received, 0 at the end, -EAGAIN when there are none for now. */
static ssize_t conn_receive(struct load *l, struct conn *c)
{
	ssize_t n;

	n = recv(c->fd, l->in, sizeof(l->in), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if (n > 0 && c->received == 0 && memcmp(l->in, TARGET_STATUS, strlen(TARGET_STATUS)) != 0)
		return -EBADMSG;
	c->received += (uint64_t)n;
	return n;
}

static void conn_answered(struct load *l, const struct conn *c)
{
	l->now_ns = gauge_now_ns();
	gauge_count(&l->gauge, l->now_ns - c->since_ns);
	l->n_done += (uint64_t)l->plan.pipeline;
}

/* Keep-alive: the next batch follows the last byte of the answers to this one. */
static int on_kept(struct load *l, struct conn *c)
{
	uint64_t expected = l->answer_len * (uint64_t)l->plan.pipeline;
	ssize_t n;

	do {
		n = conn_receive(l, c);
	} while (n == sizeof(l->in)); /* edge-triggered: nobody tells about the rest */
	/* There may be no rest, and the answer is whole for all that. */
	if (n == 0 || (n < 0 && n != -EAGAIN))
		return n < 0 ? (int)n : -EPIPE;
	if (c->received < expected)
		return 0;
	if (c->received > expected)
		return -EBADMSG;
	c->received = 0;
	conn_answered(l, c);
	return conn_ask(l, c);
}

/* A connection for each request: the end of the connection is the end of the answer. */
static int on_once(struct load *l, struct conn *c, uint32_t events)
{
	ssize_t n;
	int r;

	if (events & EPOLLOUT) {
		int64_t since_ns = c->since_ns;

		r = conn_ask(l, c);
		c->since_ns = since_ns;
		return r < 0 ? r : watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
	}
	do {
		n = conn_receive(l, c);
	} while (n > 0);
	if (n == -EAGAIN)
		return 0;
	if (n < 0 || c->received != l->answer_len)
		return n < 0 ? (int)n : -EPIPE;
	conn_answered(l, c);
	return conn_reopen(l, c);
}

static void on_event(struct load *l, struct conn *c, uint32_t events)
{
	int r;

	r = l->plan.to.is_once ? on_once(l, c, events) : on_kept(l, c);
	if (r >= 0)
		return;
	l->n_bad++;
	if (conn_reopen(l, c) < 0)
		l->n_bad++;
	else if (!l->plan.to.is_once && c->fd >= 0 && conn_ask(l, c) < 0)
		l->n_bad++;
}

static bool is_over(const struct load *l, int64_t end_ns)
{
	if (l->plan.to.n_requests > 0 && l->n_done >= (uint64_t)l->plan.to.n_requests)
		return true;
	/* A count that cannot be reached any more, or connections that only fail. */
	return l->now_ns >= end_ns ||
	       l->n_bad > (l->plan.to.n_requests > 0 ? 0 : (uint64_t)l->plan.to.n_conns);
}

static int run(struct load *l)
{
	struct epoll_event events[MAX_EVENTS];
	int64_t end_ns;
	int r;

	l->now_ns = gauge_now_ns();
	for (long i = 0; i < l->plan.to.n_conns && may_issue(l); i++) {
		r = conn_open(l, &l->conns[i]);
		if (r == 0 && !l->plan.to.is_once)
			r = conn_ask(l, &l->conns[i]);
		if (r < 0)
			return r;
	}
	end_ns = l->now_ns + l->plan.to.seconds * 1000000000;
	while (!is_over(l, end_ns)) {
		int n = epoll_wait(l->epoll_fd, events, MAX_EVENTS, 100);

		l->now_ns = gauge_now_ns();
		for (int i = 0; i < n; i++)
			on_event(l, events[i].data.ptr, events[i].events);
	}
	return 0;
}

static void report(const struct load *l, int64_t started_ns)
{
	double seconds = (double)(l->now_ns - started_ns) / 1e9;

	printf("{\"done\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"seconds\": %.4f, \"rate\": %.1f, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"head_len\": %zu, \"answer_len\": %" PRIu64
	       ", \"client_cpu\": %.3f}\n",
	       l->n_done, l->n_bad, seconds, (double)l->n_done / seconds,
	       gauge_wait_us(&l->gauge, 0.5), gauge_wait_us(&l->gauge, 0.99),
	       l->batch_len / (size_t)l->plan.pipeline, l->answer_len, gauge_cpu_s() / seconds);
}

static bool read_plan(int argc, char **argv, struct plan *ret)
{
	struct plan plan = { .to = target_usual(), .pipeline = 1 };
	bool is_good = true;
	int o;

	while (is_good && (o = getopt(argc, argv, "p:u:c:d:w:n:bk")) != -1) {
		if (o == 'w')
			is_good = gauge_read_number(optarg, MAX_PIPELINE, &plan.pipeline);
		else if (o == 'b')
			plan.is_browser = true;
		else
			is_good = target_read_option(&plan.to, o, optarg);
	}
	if (!is_good || !plan.to.port || optind < argc || (plan.to.is_once && plan.pipeline > 1))
		return false;
	*ret = plan;
	return true;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { TARGET_MAX_CONNECTIONS, TARGET_MAX_CONNECTIONS };
	_cleanup_(freep) struct load *l = calloc(1, sizeof(*l));
	_cleanup_(freep) struct conn *conns = NULL;
	int64_t started_ns;
	int r;

	if (!l || !read_plan(argc, argv, &l->plan)) {
		fprintf(stderr,
			"usage: %s -p PORT [-u PATH] [-c CONNECTIONS] [-d SECONDS]\n"
			"       [-w PIPELINE | -k] [-n REQUESTS] [-b]\n",
			argv[0]);
		return 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files); /* connecting says it, then */
	conns = l->conns = calloc((size_t)l->plan.to.n_conns, sizeof(*conns));
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!conns || l->epoll_fd < 0)
		return 1;
	r = write_batch(l);
	started_ns = gauge_now_ns();
	if (r == 0)
		r = run(l);
	if (r < 0) {
		fprintf(stderr, "%s: port %ld: %s\n", argv[0], l->plan.to.port, strerror(-r));
		return 1;
	}
	report(l, started_ns);
	return l->n_bad == 0 && l->n_done > 0 ? 0 : 1;
}
