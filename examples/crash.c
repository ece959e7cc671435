/*
 * crash.c - crashes, to see what becomes of the others. For the demo only: its
 * handler names no path, so `weir run` does not serve it.
 *
 *	curl 'http://127.0.0.1:8000/crash?where=job'
 *	curl 'http://127.0.0.1:8000/crash?where=handler'
 *
 * A job that crashes fails by itself: its handler gets -ECHILD, and the next job
 * finds a process that was waiting. A handler that crashes takes its worker along, with
 * every request that is there; the master starts another. Either way the
 * log says who it was, by which signal it died, and where.
 */
#include <stdlib.h>
#include <weir/weir.h>

static int fall(weir_work *work, weir_str input)
{
	abort();
}

static int run_job(weir_req *req)
{
	weir_str nothing;
	weir_job *job;
	int r;

	r = weir_job_start(req, &job, .name = "fall");
	if (r < 0)
		return r;
	r = weir_job_await(job, &nothing);
	if (r != -ECHILD)
		return r;
	return weir_respond(req, 200, "text/plain",
			    WEIR_STR("the job has crashed, and nobody else has noticed\n"));
}

static int danger(weir_req *req)
{
	weir_str where = weir_query_get(req, "where");

	if (weir_str_eq(where, WEIR_STR("job")))
		return run_job(req);
	if (weir_str_eq(where, WEIR_STR("handler")))
		abort();
	return weir_respond(req, 400, "text/plain", WEIR_STR("where? job or handler\n"));
}

WEIR_MODULE(.name = "crash", .handlers = WEIR_HANDLERS({ "danger", danger, "GET", NULL, 0 }),
	    .jobs = WEIR_JOBS({ "fall", fall }));
