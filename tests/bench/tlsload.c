/*
 * tlsload.c - a closed-loop HTTPS client for scripts/bench, as httpload.c is one for
 * HTTP: loopback only, one thread, TLS 1.3 or what the server has. It believes any
 * certificate: what is measured is the server.
 *
 * It does not parse either: the first response tells how long each one is.
 *
 *	bench_tlsload -p PORT [-u PATH] [-c CONNECTIONS] [-d SECONDS] [-n REQUESTS] [-2] [-k [-r]]
 *
 *	-n	stop after so many; -d is then the longest it may take
 *	-k	a new connection for each request, with a full handshake
 *	-2	TLS 1.2
 *	-r	which resumes the session of the first one, whose key exchange is new (psk_dhe_ke)
 *
 * Prints one line of JSON; exits 0 if every response, and every handshake, was as expected.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/macro.h"
#include "gauge.h"
#include "target.h"

#define MAX_HEAD 512
#define MAX_EVENTS 512
/* What browsers offer first. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
#define CIPHERS "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"

struct plan {
	struct target to;
	bool is_resumed;
	bool is_old; /* TLS 1.2 */
};

struct conn {
	int fd;
	SSL *ssl;	   /* owned */
	bool is_asked;	   /* the handshake is over, the request is out */
	uint64_t received; /* bytes of the answer */
	int64_t since_ns;
};

struct load {
	struct plan plan;
	int epoll_fd;
	SSL_CTX *ctx;
	SSL_SESSION *session; /* what is resumed; owned */
	struct conn *conns;
	char head[MAX_HEAD];
	int head_len;
	uint64_t answer_len;
	uint64_t n_issued, n_done, n_bad;
	int64_t now_ns;
	const char *version, *cipher;
	char in[64 * 1024];
	struct gauge gauge;
};

/* ---- a connection */

static bool may_issue(const struct load *l)
{
	return l->plan.to.n_requests == 0 || l->n_issued < (uint64_t)l->plan.to.n_requests;
}

/* Without a word, but in good order for OpenSSL, which would not resume the session again otherwise. */
static void conn_close(struct conn *c)
{
	if (c->ssl)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

static int conn_ask(struct load *l, struct conn *c)
{
	if (!l->plan.to.is_once) {
		if (!may_issue(l))
			return 0;
		l->n_issued++;
		c->since_ns = l->now_ns;
	}
	c->received = 0;
	c->is_asked = true;
	return SSL_write(c->ssl, l->head, l->head_len) == l->head_len ? 0 : -EPIPE;
}

static int conn_shake_hands(struct load *l, struct conn *c)
{
	int r = SSL_connect(c->ssl);

	if (r == 1 && l->plan.is_resumed && l->session && !SSL_session_reused(c->ssl))
		return -EPROTO;
	if (r == 1)
		return conn_ask(l, c);
	r = SSL_get_error(c->ssl, r);
	return r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE ? 0 : -EPROTO;
}

/* Connecting to the loopback does not block. */
static int conn_open(struct load *l, struct conn *c)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = c };
	int r;

	c->fd = -1;
	c->is_asked = false;
	l->n_issued += l->plan.to.is_once; /* no handshake is begun that nobody waits for */
	c->since_ns = l->now_ns;
	r = target_dial(&l->plan.to, 0, &c->fd);
	if (r < 0)
		return r;
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->ssl = SSL_new(l->ctx);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		return -ENOMEM;
	if (l->plan.is_resumed && l->session && SSL_set_session(c->ssl, l->session) != 1)
		return -ENOMEM;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		return -errno;
	return conn_shake_hands(l, c);
}

/* 1: the answer is whole. */
static int conn_take(struct load *l, struct conn *c)
{
	int n;

	while ((n = SSL_read(c->ssl, l->in, sizeof(l->in))) > 0) {
		if (c->received == 0 && memcmp(l->in, TARGET_STATUS, strlen(TARGET_STATUS)) != 0)
			return -EBADMSG;
		c->received += (uint64_t)n;
	}
	n = SSL_get_error(c->ssl, n);
	if (c->received > l->answer_len || (n != SSL_ERROR_WANT_READ && n != SSL_ERROR_ZERO_RETURN))
		return -EBADMSG;
	if (l->plan.to.is_once && n != SSL_ERROR_ZERO_RETURN)
		return 0; /* the end of the connection is the end of the answer */
	return c->received == l->answer_len ? 1 : 0;
}

static int conn_go_on(struct load *l, struct conn *c)
{
	int r;

	if (!c->is_asked)
		return conn_shake_hands(l, c);
	r = conn_take(l, c);
	if (r <= 0)
		return r;
	l->now_ns = gauge_now_ns();
	gauge_count(&l->gauge, l->now_ns - c->since_ns);
	l->n_done++;
	if (!l->plan.to.is_once)
		return conn_ask(l, c);
	conn_close(c);
	return may_issue(l) ? conn_open(l, c) : 0;
}

/* ---- the first one */

/* Asks once, alone, to know how long the response is, and for a session to resume. */
static int learn(struct load *l)
{
	struct conn c = { .fd = -1 };
	int n = -1, r;

	r = target_dial(&l->plan.to, 0, &c.fd);
	if (r < 0)
		return r;
	c.ssl = SSL_new(l->ctx);
	if (c.ssl && SSL_set_fd(c.ssl, c.fd) == 1 && SSL_connect(c.ssl) == 1 &&
	    SSL_write(c.ssl, l->head, l->head_len) == l->head_len)
		n = SSL_read(c.ssl, l->in, sizeof(l->in) - 1);
	if (n > 0) {
		l->in[n] = '\0';
		l->answer_len = target_answer_len(l->in);
		l->version = SSL_get_version(c.ssl);
		l->cipher = SSL_get_cipher_name(c.ssl);
		l->session = SSL_get1_session(c.ssl); /* its tickets came before the answer */
	}
	conn_close(&c);
	return l->answer_len > 0 ? 0 : -EBADMSG;
}

static int prepare(struct load *l)
{
	const struct plan *plan = &l->plan;

	l->head_len = snprintf(l->head, sizeof(l->head),
			       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%ld\r\n%s\r\n", plan->to.path,
			       plan->to.port, plan->to.is_once ? "Connection: close\r\n" : "");
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->ctx = SSL_CTX_new(TLS_client_method());
	if (l->epoll_fd < 0 || !l->ctx || l->head_len >= MAX_HEAD)
		return -ENOMEM;
	SSL_CTX_set_verify(l->ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(l->ctx, SSL_MODE_RELEASE_BUFFERS);
	if (SSL_CTX_set_ciphersuites(l->ctx, SUITES) != 1 ||
	    SSL_CTX_set_cipher_list(l->ctx, CIPHERS) != 1)
		return -ENOMEM;
	if (plan->is_old)
		(void)SSL_CTX_set_max_proto_version(l->ctx, TLS1_2_VERSION);
	return learn(l);
}

/* ---- all of them */

static bool is_over(const struct load *l, int64_t end_ns)
{
	if (l->plan.to.n_requests > 0 && l->n_done >= (uint64_t)l->plan.to.n_requests)
		return true;
	return l->now_ns >= end_ns || l->n_bad > 0;
}

static void run(struct load *l)
{
	int64_t end_ns = gauge_now_ns() + l->plan.to.seconds * 1000000000;
	struct epoll_event events[MAX_EVENTS];

	l->now_ns = gauge_now_ns();
	for (long i = 0; i < l->plan.to.n_conns && may_issue(l); i++)
		l->n_bad += conn_open(l, &l->conns[i]) < 0;
	while (!is_over(l, end_ns)) {
		int n = epoll_wait(l->epoll_fd, events, MAX_EVENTS, 100);

		l->now_ns = gauge_now_ns();
		for (int i = 0; i < n; i++)
			l->n_bad += conn_go_on(l, events[i].data.ptr) < 0;
	}
}

static void report(const struct load *l, int64_t started_ns)
{
	double seconds = (double)(l->now_ns - started_ns) / 1e9;

	printf("{\"done\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"seconds\": %.4f, \"rate\": %.1f, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"answer_len\": %" PRIu64
	       ", \"version\": \"%s\", \"cipher\": \"%s\", \"client_cpu\": %.3f}\n",
	       l->n_done, l->n_bad, seconds, (double)l->n_done / seconds,
	       gauge_wait_us(&l->gauge, 0.5), gauge_wait_us(&l->gauge, 0.99), l->answer_len,
	       l->version, l->cipher, gauge_cpu_s() / seconds);
}

static bool read_plan(int argc, char **argv, struct plan *ret)
{
	struct plan plan = { .to = target_usual() };
	bool is_good = true;
	int o;

	while (is_good && (o = getopt(argc, argv, "p:u:c:d:n:kr2")) != -1) {
		if (o == 'r')
			plan.is_resumed = true;
		else if (o == '2')
			plan.is_old = true;
		else
			is_good = target_read_option(&plan.to, o, optarg);
	}
	*ret = plan;
	return is_good && plan.to.port && optind == argc && (plan.to.is_once || !plan.is_resumed);
}

int main(int argc, char **argv)
{
	_cleanup_(freep) struct load *l = calloc(1, sizeof(*l));
	_cleanup_(freep) struct conn *conns = NULL;
	int64_t started_ns;
	int r;

	if (!l || !read_plan(argc, argv, &l->plan)) {
		fprintf(stderr,
			"usage: %s -p PORT [-u PATH] [-c CONNECTIONS] [-d SECONDS] [-n REQUESTS] "
			"[-2] [-k [-r]]\n",
			argv[0]);
		return 2;
	}
	conns = l->conns = calloc((size_t)l->plan.to.n_conns, sizeof(*conns));
	r = conns ? prepare(l) : -ENOMEM;
	if (r < 0) {
		fprintf(stderr, "%s: port %ld: %s\n", argv[0], l->plan.to.port, strerror(-r));
		ERR_print_errors_fp(stderr);
		return 1;
	}
	started_ns = gauge_now_ns();
	run(l);
	report(l, started_ns);
	return l->n_bad == 0 && l->n_done > 0 ? 0 : 1;
}
