/* weirctl.c - see weirctl.h. */
#include "daemon/weirctl.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/macro.h"
#include "base/str.h"
#include "daemon/ctl_request.h"
#include "daemon/weirctl_print.h"

#define DEFAULT_SOCKET "/run/weir/control.sock"
/* The ctl process answers within seconds whatever workers do; a backtrace takes some more. */
#define PATIENCE_S 30
#define MAX_ANSWER ((size_t)128 * 1024 * 1024)
#define PIECE ((size_t)64 * 1024)
/* Slots: see master_n_slots(). */
#define MAX_SLOTS 4096

static const char help[] =
	"usage: weirctl [-s SOCKET] [--json] COMMAND\n"
	"\n"
	"Asks a running weir how it is, by the socket that its configuration names (control:).\n"
	"\n"
	"  status          the daemon and its workers\n"
	"  ps              every task: handler, request, what it awaits, since when, its stack\n"
	"  bt ID           where a task of ps waits in its code\n"
	"  conns           every connection\n"
	"  kill ID         cancels a task of ps, or closes a connection of conns\n"
	"  top [-i SECONDS] [-n COUNT]\n"
	"                  status and rates, again and again\n"
	"  reload          as SIGHUP\n"
	"  drain [SLOT]    stops the daemon, as SIGTERM; or has one worker replaced, when what it\n"
	"                  does is done\n"
	"  loglevel [LEVEL]\n"
	"                  how much is logged; error, warn, notice, info or debug: from now on\n"
	"\n"
	"  -s, --socket PATH   default: WEIR_CONTROL in the environment, else " DEFAULT_SOCKET "\n"
	"      --json          one JSON object an answer, for scripts\n"
	"      --version       the version\n"
	"  -h, --help          this text\n"
	"\n"
	"exit codes: 0 done, 1 refused, or a part of the answer is missing, 2 bad usage,\n"
	"69 no daemon answers, 71 system error, 77 permission denied\n";

struct weirctl {
	const char *socket;
	bool is_json;
	double interval_s;
	long count;			/* of top; 0: for ever */
	char line[CTL_REQUEST_MAX + 2]; /* the command, with its end */
	bool is_top;
	int fd; /* -1: not connected */
	struct buf answer, out;
};

/* ---- arguments */

enum { OPT_JSON = 256, OPT_VERSION };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int bad_usage(const char *words)
{
	(void)fprintf(stderr, "weirctl: %s; see weirctl --help\n", words);
	return WEIRCTL_USAGE;
}

/* All of the text, written as people do: no sign, no exponent, no blank before it. */
static bool read_number(const char *text, double *ret_number)
{
	size_t n_digits = strspn(text, "0123456789."), len = strlen(text);
	char *end;

	if (n_digits == 0 || n_digits != len)
		return false;
	*ret_number = strtod(text, &end);
	return end == text + len;
}

static bool read_count(const char *text, long *ret_count)
{
	uint64_t n;

	if (str_to_u64(weir_strz(text), &n) < 0 || n < 1 || n > LONG_MAX)
		return false;
	*ret_count = (long)n;
	return true;
}

/* A code, or -1: go on. */
static int read_options(struct weirctl *w, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "s:i:n:h", long_options, NULL)) >= 0) {
		switch (option) {
		case 's':
			w->socket = optarg;
			break;
		case 'i':
			if (!read_number(optarg, &w->interval_s) || w->interval_s < 0.01 ||
			    w->interval_s > 3600)
				return bad_usage("-i wants seconds, from 0.01 to 3600");
			break;
		case 'n':
			if (!read_count(optarg, &w->count))
				return bad_usage("-n wants a number, at least 1");
			break;
		case OPT_JSON:
			w->is_json = true;
			break;
		case OPT_VERSION:
			(void)printf("weirctl %s\n", WEIR_VERSION);
			return WEIRCTL_OK;
		case 'h':
			(void)fputs(help, stdout);
			return WEIRCTL_OK;
		default:
			return WEIRCTL_USAGE; /* getopt has said why */
		}
	}
	return -1;
}

/* On the line they would be none, or two: drain "" would become drain, which stops the daemon. */
static bool are_words(int n, char **words)
{
	for (int i = 0; i < n; i++) {
		if (!words[i][0] || strchr(words[i], ' '))
			return false;
	}
	return true;
}

/* The same rules as the daemon's, so that a mistake is said without one. */
static int read_command(struct weirctl *w, int n, char **words)
{
	const char *why = "";
	struct ctl_request request;
	size_t len = 0;

	if (n == 0)
		return bad_usage("a command is needed");
	if (!are_words(n, words))
		return bad_usage("an argument is empty, or has a blank in it");
	if (n == 1 && strcmp(words[0], "top") == 0) {
		w->is_top = true;
		(void)strcpy(w->line, "status\n");
		return -1;
	}
	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(w->line + (len < CTL_REQUEST_MAX ? len : CTL_REQUEST_MAX),
					len < CTL_REQUEST_MAX ? CTL_REQUEST_MAX - len : 1, "%s%s",
					i ? " " : "", words[i]);
	if (len >= CTL_REQUEST_MAX || strchr(w->line, '\n'))
		return bad_usage("that is no command");
	if (ctl_request_parse((weir_str){ w->line, len }, &request, &why) < 0)
		return bad_usage(why);
	w->line[len] = '\n';
	w->line[len + 1] = '\0';
	return -1;
}

/* ---- the daemon */

static int explain(const struct weirctl *w, int error)
{
	if (error == -ENOENT || error == -ECONNREFUSED) {
		(void)fprintf(stderr,
			      "weirctl: no daemon listens on %s: is it running, with "
			      "\"control: {socket: ...}\" in its configuration?\n",
			      w->socket);
		return WEIRCTL_UNREACHABLE;
	}
	(void)fprintf(stderr, "weirctl: %s: %s\n", w->socket, strerror(-error));
	if (error == -EACCES || error == -EPERM)
		return WEIRCTL_PERMISSION;
	return error == -ENOMEM || error == -EMFILE ? WEIRCTL_SYSTEM : WEIRCTL_UNREACHABLE;
}

static int reach(struct weirctl *w)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };

	if (strlen(w->socket) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, w->socket, strlen(w->socket));
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(w->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(w->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
}

static bool is_over(const struct buf *answer)
{
	return answer->len >= 2 && memcmp(answer->data + answer->len - 2, ".\n", 2) == 0 &&
	       (answer->len == 2 || answer->data[answer->len - 3] == '\n');
}

static int ask(struct weirctl *w)
{
	size_t len = strlen(w->line);

	buf_clear(&w->answer);
	if (send(w->fd, w->line, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -errno;
	while (!is_over(&w->answer)) {
		ssize_t n;
		int r;

		r = buf_reserve(&w->answer, PIECE);
		if (r < 0)
			return r;
		n = recv(w->fd, w->answer.data + w->answer.len, PIECE, 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		w->answer.len += (size_t)n;
	}
	return 0;
}

/* ---- top */

/* What has been counted when the screen was last drawn. */
struct sample {
	int64_t at_ms;
	long long requests[MAX_SLOTS]; /* -1: not known */
};

static void put_rates(struct weirctl *w, struct sample *last)
{
	weir_str answer = buf_str(&w->answer);
	int64_t now_ms = clock_monotonic_ms(), ms = now_ms - last->at_ms;
	long long slot;

	buf_say(&w->out, "requests/s:");
	for (unsigned i = 0;
	     (slot = weirctl_print_find(answer, "workers", i, "slot")) >= 0 && slot < MAX_SLOTS;
	     i++) {
		long long requests = weirctl_print_find(answer, "workers", i, "requests");
		long long before = last->requests[slot];

		if (last->at_ms > 0 && ms > 0 && requests >= before && before >= 0)
			buf_say(&w->out, "  %lld", (requests - before) * 1000 / ms);
		else
			buf_say(&w->out, "  -");
		last->requests[slot] = requests;
	}
	buf_say(&w->out, "\n\n");
	last->at_ms = now_ms;
}

static void wait_a_while(double seconds)
{
	struct timespec span = { .tv_sec = (time_t)seconds };

	span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
	(void)nanosleep(&span, NULL);
}

/* ---- */

/* Prints what has come; a code. */
static int show(struct weirctl *w, struct sample *sample)
{
	struct weirctl_outcome outcome = { 0 };
	int r;

	buf_clear(&w->out);
	if (sample && !w->is_json) {
		buf_say(&w->out, "%s", isatty(STDOUT_FILENO) ? "\033[H\033[J" : "");
		put_rates(w, sample);
	}
	if (w->is_json)
		r = weirctl_print_json(buf_str(&w->answer), &w->out, &outcome);
	else
		r = weirctl_print_people(buf_str(&w->answer), &w->out, stderr, &outcome);
	if (r < 0)
		return explain(w, r);
	if (fwrite(w->out.data, 1, w->out.len, stdout) != w->out.len || fflush(stdout) != 0)
		return WEIRCTL_SYSTEM;
	return outcome.n_errors + outcome.n_notes > 0 ? WEIRCTL_PART : WEIRCTL_OK;
}

static int run(struct weirctl *w)
{
	_cleanup_(freep) struct sample *sample = w->is_top ? calloc(1, sizeof(*sample)) : NULL;
	int code, r;

	r = reach(w);
	for (long i = 0;; i++) {
		if (r >= 0)
			r = ask(w);
		if (r < 0)
			return explain(w, r);
		code = show(w, sample);
		if (!sample || i + 1 == w->count || code > WEIRCTL_PART)
			return code;
		wait_a_while(w->interval_s);
	}
}

int weir_ctl_main(int argc, char **argv)
{
	const char *socket = getenv("WEIR_CONTROL");
	struct weirctl w = { .socket = socket && socket[0] ? socket : DEFAULT_SOCKET,
			     .interval_s = 1,
			     .fd = -1 };
	int code;

	code = read_options(&w, argc, argv);
	if (code < 0)
		code = read_command(&w, argc - optind, argv + optind);
	if (code >= 0)
		return code;
	buf_init(&w.answer, MAX_ANSWER);
	buf_init(&w.out, 0);
	code = run(&w);
	close_fdp(&w.fd);
	buf_done(&w.answer);
	buf_done(&w.out);
	return code;
}
