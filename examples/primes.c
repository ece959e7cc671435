/*
 * primes.c - a number that takes a while to compute, and how far it is.
 *
 *	GET /primes		a page with a progress bar and a cancel button
 *	GET /primes/{below}	how many primes are below that, as server-sent events
 *
 *	curl -N http://127.0.0.1:8000/primes/3000000
 *
 * The work is a job: it runs in a process of its own while this worker serves
 * everybody else. Its author did not think of cancelling, and need not: when the
 * client leaves, weir asks the job to stop, and kills its process after a grace.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define MOST 1000000000L
#define LONGEST_MS (5 * 60 * 1000)

/* Digits only. -EINVAL for anything else, or beyond MOST. */
static long parse_number(weir_str text)
{
	long number = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c < '0' || c > '9')
			return -EINVAL;
		number = number * 10 + (c - '0');
		if (number > MOST)
			return -EINVAL;
	}
	return text.len > 0 ? number : -EINVAL;
}

static bool is_prime(long n)
{
	if (n < 4)
		return n > 1;
	if (n % 2 == 0)
		return false;
	for (long d = 3; d * d <= n; d += 2) {
		if (n % d == 0)
			return false;
	}
	return true;
}

/* In a job process: ordinary C, which may take its time. */
static int count_primes(weir_work *work, weir_str input)
{
	long below = parse_number(input), found = 0, step;
	char text[32];

	if (below < 0)
		return -EINVAL; /* weir_job_await() returns it */
	step = below / 1000 + 1;
	for (long n = 0; n < below; n++) {
		found += is_prime(n);
		/* However often it is said: who reads gets the newest, and never holds us up. */
		if (n % step == 0)
			(void)weir_work_report(work, "{\"percent\":%.1f,\"found\":%ld}",
					       100.0 * (double)n / (double)below, found);
	}
	(void)snprintf(text, sizeof(text), "{\"found\":%ld}", found);
	return weir_work_result(work, weir_strz(text));
}

/* The answer has begun: what goes wrong now is an event, too. */
static int send_end(weir_req *req, weir_sse *sse, weir_job *job)
{
	weir_str result;
	int r = weir_job_await(job, &result);

	if (r == -ECANCELED)
		return r; /* the client left: there is nobody to tell */
	if (r == 0)
		return weir_sse_send(sse, .event = WEIR_STR("done"), .data = result);
	return weir_sse_send(sse, .event = WEIR_STR("failed"),
			     .data = weir_printf(req, "{\"error\":\"%s\"}", strerror(-r)));
}

static int primes(weir_req *req)
{
	weir_str below = weir_param(req, "below"), report;
	weir_sse *sse;
	weir_job *job;
	int r;

	if (parse_number(below) < 0)
		return weir_respond(req, 400, "text/plain",
				    weir_printf(req, "a number, please: 0 to %ld\n", MOST));
	r = weir_job_start(req, &job, .name = "count_primes", .input = below,
			   .max_run_ms = LONGEST_MS);
	if (r < 0)
		return r; /* -EAGAIN when too many wait: 503, with Retry-After */
	r = weir_sse_start(req, &sse);
	if (r < 0)
		return r;
	while ((r = weir_job_progress(job, &report)) > 0) {
		r = weir_sse_send(sse, .event = WEIR_STR("progress"), .data = report);
		if (r < 0)
			return r; /* the client is gone, and the job goes with the request */
	}
	return r < 0 ? r : send_end(req, sse, job);
}

static const char page[] =
	"<!doctype html>\n"
	"<meta charset=\"utf-8\">\n"
	"<title>primes</title>\n"
	"<style>\n"
	"body { font: 1em sans-serif; max-width: 40em; margin: 2em auto; }\n"
	"progress { width: 100%; }\n"
	"</style>\n"
	"<h1>How many primes are there?</h1>\n"
	"<form id=\"ask\">\n"
	"<label>Below <input id=\"below\" type=\"number\" min=\"0\" max=\"1000000000\" "
	"value=\"5000000\" required></label>\n"
	"<button id=\"count\">Count</button>\n"
	"<button id=\"cancel\" type=\"button\" disabled>Cancel</button>\n"
	"</form>\n"
	"<p><progress id=\"bar\" max=\"100\" value=\"0\"></progress></p>\n"
	"<p id=\"words\" role=\"status\"></p>\n"
	"<script>\n"
	"\"use strict\";\n"
	"const $ = (id) => document.getElementById(id);\n"
	"let events = null;\n"
	"\n"
	"function stop(words) {\n"
	"	events.close(); /* else it would connect again, and count again */\n"
	"	events = null;\n"
	"	$(\"count\").disabled = false;\n"
	"	$(\"cancel\").disabled = true;\n"
	"	$(\"words\").textContent = words;\n"
	"}\n"
	"\n"
	"$(\"ask\").onsubmit = (event) => {\n"
	"	event.preventDefault();\n"
	"	$(\"count\").disabled = true;\n"
	"	$(\"cancel\").disabled = false;\n"
	"	$(\"bar\").value = 0;\n"
	"	$(\"words\").textContent = \"\\u2026\";\n"
	"	events = new EventSource(\"/primes/\" + $(\"below\").value);\n"
	"	events.addEventListener(\"progress\", (event) => {\n"
	"		const { percent, found } = JSON.parse(event.data);\n"
	"		$(\"bar\").value = percent;\n"
	"		$(\"words\").textContent = found + \" so far\";\n"
	"	});\n"
	"	events.addEventListener(\"done\", (event) => {\n"
	"		$(\"bar\").value = 100;\n"
	"		stop(\"There are \" + JSON.parse(event.data).found + \".\");\n"
	"	});\n"
	"	events.addEventListener(\"failed\", (event) => {\n"
	"		stop(\"That failed: \" + JSON.parse(event.data).error);\n"
	"	});\n"
	"	events.onerror = () => stop(\"The server is busy, or gone. Try again.\");\n"
	"};\n"
	"\n"
	"/* There is no message for it: leaving is enough. */\n"
	"$(\"cancel\").onclick = () => stop(\"Cancelled.\");\n"
	"</script>\n";

static int show_page(weir_req *req)
{
	int r;

	r = weir_set_header(req, "cache-control", WEIR_STR("no-cache"));
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/html; charset=utf-8",
			    (weir_str){ page, sizeof(page) - 1 });
}

WEIR_MODULE(.name = "primes",
	    .handlers = WEIR_HANDLERS({ "page", show_page, "GET", "/primes", 0 },
				      { "primes", primes, "GET", "/primes/{below}", 0 }),
	    .jobs = WEIR_JOBS({ "count_primes", count_primes }));
