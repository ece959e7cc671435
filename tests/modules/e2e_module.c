/*
 * e2e_module.c - handlers for tests/e2e that misbehave on purpose, each in one
 * way, or show what they see. Nothing here sleeps to be late: a handler that
 * has to wait does so at a gate, /hold/3 say, until somebody asks for
 * /release/3. So a test decides what happens before what.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <weir/weir.h>

#define N_GATES 10
#define FILE_SIZE (300 * 1024)

struct state {
	weir_sem gates[N_GATES];
	uint64_t written; /* by all streams so far */
	uint64_t read;	  /* of all bodies read piece by piece */
	unsigned waiting; /* at gates */
	int file;	  /* FILE_SIZE bytes, the n-th of which is n % 251 */
};

/* ---- what handlers share */

static uint64_t number(weir_str text, uint64_t fallback)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n = n * 10 + (uint64_t)(text.ptr[i] - '0');
	return text.len > 0 ? n : fallback;
}

static uint64_t query_number(weir_req *req, const char *name, uint64_t fallback)
{
	return number(weir_query_get(req, name), fallback);
}

static bool is_param(const weir_req *req, const char *name, const char *value)
{
	return weir_str_eq(weir_param(req, name), weir_strz(value));
}

static int respond_text(weir_req *req, int status, weir_str text)
{
	return weir_respond(req, status, "text/plain", text);
}

static const char *reason_name(weir_reason reason)
{
	static const char *const names[] = {
		[WEIR_RUNNING] = "nobody",    [WEIR_DISCONNECT] = "disconnect",
		[WEIR_SHUTDOWN] = "shutdown", [WEIR_SIBLING] = "sibling",
		[WEIR_EXPLICIT] = "explicit",
	};

	return names[reason];
}

static void log_end(weir_req *req, const char *what, int r)
{
	weir_log(req, WEIR_LOG_INFO, "%s ended with %s, cancelled by %s", what,
		 r < 0 ? strerrorname_np(-r) : "success", reason_name(weir_cancel_reason()));
}

/* At the gate that the route's {gate} or the query's gate=N names. */
static WEIR_SUSPENDS int pass_gate(weir_req *req)
{
	struct state *state = req->state;
	weir_str name = weir_param(req, "gate");
	uint64_t gate = number(name.ptr ? name : weir_query_get(req, "gate"), 0);
	int r;

	weir_log(req, WEIR_LOG_INFO, "waits at gate %d", (int)gate);
	state->waiting++;
	r = weir_sem_take(&state->gates[gate % N_GATES]);
	state->waiting--;
	return r;
}

/* ---- what it sees */

static int hello(weir_req *req)
{
	return respond_text(req, 200, WEIR_STR("hello\n"));
}

static int state_of_all(weir_req *req)
{
	const struct state *state = req->state;

	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"written\":%llu,\"read\":%llu,\"waiting\":%u}\n",
					(unsigned long long)state->written,
					(unsigned long long)state->read, state->waiting));
}

static int show_tls(weir_req *req, const weir_tls *tls)
{
	int r;

	r = weir_writef(req, "tls %.*s %.*s for %.*s\n", WEIR_ARG(tls->version),
			WEIR_ARG(tls->cipher), WEIR_ARG(tls->server_name));
	if (r >= 0 && tls->client_subject.len > 0)
		r = weir_writef(req, "client %.*s\n", WEIR_ARG(tls->client_subject));
	for (size_t i = 0; r >= 0 && i < tls->n_client_chain; i++)
		r = weir_write(req, tls->client_chain[i]);
	return r;
}

/* A line for each thing: scope, parameters, query pairs, header fields. */
static int show(weir_req *req)
{
	const weir_scope *scope = req->scope;
	weir_str name, value;
	size_t iter = 0;
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;
	r = weir_writef(req,
			"method=%.*s\nversion=%u\nscheme=%.*s\npath=%.*s\nraw=%.*s\nquery=%.*s\n",
			WEIR_ARG(scope->method), scope->http_version, WEIR_ARG(scope->scheme),
			WEIR_ARG(scope->path), WEIR_ARG(scope->raw_path), WEIR_ARG(scope->query));
	if (r < 0)
		return r;
	r = weir_writef(req, "client=%.*s\nserver=%.*s\nhost=%.*s\na=%.*s\nrest=%.*s\n",
			WEIR_ARG(scope->client), WEIR_ARG(scope->server), WEIR_ARG(scope->host),
			WEIR_ARG(weir_param(req, "a")), WEIR_ARG(weir_param(req, "rest")));
	while (r >= 0 && weir_query_next(req, &iter, &name, &value) > 0)
		r = weir_writef(req, "?%.*s=%.*s\n", WEIR_ARG(name), WEIR_ARG(value));
	for (size_t i = 0; r >= 0 && i < scope->n_headers; i++)
		r = weir_writef(req, "%.*s: %.*s\n", WEIR_ARG(scope->headers[i].name),
				WEIR_ARG(scope->headers[i].value));
	return r >= 0 && scope->tls ? show_tls(req, scope->tls) : r;
}

/* ---- waiting */

static int hold(weir_req *req)
{
	int r;

	r = pass_gate(req);
	log_end(req, "hold", r);
	if (r < 0)
		return r;
	return respond_text(req, 200, WEIR_STR("held\n"));
}

static int release(weir_req *req)
{
	struct state *state = req->state;

	for (uint64_t n = number(weir_query_get(req, "n"), 1); n > 0; n--)
		weir_sem_give(&state->gates[number(weir_param(req, "gate"), 0) % N_GATES]);
	return respond_text(req, 200, WEIR_STR("released\n"));
}

/* Half of an answer before the gate, half behind it. */
static int hold_half(weir_req *req)
{
	int r;

	r = weir_start(req, 200, "text/plain");
	if (r >= 0)
		r = weir_write(req, WEIR_STR("first half\n"));
	if (r >= 0)
		r = pass_gate(req);
	log_end(req, "hold_half", r);
	if (r < 0)
		return r;
	return weir_write(req, WEIR_STR("second half\n"));
}

/* Has the flag WEIR_FINISH_ANYWAY. */
static int finish_anyway(weir_req *req)
{
	int r;

	r = pass_gate(req);
	if (r >= 0)
		r = respond_text(req, 200, WEIR_STR("finished\n"));
	log_end(req, "finish_anyway", r);
	return r;
}

static int leaf(void *arg)
{
	weir_req *req = arg;
	int r;

	r = pass_gate(req);
	log_end(req, "leaf", r);
	return r;
}

static int branch(void *arg)
{
	weir_req *req = arg;
	int r;

	{
		WEIR_GROUP(g, WEIR_ALL);
		for (int i = 0; i < 3; i++)
			weir_spawn(g, leaf, req);
		r = weir_join(g);
	}
	log_end(req, "branch", r);
	return r;
}

/* Three levels of tasks: when the client goes, all of them do. */
static int tree(weir_req *req)
{
	int r;

	{
		WEIR_GROUP(g, WEIR_ALL);
		weir_spawn(g, branch, req);
		weir_spawn(g, branch, req);
		r = weir_join(g);
	}
	log_end(req, "tree", r);
	return r < 0 ? r : respond_text(req, 200, WEIR_STR("all passed\n"));
}

/* Cleans up although its client is gone. */
static int shielded(weir_req *req)
{
	int r;

	r = pass_gate(req);
	if (r == -ECANCELED) {
		int undone = weir_shielded(5000, weir_sleep(20));

		log_end(req, "clean-up", undone);
	}
	return r;
}

/* Does not want to hear that it was cancelled. */
static int stubborn(weir_req *req)
{
	int r = pass_gate(req);

	for (int i = 0; i < 72; i++)
		r = weir_yield();
	log_end(req, "stubborn", r);
	return r;
}

/* ---- bodies */

static int body(weir_req *req)
{
	weir_str bytes;
	int r;

	r = weir_body(req, SIZE_MAX, &bytes);
	if (r < 0) {
		log_end(req, "body", r);
		return r;
	}
	return weir_respond(req, 200, "application/octet-stream", bytes);
}

/* What stands behind the body. */
static int body_trailer(weir_req *req)
{
	weir_str bytes;
	int r;

	r = weir_body(req, 1024, &bytes);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%.*s\n", WEIR_ARG(weir_trailer_get(req, "x-sum"))));
}

/* The body is asked for only behind the gate. */
static int body_late(weir_req *req)
{
	int r;

	r = pass_gate(req);
	return r < 0 ? r : body(req);
}

/* Answers, and leaves the body alone. */
static int body_unread(weir_req *req)
{
	return respond_text(req, (int)query_number(req, "status", 403), WEIR_STR("not read\n"));
}

/* Starts its answer, and reads only then. */
static int body_after_start(weir_req *req)
{
	weir_str piece;
	int r;

	r = weir_start(req, 200, "application/octet-stream");
	while (r >= 0 && (r = weir_body_next(req, &piece)) > 0)
		r = weir_write(req, piece);
	log_end(req, "body_after_start", r);
	return r;
}

/* Counts what arrives; after the first piece it waits at its gate. */
static int body_count(weir_req *req)
{
	struct state *state = req->state;
	weir_str piece;
	uint64_t n = 0;
	int r;

	while ((r = weir_body_next(req, &piece)) > 0) {
		if (n == 0 && weir_query_get(req, "gate").ptr) {
			r = pass_gate(req);
			if (r < 0)
				break;
		}
		n += piece.len;
		state->read += piece.len;
	}
	log_end(req, "body_count", r);
	if (r < 0)
		return r;
	return respond_text(req, 200, weir_printf(req, "%llu\n", (unsigned long long)n));
}

/* ?size=: bytes a write; ?n=: writes, endless without; ?length=: a promise. */
static int stream(weir_req *req)
{
	struct state *state = req->state;
	uint64_t size = query_number(req, "size", 16384), n = query_number(req, "n", UINT64_MAX);
	weir_str length = weir_query_get(req, "length");
	char *bytes = weir_alloc(req, size);
	int r = 0;

	if (!bytes)
		return -ENOMEM;
	memset(bytes, 'x', size);
	if (length.ptr)
		r = weir_set_header(req, "content-length", length);
	if (r >= 0)
		r = weir_start(req, 200, "application/octet-stream");
	for (uint64_t i = 0; r >= 0 && i < n; i++) {
		r = weir_write(req, (weir_str){ bytes, size });
		if (r >= 0)
			state->written += size;
	}
	log_end(req, "stream", r);
	return r;
}

/* ?offset=, ?len=: of a file; ?promise=1: with a content-length. */
static int file(weir_req *req)
{
	struct state *state = req->state;
	uint64_t offset = query_number(req, "offset", 0), len = query_number(req, "len", FILE_SIZE);
	int r = 0;

	if (weir_query_get(req, "promise").ptr)
		r = weir_set_header(req, "content-length",
				    weir_printf(req, "%llu", (unsigned long long)len));
	if (r >= 0)
		r = weir_start(req, 200, "application/octet-stream");
	if (r >= 0)
		r = weir_sendfile(req, state->file, offset, len);
	log_end(req, "file", r);
	return r;
}

/* ---- answers */

static int status(weir_req *req)
{
	int code = (int)number(weir_param(req, "code"), 0);

	return respond_text(req, code, WEIR_STR("some body\n"));
}

static int status_only(weir_req *req)
{
	return WEIR_STATUS((int)number(weir_param(req, "code"), 0));
}

/* ?name=, ?value=: sets a field and shows what came of it. */
static int set_field(weir_req *req)
{
	weir_str name = weir_query_get(req, "name");
	const char *name_z = weir_printf(req, "%.*s", WEIR_ARG(name)).ptr;
	int r;

	r = weir_set_header(req, name_z, weir_query_get(req, "value"));
	return respond_text(req, 200, weir_printf(req, "%s\n", r < 0 ? strerrorname_np(-r) : "ok"));
}

static int fields(weir_req *req)
{
	if (weir_set_header(req, "x-set", WEIR_STR("first")) < 0 ||
	    weir_set_header(req, "X-Set", WEIR_STR("second")) < 0 ||
	    weir_add_header(req, "x-add", WEIR_STR("one")) < 0 ||
	    weir_add_header(req, "x-add", WEIR_STR("two")) < 0)
		return -EIO;
	return hello(req);
}

static int early_hints(weir_req *req)
{
	weir_header link = { WEIR_STR("link"), WEIR_STR("</style.css>; rel=preload") };
	int r;

	r = weir_interim(req, 103, &link, 1);
	if (r >= 0 && weir_interim(req, 101, NULL, 0) != -EINVAL)
		return weir_fail(req, -EIO, "101 is no interim response");
	return r < 0 ? r : hello(req);
}

/* ---- failing */

static const struct {
	const char *name;
	int error;
} errors[] = {
	{ "eio", -EIO },
	{ "eagain", -EAGAIN },
	{ "etimedout", -ETIMEDOUT },
	{ "emsgsize", -EMSGSIZE },
	{ "ebadmsg", -EBADMSG },
	{ "enomem", -ENOMEM },
	{ "ecanceled", -ECANCELED },
	{ "status-418", WEIR_STATUS(418) },
	{ "status-503", WEIR_STATUS(503) },
	{ "silently", 0 },
};

static int fail_error(weir_req *req)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (is_param(req, "how", errors[i].name))
			return errors[i].error;
	}
	return WEIR_STATUS(404);
}

/* Before its answer, in words. */
static int fail_words(weir_req *req)
{
	return weir_fail(req, -EIO, "the cart of %d\nhas no wheels", 7);
}

/* In the middle of its answer. */
static int fail_midway(weir_req *req)
{
	int r;

	if (is_param(req, "how", "short"))
		r = weir_set_header(req, "content-length", WEIR_STR("10"));
	else
		r = 0;
	if (r >= 0)
		r = weir_start(req, 200, "text/plain");
	if (r >= 0)
		r = weir_write(req, WEIR_STR("begun\n"));
	if (r < 0 || is_param(req, "how", "short"))
		return r;
	return weir_fail(req, -EIO, "lost the thread");
}

/* More than it promised. */
static int fail_long(weir_req *req)
{
	int r;

	r = weir_set_header(req, "content-length", WEIR_STR("3"));
	if (r >= 0)
		r = weir_start(req, 200, "text/plain");
	return r < 0 ? r : weir_write(req, WEIR_STR("four and more"));
}

static int fail_after(weir_req *req)
{
	int r;

	r = hello(req);
	return r < 0 ? r : -EIO;
}

static int fail_deadline(weir_req *req)
{
	return weir_within(30, pass_gate(req));
}

static int answer_twice(weir_req *req)
{
	int r;

	r = hello(req);
	if (r >= 0)
		r = respond_text(req, 500, WEIR_STR("again\n"));
	log_end(req, "second answer", r);
	return 0;
}

/* All of its memory; then an answer, or with /again a second one. */
static int exhaust(weir_req *req)
{
	size_t n = 0;
	int r;

	while (weir_alloc(req, 16384))
		n += 16384;
	r = respond_text(req, 200, WEIR_STR("never sent\n"));
	log_end(req, "first answer", r);
	if (r == -ENOMEM && is_param(req, "how", "again")) {
		char text[64];
		int len = snprintf(text, sizeof(text), "%zu\n", n);

		return respond_text(req, 200, (weir_str){ text, (size_t)len });
	}
	return r;
}

/* Far more than its memory, but never much at once. */
static int scratch(weir_req *req)
{
	size_t n = query_number(req, "n", 1000), done = 0;

	for (size_t i = 0; i < n; i++) {
		WEIR_SCRATCH(req);
		char *bytes = weir_alloc(req, 65536);

		if (!bytes)
			return weir_fail(req, -ENOMEM, "after %zu rounds", i);
		memset(bytes, (int)i, 65536);
		done += bytes[65535] == (char)i;
	}
	return respond_text(req, 200, weir_printf(req, "%zu\n", done));
}

/* ---- crashing */

/* Not a tail call, and not to be seen through. */
static __attribute__((noinline)) int deeper(volatile char *above, int n)
{
	volatile char frame[4096];

	frame[0] = (char)n;
	frame[4095] = *above;
	return n > 1000000 ? 0 : deeper(frame, n + 1) + frame[0];
}

static int crash(weir_req *req)
{
	volatile char *volatile nowhere = NULL;
	volatile char here = 0;

	if (is_param(req, "how", "segv"))
		*nowhere = 1;
	if (is_param(req, "how", "abort"))
		abort();
	if (is_param(req, "how", "exit"))
		_exit(7);
	if (is_param(req, "how", "kill"))
		(void)kill(getpid(), SIGKILL);
	if (is_param(req, "how", "overflow"))
		return deeper(&here, 0);
	return WEIR_STATUS(404);
}

/* ---- the module */

static int make_file(struct state *state)
{
	char bytes[1024];

	state->file = memfd_create("e2e", MFD_CLOEXEC);
	if (state->file < 0)
		return -errno;
	for (int i = 0; i < FILE_SIZE; i++) {
		bytes[(size_t)i % sizeof(bytes)] = (char)(i % 251);
		if ((size_t)i % sizeof(bytes) == sizeof(bytes) - 1 &&
		    write(state->file, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
			return -EIO;
	}
	return 0;
}

static int startup(weir_app *app)
{
	const char *reason = weir_app_setting(app, "fail_startup", NULL);
	struct state *state;

	if (reason)
		return weir_fail(weir_app_req(app), -EIO, "%s", reason);
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	for (size_t i = 0; i < N_GATES; i++)
		weir_sem_init(&state->gates[i], 0);
	weir_app_set_state(app, state);
	return make_file(state);
}

static void shutdown(weir_app *app)
{
	struct state *state = weir_app_state(app);

	(void)close(state->file);
	free(state);
}

/* clang-format off */
#define ENTRY(name) { #name, name, NULL, NULL, 0 }
/* clang-format on */

WEIR_MODULE(.name = "e2e_module", .startup = startup, .shutdown = shutdown,
	    .handlers = WEIR_HANDLERS(
		    ENTRY(hello), ENTRY(state_of_all), ENTRY(show), ENTRY(hold), ENTRY(release),
		    ENTRY(hold_half), ENTRY(tree), ENTRY(shielded), ENTRY(stubborn), ENTRY(body),
		    ENTRY(body_late), ENTRY(body_trailer), ENTRY(body_unread),
		    ENTRY(body_after_start), ENTRY(body_count), ENTRY(stream), ENTRY(file),
		    ENTRY(status), ENTRY(status_only), ENTRY(set_field), ENTRY(fields),
		    ENTRY(early_hints), ENTRY(fail_error), ENTRY(fail_words), ENTRY(fail_midway),
		    ENTRY(fail_long), ENTRY(fail_after), ENTRY(fail_deadline), ENTRY(answer_twice),
		    ENTRY(exhaust), ENTRY(scratch), ENTRY(crash),
		    { "finish_anyway", finish_anyway, NULL, NULL, WEIR_FINISH_ANYWAY }));
