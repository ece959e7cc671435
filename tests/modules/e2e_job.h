#ifndef WEIR_TESTS_E2E_JOB_H
#define WEIR_TESTS_E2E_JOB_H
/*
 * e2e_job.h - handlers for any job of the module that includes this: the route's
 * {job}. Its input is the request's body, or ?input=. ?pool=, ?priority= and
 * ?max_run= (ms) are what they are for weir_job_start().
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <weir/weir.h>

#define E2E_JOB_MAX_BODY ((size_t)1 << 30)

/* Bytes that differ from their neighbours, and from those a page or 64 KiB away. */
static inline char e2e_job_byte(size_t i)
{
	return (char)(i + (i >> 8) * 7 + (i >> 16) * 13);
}

static inline void e2e_job_fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = e2e_job_byte(i);
}

static inline bool e2e_job_is_filled(weir_str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.ptr[i] != e2e_job_byte(i))
			return false;
	}
	return true;
}

static inline int e2e_job_startup(weir_app *app)
{
	weir_log(weir_app_req(app), WEIR_LOG_INFO, "starts up");
	return 0;
}

static inline long e2e_job_number(weir_req *req, const char *name)
{
	weir_str text = weir_query_get(req, name);
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	long number = 0;

	for (size_t i = is_negative; i < text.len; i++)
		number = number * 10 + (text.ptr[i] - '0');
	return is_negative ? -number : number;
}

/* A name as C wants it; NULL for nothing. */
static inline const char *e2e_job_text(weir_req *req, weir_str text)
{
	return text.len > 0 ? weir_printf(req, "%.*s", WEIR_ARG(text)).ptr : NULL;
}

static inline WEIR_SUSPENDS int e2e_job_input(weir_req *req, weir_str *ret_input)
{
	*ret_input = weir_query_get(req, "input");
	return ret_input->ptr ? 0 : weir_body(req, E2E_JOB_MAX_BODY, ret_input);
}

static inline WEIR_SUSPENDS int e2e_job_start(weir_req *req, uint32_t flags, weir_job **ret_job)
{
	weir_str input;
	int r;

	r = e2e_job_input(req, &input);
	if (r < 0)
		return r;
	return weir_job_start(req, ret_job, .name = e2e_job_text(req, weir_param(req, "job")),
			      .input = input,
			      .pool = e2e_job_text(req, weir_query_get(req, "pool")),
			      .priority = (int32_t)e2e_job_number(req, "priority"),
			      .max_run_ms = e2e_job_number(req, "max_run"), .flags = flags);
}

static inline WEIR_SUSPENDS int e2e_job_call(weir_req *req, weir_str *ret_result)
{
	weir_job *job;
	int r;

	r = e2e_job_start(req, 0, &job);
	return r < 0 ? r : weir_job_await(job, ret_result);
}

/* An error is the server's to tell. */
static inline int e2e_job_run(weir_req *req)
{
	weir_str result;
	int r;

	r = e2e_job_call(req, &result);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "application/octet-stream", result);
}

/* "start -11", "end -10" or "ok RESULT". */
static inline int e2e_job_tell(weir_req *req)
{
	weir_str result;
	weir_job *job;
	int r;

	r = e2e_job_start(req, 0, &job);
	if (r < 0)
		return weir_respond(req, 200, "text/plain", weir_printf(req, "start %d", r));
	r = weir_job_await(job, &result);
	if (r < 0)
		return weir_respond(req, 200, "text/plain", weir_printf(req, "end %d", r));
	return weir_respond(req, 200, "text/plain", weir_printf(req, "ok %.*s", WEIR_ARG(result)));
}

/* Each report is a line, then "end -10" or "ok RESULT". */
static inline int e2e_job_watch(weir_req *req)
{
	weir_str text;
	weir_job *job;
	int r;

	r = e2e_job_start(req, 0, &job);
	if (r < 0)
		return r;
	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;
	while ((r = weir_job_progress(job, &text)) > 0) {
		r = weir_writef(req, "%.*s\n", WEIR_ARG(text));
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	r = weir_job_await(job, &text);
	if (r < 0)
		return weir_writef(req, "end %d\n", r);
	return weir_writef(req, "ok %.*s\n", WEIR_ARG(text));
}

/* Does not wait for it. */
static inline int e2e_job_leave(weir_req *req)
{
	weir_job *job;
	int r;

	r = e2e_job_start(req, WEIR_FINISH_ANYWAY, &job);
	if (r < 0)
		return r;
	return weir_respond(req, 202, "text/plain", WEIR_STR("started"));
}

/* The same, but waits; its client may leave. */
static inline int e2e_job_anyway(weir_req *req)
{
	weir_str result;
	weir_job *job;
	int r;

	r = e2e_job_start(req, WEIR_FINISH_ANYWAY, &job);
	if (r < 0)
		return r;
	weir_log(req, WEIR_LOG_INFO, "started anyway");
	r = weir_job_await(job, &result);
	return r < 0 ? r : weir_respond(req, 200, "text/plain", result);
}

/* What is there when it starts is its deadline: ?ms=. */
static inline int e2e_job_deadline(weir_req *req)
{
	weir_str result;
	weir_job *job;
	int r, started;

	started = weir_within(e2e_job_number(req, "ms"), e2e_job_start(req, 0, &job));
	if (started < 0)
		return weir_respond(req, 200, "text/plain", weir_printf(req, "start %d", started));
	r = weir_job_await(job, &result);
	return weir_respond(req, 200, "text/plain", weir_printf(req, "end %d", r));
}

static inline int e2e_job_in_group(void *arg)
{
	weir_str result;

	return e2e_job_call(arg, &result);
}

static inline int e2e_job_sleep_in_group(void *arg)
{
	return weir_sleep(e2e_job_number(arg, "ms"));
}

/* Against a task that sleeps for ?ms=: who is second is cancelled. */
static inline int e2e_job_race(weir_req *req)
{
	weir_task *job;
	int r;

	WEIR_GROUP(g, WEIR_FIRST);
	job = weir_spawn(g, e2e_job_in_group, req);
	(void)weir_spawn(g, e2e_job_sleep_in_group, req);
	r = weir_join(g);
	return weir_respond(req, 200, "text/plain",
			    weir_printf(req, "%d, the job %d", r, weir_task_result(job)));
}

/* A job for each line of the body; a line for each: its result, or its error. */
static inline int e2e_job_map(weir_req *req)
{
	weir_job_item items[200] = { 0 };
	size_t n = 0;
	weir_str body;
	int r, all;

	r = weir_body(req, 8192, &body);
	if (r < 0)
		return r;
	while (body.len > 0 && n < 200) {
		const char *end = memchr(body.ptr, '\n', body.len);
		size_t len = end ? (size_t)(end - body.ptr) : body.len;

		items[n++].input = (weir_str){ body.ptr, len };
		len += end != NULL;
		body = (weir_str){ body.ptr + len, body.len - len };
	}
	all = weir_job_map(req, items, n, .name = e2e_job_text(req, weir_param(req, "job")),
			   .pool = e2e_job_text(req, weir_query_get(req, "pool")));
	r = weir_start(req, 200, "text/plain");
	if (r == 0)
		r = weir_writef(req, "%d\n", all);
	for (size_t i = 0; i < n && r == 0; i++)
		r = items[i].error ? weir_writef(req, "error %d\n", items[i].error)
				   : weir_writef(req, "%.*s\n", WEIR_ARG(items[i].result));
	return r;
}

/* ?size= bytes go in; back come as many. Only whether they are the right ones is answered. */
static inline int e2e_job_large(weir_req *req)
{
	size_t size = (size_t)e2e_job_number(req, "size");
	char *bytes = weir_alloc(req, size + 1);
	weir_str result;
	weir_job *job;
	int r;

	if (!bytes)
		return -ENOMEM;
	e2e_job_fill(bytes, size);
	r = weir_job_start(req, &job, .name = "echo", .input = { bytes, size });
	if (r < 0)
		return r;
	r = weir_job_await(job, &result);
	if (r < 0)
		return r;
	if (result.len != size || !e2e_job_is_filled(result))
		return weir_fail(req, -EILSEQ, "%zu bytes, or other ones", result.len);
	return weir_respond(req, 200, "text/plain", weir_printf(req, "%zu", size));
}

static inline int e2e_job_hello(weir_req *req)
{
	return weir_respond(req, 200, "text/plain", WEIR_STR("hello\n"));
}

#define E2E_JOB_HANDLERS                                                                        \
	WEIR_HANDLERS(                                                                          \
		{ "run", e2e_job_run, NULL, NULL, 0 }, { "tell", e2e_job_tell, NULL, NULL, 0 }, \
		{ "watch", e2e_job_watch, NULL, NULL, 0 },                                      \
		{ "leave", e2e_job_leave, NULL, NULL, 0 },                                      \
		{ "anyway", e2e_job_anyway, NULL, NULL, WEIR_FINISH_ANYWAY },                   \
		{ "deadline", e2e_job_deadline, NULL, NULL, 0 },                                \
		{ "race", e2e_job_race, NULL, NULL, 0 }, { "map", e2e_job_map, NULL, NULL, 0 }, \
		{ "large", e2e_job_large, NULL, NULL, 0 },                                      \
		{ "hello", e2e_job_hello, NULL, NULL, 0 })

#endif
