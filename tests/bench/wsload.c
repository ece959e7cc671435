/*
 * wsload.c - a WebSocket client that costs little and believes nothing: each
 * message that comes is compared with the one that should. Loopback only, one
 * thread, bounded in time and in sessions. What is printed was counted; the
 * first thing that is wrong is said and ends the run with 1.
 *
 * The modes are in wsload_echo.c, wsload_idle.c and wsload_broadcast.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "inflater.h"
#include "ws_frame.h"
#include "ws_session.h"
#include "wsload.h"

#define MAX_FILES 20000
#define MAX_EVENTS 512
#define MAX_BATCH 65536 /* of text: the server must take a batch without our reading */
#define QUIET_MS 200
#define SHOWN 40 /* bytes of a message that is not the right one */
#define LETTERS "abcdefghijklmnopqrstuvwxyz012345"

static const char usage[] =
	"usage: %s MODE -p PORT [OPTION]...\n"
	"\n"
	"  echo       each session sends a batch of messages and, when all have come back, the "
	"next\n"
	"  idle       opens the sessions and says \"open\"; sends one message on each for a line "
	"on\n"
	"             standard input, and says \"echoed\" when all are back; ends when that ends\n"
	"  broadcast  one more session sends batches that all the others must get, in order\n"
	"\n"
	"  -p PORT    of 127.0.0.1\n"
	"  -u PATH    (/ws/echo); a # in it is something else in each session\n"
	"  -c N       sessions (64)\n"
	"  -d N       seconds (5); for idle the longest it may take (600)\n"
	"  -w N       messages in a batch (1)\n"
	"  -s N       bytes of a message (32)\n"
	"  -n N       stop after so many messages sent, a multiple of -w; -d is then the longest "
	"it\n"
	"             may take\n"
	"  -z         offer permessage-deflate, send uncompressed\n"
	"  -Z         the same, and send compressed: the server must agree\n"
	"  -t N       seconds to wait for what must come (60: a server under valgrind takes its "
	"time)\n"
	"  -f ADDRESS connect from there: each 127.0.0.N has its own 28 000 ports\n"
	"\n"
	"Says \"open\" when all sessions are there. At the end prints one line of JSON; exits 0 "
	"if\n"
	"everything that came was as expected.\n";

int wsload_wrong(const struct session *s, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "session %u, after %" PRIu64 " messages: ", s->number, s->n_got);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EBADMSG;
}

int wsload_wait(struct load *l, int timeout_ms)
{
	struct epoll_event events[MAX_EVENTS];
	int n, r;

	n = epoll_wait(l->epoll_fd, events, MAX_EVENTS, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->now_ns = gauge_now_ns();
	for (int i = 0; i < n; i++) {
		r = ws_session_read(l, events[i].data.ptr);
		if (r < 0)
			return r;
	}
	return n;
}

/* Who joins a room may be told who else is there. */
static int count_other(struct load *l, struct session *s, const char *text, size_t len)
{
	(void)s, (void)text, (void)len;
	l->n_other++;
	return 0;
}

static int settle(struct load *l)
{
	int64_t end_ns = gauge_now_ns() + l->plan.patience_s * 1000000000;
	int n;

	do {
		n = wsload_wait(l, QUIET_MS);
		if (n < 0)
			return n;
		if (l->now_ns > end_ns) {
			fprintf(stderr, "it is never quiet\n");
			return -ETIMEDOUT;
		}
	} while (n > 0);
	return 0;
}

void wsload_say(const char *word)
{
	printf("%s\n", word);
	(void)fflush(stdout);
}

int wsload_open(struct load *l, long n)
{
	int r;

	l->on_message = count_other;
	for (; n > 0; n--) {
		struct session *s = &l->sessions[l->n_open];

		s->number = (uint32_t)l->n_open++;
		r = ws_session_open(l, s);
		if (r < 0)
			return r;
		/* Everybody may be told of everybody: nobody shall be a slow reader. */
		r = wsload_wait(l, 0);
		if (r < 0)
			return r;
	}
	r = settle(l);
	if (r == 0)
		wsload_say("open");
	return r;
}

void wsload_start(struct load *l)
{
	l->now_ns = l->started_ns = gauge_now_ns();
	l->cpu_s = gauge_cpu_s();
}

int wsload_compare(struct load *l, struct session *s, const char *text, size_t len, uint64_t n_sent)
{
	size_t size = (size_t)l->plan.size;
	uint64_t place = s->n_got % (ARRAY_LEN(l->batches) * (uint64_t)l->plan.at_once);
	const char *expected = l->text + place * size;

	if (s->n_got == n_sent)
		return wsload_wrong(s, "a message more than was sent");
	if (len != size || memcmp(text, expected, len) != 0)
		return wsload_wrong(s, "%zu bytes \"%.*s\" instead of %zu bytes \"%.*s\"", len,
				    len < SHOWN ? (int)len : SHOWN, text, size,
				    size < SHOWN ? (int)size : SHOWN, expected);
	s->n_got++;
	l->n_done++;
	return 0;
}

void wsload_report(const struct load *l)
{
	double seconds = (double)(l->now_ns - l->started_ns) / 1e9;

	printf("{\"mode\": \"%s\", \"sessions\": %ld, \"deflate\": %ld, \"done\": %" PRIu64
	       ", \"packed\": %" PRIu64 ", \"other\": %" PRIu64 ", \"seconds\": %.4f",
	       l->plan.mode, l->plan.n_sessions, l->n_deflate, l->n_done, l->n_packed, l->n_other,
	       seconds);
	if (l->n_rounds > 0)
		printf(", \"rate\": %.1f, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
		       "\"p999_us\": %.1f, \"client_cpu\": %.3f",
		       (double)l->n_done / seconds, gauge_wait_us(&l->gauge, 0.5),
		       gauge_wait_us(&l->gauge, 0.9), gauge_wait_us(&l->gauge, 0.99),
		       gauge_wait_us(&l->gauge, 0.999), (gauge_cpu_s() - l->cpu_s) / seconds);
	printf("}\n");
	(void)fflush(stdout); /* before the sessions end: whoever measures the server looks now */
}

static bool read_option(int o, struct plan *plan)
{
	struct in_addr address;

	switch (o) {
	case 'p':
		return gauge_read_number(optarg, UINT16_MAX, &plan->port);
	case 'c':
		return gauge_read_number(optarg, WSLOAD_MAX_SESSIONS, &plan->n_sessions);
	case 'd':
		return gauge_read_number(optarg, WSLOAD_MAX_SECONDS, &plan->seconds);
	case 'w':
		return gauge_read_number(optarg, WSLOAD_MAX_AT_ONCE, &plan->at_once);
	case 's':
		return gauge_read_number(optarg, WSLOAD_MAX_SIZE, &plan->size);
	case 'n':
		return gauge_read_number(optarg, INT32_MAX, &plan->n_messages);
	case 't':
		return gauge_read_number(optarg, WSLOAD_MAX_SECONDS, &plan->patience_s);
	case 'u':
		plan->path = optarg;
		return optarg[0] == '/';
	case 'z':
		plan->deflate = WSLOAD_OFFERED;
		return true;
	case 'Z':
		plan->deflate = WSLOAD_PACKED;
		return true;
	case 'f':
		plan->from = optarg;
		return strncmp(optarg, "127.", 4) == 0 && inet_pton(AF_INET, optarg, &address) == 1;
	default:
		return false;
	}
}

static bool read_plan(int argc, char **argv, struct plan *ret)
{
	struct plan plan = { .path = "/ws/echo",
			     .n_sessions = 64,
			     .patience_s = 60,
			     .at_once = 1,
			     .size = 32,
			     .mode = argv[1] };
	int o;

	optind = 2;
	while (argc > 1 && (o = getopt(argc, argv, "p:c:d:w:s:n:t:u:zZf:")) != -1) {
		if (!read_option(o, &plan))
			return false;
	}
	if (!plan.port || optind < argc || plan.at_once * plan.size > MAX_BATCH ||
	    plan.n_messages % plan.at_once != 0)
		return false;
	if (!plan.seconds)
		plan.seconds = strcmp(plan.mode, "idle") == 0 ? WSLOAD_MAX_SECONDS : 5;
	*ret = plan;
	return true;
}

static int prepare(struct load *l)
{
	const struct plan *plan = &l->plan;
	size_t size = (size_t)plan->size;
	size_t n_text = (size_t)plan->at_once * size;
	int r;

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	/* One more: who sends the broadcasts. */
	l->sessions = calloc((size_t)plan->n_sessions + 1, sizeof(*l->sessions));
	l->text = malloc(ARRAY_LEN(l->batches) * n_text);
	if (!l->sessions || !l->text)
		return -ENOMEM;
	for (long i = 0; i <= plan->n_sessions; i++)
		l->sessions[i].fd = -1;
	/* Each message begins with another letter. */
	for (size_t i = 0; i < ARRAY_LEN(l->batches) * n_text; i++)
		l->text[i] = LETTERS[(i / size + i % size) % strlen(LETTERS)];
	r = inflater_new(WSLOAD_MAX_SIZE, &l->inflater);
	for (size_t turn = 0; r == 0 && turn < ARRAY_LEN(l->batches); turn++) {
		/* What does not compress grows, by a few bytes. */
		l->batches[turn].frames = malloc(2 * n_text +
						 (size_t)plan->at_once * (WS_FRAME_MAX_HEAD + 64));
		if (!l->batches[turn].frames)
			return -ENOMEM;
		r = ws_session_write_batch(l, turn);
	}
	return r;
}

static struct load *load_free(struct load *l)
{
	for (long i = 0; i < l->n_open; i++)
		ws_session_close(&l->sessions[i]);
	inflater_free(l->inflater);
	free(l->sessions);
	free(l->text);
	for (size_t turn = 0; turn < ARRAY_LEN(l->batches); turn++)
		free(l->batches[turn].frames);
	free(l);
	return NULL;
}

DEFINE_CLEANUP(struct load, load_free)

int main(int argc, char **argv)
{
	const struct rlimit files = { MAX_FILES, MAX_FILES };
	_cleanup_(load_freep) struct load *l = calloc(1, sizeof(*l));
	int (*run)(struct load *) = NULL;
	int r;

	if (!l)
		return 1;
	if (argc > 1 && strcmp(argv[1], "echo") == 0)
		run = wsload_echo;
	else if (argc > 1 && strcmp(argv[1], "idle") == 0)
		run = wsload_idle;
	else if (argc > 1 && strcmp(argv[1], "broadcast") == 0)
		run = wsload_broadcast;
	if (!run || !read_plan(argc, argv, &l->plan)) {
		bool is_asked = argc == 2 && strcmp(argv[1], "--help") == 0;

		fprintf(is_asked ? stdout : stderr, usage, argv[0]);
		return is_asked ? 0 : 2;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files); /* connecting says it, then */
	r = prepare(l);
	if (r == 0)
		r = run(l);
	if (r < 0) {
		fprintf(stderr, "%s: port %ld%s: %s\n", argv[0], l->plan.port, l->plan.path,
			r == -EBADMSG ? "not as it should be" : strerror(-r));
		return 1;
	}
	wsload_report(l);
	return 0;
}
