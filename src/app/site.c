/* site.c - see site.h. */
#include "app/site.h"

#include "app/job.h"
#include "app/req.h"
#include "app/sse.h"
#include "app/ws.h"

const struct exchange_up site_up = {
	.start = req_start,
	.readable = req_readable,
	.writable = req_writable,
	.gone = req_gone,
	.describe = req_describe,
};

const struct exchange_up site_hosts_up = {
	.start = req_start_by_host,
	.readable = req_readable,
	.writable = req_writable,
	.gone = req_gone,
	.describe = req_describe,
};

void site_init(struct site *site, struct loop *loop, struct sched *sched, const struct log *log,
	       struct router *router)
{
	*site = (struct site){ .loop = loop, .sched = sched, .log = log, .router = router };
	list_init(&site->running);
	list_init(&site->streams);
	list_init(&site->lone_jobs);
	site->last_route = &site->no_route;
}

void site_done(struct site *site)
{
	ws_turns_free_unused(site);
}

void site_session_came(struct site *site)
{
	site->n_sessions++;
}

void site_session_gone(struct site *site)
{
	site->n_sessions--;
	site_note_quiet(site);
}

bool site_is_quiet(const struct site *site)
{
	return site->n_sessions == 0 && list_is_empty(&site->lone_jobs);
}

void site_note_quiet(struct site *site)
{
	if (site->is_draining && site->quiet && site_is_quiet(site))
		site->quiet(site);
}

void site_drain(struct site *site)
{
	site->is_draining = true;
	sse_drain(&site->streams);
}

void site_drain_gently(struct site *site)
{
	site->is_draining = true;
}

void site_drain_part(struct site *site, unsigned parts)
{
	sse_drain_part(&site->streams, parts);
}

void site_cancel(struct site *site)
{
	site->is_cancelled = true;
	list_for_each_safe (link, &site->running)
		task_cancel_now(list_entry(link, struct req, link)->task, REASON_SHUTDOWN);
	job_cancel_alone(&site->lone_jobs);
	site_note_quiet(site);
}
