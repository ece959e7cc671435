/*
 * worker.c - everything a worker has, put together from the bottom up, and
 * taken apart in the same order.
 *
 *	start:	bind the routes, startup() of the modules, accept, say READY;
 *		in a reload first READY, and accept when the master says SERVE
 *	stop:	stop accepting; idle connections go at once, the others after what
 *		they do; when the grace is over, handlers are cancelled; then
 *		shutdown() of the modules. When others have taken over, nobody is sent
 *		away at once
 *
 * Every step of stopping may already be under way when the next reason to stop
 * comes: each is asked for once, by the phase.
 */
#include "daemon/worker.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "app/lifespan.h"
#include "app/site.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "conf/messages.h"
#include "coro/sched.h"
#include "daemon/binding.h"
#include "daemon/control.h"
#include "daemon/crash_limit.h"
#include "daemon/crash_note.h"
#include "daemon/farewell.h"
#include "daemon/front.h"
#include "daemon/last_resort.h"
#include "daemon/listeners.h"
#include "daemon/ports.h"
#include "daemon/privileges.h"
#include "daemon/sessions.h"
#include "daemon/signals.h"
#include "daemon/tls_contexts.h"
#include "daemon/tls_keeper.h"
#include "daemon/watchdog.h"
#include "daemon/worker_ctl.h"
#include "daemon/worker_hub.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_limits.h"
#include "daemon/worker_metrics.h"
#include "daemon/worker_notes.h"
#include "daemon/worker_status.h"
#include "io/loop.h"
#include "io/proc.h"
#include "io/slice.h"
#include "serve/access_format.h"
#include "serve/access_log.h"
#include "serve/server.h"
#include "serve/trust.h"

/* After the handlers were cancelled, for what they still send. */
#define LAST_WORDS_MS 300
/* Of connections without a request in a worker that is replaced. */
#define IDLE_MS 5000
/* What an orderly end takes beyond the grace, at most. */
#define LAST_RESORT_SLACK_MS 2000

enum worker_phase {
	WORKER_STARTING, /* the modules start up; nobody is accepted */
	WORKER_HELD,	 /* they have; so is nobody until the master says so */
	WORKER_SERVING,
	WORKER_DRAINING, /* nobody is accepted; what is in flight goes on */
	WORKER_LEAVING,	 /* the modules shut down; then the loop stops */
};

struct worker {
	const struct worker_args *args;
	const struct conf *conf;
	const struct log *log;
	enum worker_phase phase;
	bool has_master; /* it has not died */
	int exit_code;

	struct loop *loop;
	struct sched *sched;
	struct binding *binding;
	struct site site;
	struct lifespan *lifespan;
	struct access_format *access_format; /* owned; NULL: combined */
	struct access_log *access_log;
	struct server server;
	bool has_server;
	struct trust trust; /* the server's, if there are proxies */
	struct sessions sessions;
	bool has_sessions;
	struct worker_metrics metrics;
	struct worker_status status;
	bool is_drained;
	bool is_over; /* the modules have shut down, perhaps before the loop ran */

	bool has_begun; /* startup() of the modules */

	struct worker_hub hub;
	struct worker_ctl ctl;
	struct watchdog *watchdog; /* while it serves */
	struct ports ports;
	struct tls_contexts *tls; /* owned; NULL: no listener has TLS */
	ev_io control;
	ev_signal terminate;
	struct timer grace;
	struct timer idle; /* until it ends, connections without a request may stay */
	struct timer last_words;
	struct farewell farewell; /* of a worker that is replaced */
};

/* ---- stopping */

static void on_shut_down(void *arg, int result)
{
	struct worker *w = arg;

	w->is_over = true;
	loop_stop(w->loop);
}

static void leave(struct worker *w)
{
	if (w->phase == WORKER_LEAVING)
		return;
	w->phase = WORKER_LEAVING;
	w->watchdog = watchdog_stop(w->watchdog);
	loop_timer_stop(w->loop, &w->grace);
	loop_timer_stop(w->loop, &w->idle);
	loop_timer_stop(w->loop, &w->last_words);
	farewell_end(&w->farewell);
	if (w->has_begun)
		lifespan_shutdown(w->lifespan, on_shut_down, w);
	else
		on_shut_down(w, 0);
}

/* No connection is left, no handler of a session that was, and no job that is to finish. */
static void leave_if_quiet(struct worker *w)
{
	if (w->is_drained && site_is_quiet(&w->site))
		leave(w);
}

static void on_drained(struct server *server)
{
	struct worker *w = container_of(server, struct worker, server);

	w->is_drained = true;
	leave_if_quiet(w);
}

static void on_quiet(struct site *site)
{
	leave_if_quiet(container_of(site, struct worker, site));
}

static void on_grace_over(struct timer *timer)
{
	struct worker *w = container_of(timer, struct worker, grace);

	log_write(w->log, LOG_AT_NOTICE, "the grace is over: %u connections are cut off",
		  w->server.n_conns);
	loop_timer_start(w->loop, &w->last_words, loop_now_ms(w->loop) + LAST_WORDS_MS);
	site_cancel(&w->site); /* it may be quiet at once, and leave */
}

static void on_last_words_over(struct timer *timer)
{
	server_close_all(&container_of(timer, struct worker, last_words)->server);
}

/* What is left of it must end by itself, but not for ever. */
static void limit(struct worker *w, int64_t more_ms)
{
	loop_timer_start(w->loop, &w->grace,
			 loop_now_ms(w->loop) + w->conf->limits.graceful_timeout_ms + more_ms);
}

static void on_idle_over(struct timer *timer)
{
	server_close_idle(&container_of(timer, struct worker, idle)->server);
}

/* Others serve: who has nothing to wait for has a while to notice it, by the next answer. */
static void drain_gently(struct worker *w)
{
	const struct conf_limits *limits = &w->conf->limits;
	int64_t half_ms = limits->graceful_timeout_ms / 2;
	int64_t idle_ms = IDLE_MS < half_ms ? IDLE_MS : half_ms;
	int64_t spread_ms = limits->reload_spread_ms;

	loop_timer_start(w->loop, &w->idle, loop_now_ms(w->loop) + idle_ms);
	farewell_begin(&w->farewell, limits->websocket_grace_ms,
		       spread_ms < half_ms ? spread_ms : half_ms);
	server_drain_gently(&w->server);
}

static void drain_now(struct worker *w)
{
	farewell_end(&w->farewell);
	loop_timer_stop(w->loop, &w->idle);
	site_drain(&w->site);
	server_drain(&w->server);
}

/* It drains already, and not all too strictly. */
static void drain_again(struct worker *w, unsigned how)
{
	if (how & CONTROL_DRAIN_REPLACED)
		return;
	if (!(how & CONTROL_DRAIN_PATIENT))
		limit(w, 0);
	drain_now(w);
}

static void drain(struct worker *w, unsigned how)
{
	bool is_gentle = how & CONTROL_DRAIN_REPLACED;

	if (w->phase == WORKER_STARTING || w->phase == WORKER_HELD) {
		leave(w);
		return;
	}
	if (w->phase == WORKER_DRAINING && !timer_is_active(&w->last_words))
		drain_again(w, how);
	if (w->phase != WORKER_SERVING)
		return;
	w->phase = WORKER_DRAINING;
	/* Not even a queue is left: from now on clients are refused, and the address is free; or it is others'. */
	ports_finish(&w->ports);
	listeners_stop(w->args->listeners);
	if (is_gentle)
		(void)control_send_leaving(w->args->control_fd); /* nobody waits for it for long */
	if (!(how & CONTROL_DRAIN_PATIENT))
		limit(w, is_gentle ? w->conf->limits.websocket_grace_ms : 0);
	site_drain_gently(&w->site); /* for drain() to see */
	lifespan_drain(w->lifespan);
	if (is_gentle)
		drain_gently(w);
	else
		drain_now(w);
}

/* Without a master it is for the kernel to end a worker that does not. */
static void update_last_resort(const struct worker *w)
{
	if (w->has_master)
		last_resort_clear();
	else
		last_resort_set(w->conf->limits.graceful_timeout_ms + LAST_RESORT_SLACK_MS);
}

static void on_terminate(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct worker *w = container_of(watcher, struct worker, terminate);

	update_last_resort(w);
	if (w->phase == WORKER_SERVING)
		(void)control_send_leaving(w->args->control_fd); /* else it sees us end */
	drain(w, 0);
}

/* ---- the master speaks */

static void adopt(struct worker *w, const struct ipc_message *message)
{
	for (size_t i = 0; i < message->n_fds; i++) {
		if (w->phase != WORKER_SERVING)
			(void)close(message->fds[i]);
		else
			ports_adopt(&w->ports, message->number, message->fds[i]);
	}
}

/* New connections use them; the others keep what they have. */
static void renew_certificates(struct worker *w, struct ipc_message *message)
{
	const struct worker_setup *setup = w->args->arg;
	struct tls_contexts *tls = NULL;
	uint64_t len;
	int r;

	r = control_read_certificates(message, &len);
	if (r < 0)
		return;
	r = tls_keeper_receive(setup->tls, message->fds[0], len, &tls);
	if (r < 0) {
		log_write(w->log, LOG_AT_ERROR, "cannot take new certificates: %s", strerror(-r));
		return;
	}
	ports_set_tls(&w->ports, tls);
	(void)tls_contexts_free(w->tls);
	w->tls = tls;
}

static void fail(struct worker *w, const char *why)
{
	w->exit_code = EXIT_CODE_START;
	if (control_send_failed(w->args->control_fd, why) < 0)
		log_write(w->log, LOG_AT_ERROR, "cannot start: %s", why);
	leave(w);
}

/* It keeps crashing, here or in other workers. */
static void close_route(struct worker *w, uint32_t index)
{
	if (!w->binding || index >= w->binding->n_routes)
		return;
	w->binding->routes[index].is_closed = true;
	w->binding->routes[index].has_rules = true;
}

static void serve(struct worker *w)
{
	if (w->phase != WORKER_HELD)
		return;
	if (ports_open(&w->ports, w->args->listeners, w->args->lane) < 0) {
		fail(w, "no memory for its listeners");
		return;
	}
	w->phase = WORKER_SERVING;
}

/* The file's place is taken by another, where everybody looks for it. */
static void renew_access_log(struct worker *w, struct ipc_message *message)
{
	const struct worker_setup *setup = w->args->arg;

	if (message->n_fds == 1 && w->access_log) {
		access_log_flush(w->access_log);
		if (dup3(message->fds[0], setup->access_log_fd, O_CLOEXEC) < 0)
			log_write(w->log, LOG_AT_ERROR, "cannot change the access log: %s",
				  strerror(errno));
	}
	for (size_t i = 0; i < message->n_fds; i++)
		close_fdp(&message->fds[i]);
}

static void on_control(struct ev_loop *ev, ev_io *watcher, int events)
{
	struct worker *w = container_of(watcher, struct worker, control);
	struct ipc_message message;
	int r;

	while ((r = control_receive(w->args->control_fd, &message)) > 0) {
		if (message.type == CONTROL_DRAIN)
			drain(w, message.number);
		else if (message.type == CONTROL_SERVE)
			serve(w);
		else if (message.type == CONTROL_ACCESS_LOG)
			renew_access_log(w, &message);
		else if (message.type == CONTROL_ADOPT)
			adopt(w, &message);
		else if (message.type == CONTROL_RETURN)
			ports_return(&w->ports, message.number);
		else if (message.type == CONTROL_HUB)
			worker_hub_meet(&w->hub, &message);
		else if (message.type == CONTROL_CERTIFICATES)
			renew_certificates(w, &message);
		else if (message.type == CONTROL_CLOSE)
			close_route(w, message.number);
		else if (message.type == CONTROL_CTL && message.n_fds == 1)
			worker_ctl_meet(&w->ctl, message.fds[0]);
	}
	if (r == -EAGAIN)
		return;
	/* The master is dead: nobody will start us again, and nobody should have to kill us. */
	ev_io_stop(ev, watcher);
	w->has_master = false;
	update_last_resort(w);
	log_write(w->log, LOG_AT_ERROR, "the master is gone: stopping");
	drain(w, 0);
}

/* ---- starting */

/* A worker that nobody watches serves as well. */
static void start_watchdog(struct worker *w)
{
	const struct conf_limits *limits = &w->conf->limits;
	struct watchdog_setup setup = { .sched = w->sched,
					.log = w->log,
					.note = w->args->crash,
					.lag = w->args->lag,
					.control_fd = w->args->control_fd,
					.limit_ms = limits->stall_limit_ms,
					.abort_ms = limits->stall_abort_ms };
	int r;

	if (limits->stall_limit_ms == 0 || !setup.note || !setup.lag)
		return;
	r = watchdog_start(&setup, &w->watchdog);
	if (r < 0)
		log_write(w->log, LOG_AT_WARN, "there is no watchdog: %s", strerror(-r));
}

static void on_started(void *arg, int result)
{
	struct worker *w = arg;

	if (w->phase != WORKER_STARTING)
		return;
	if (result < 0) {
		fail(w, lifespan_words(w->lifespan));
		return;
	}
	w->phase = WORKER_HELD;
	start_watchdog(w);
	if (!w->args->is_held)
		serve(w);
	if (w->phase != WORKER_LEAVING && control_send_ready(w->args->control_fd) < 0)
		drain(w, 0);
}

static int bind_routes(struct worker *w)
{
	_cleanup_(buf_done) struct buf words = { 0 };
	struct messages messages;
	int r;

	messages_init(&messages);
	r = binding_new(w->conf, w->log, &messages, &w->binding);
	if (r < 0) {
		if (messages_format(&messages, &words) < 0 || buf_append(&words, "", 1) < 0)
			buf_clear(&words);
		fail(w, words.len ? words.data : "no memory to load the modules");
	}
	messages_done(&messages);
	return r;
}

/* Whose word counts, and who counts. */
static void set_front(struct worker *w)
{
	const struct worker_setup *setup = w->args->arg;
	const struct conf_front *front = &w->conf->front;
	struct forwarded_trust proxies = { .nets = front->nets,
					   .n_nets = front->n_nets,
					   .kind = (enum forwarded_kind)front->forwarded };

	if (front->n_nets > 0 || front->trusts_unix)
		trust_init(&w->trust, &w->server, &proxies, front->trusts_unix);
	if (!setup->front)
		return;
	front_join(setup->front, w->conf, w->log);
	w->server.headcount = &setup->front->headcount;
	w->site.rates = &setup->front->rates;
	w->site.stray = w->binding->stray;
}

static int make_server(struct worker *w)
{
	struct server_limits limits = worker_limits_of(w->conf);
	int r;

	r = server_init(&w->server, w->loop, w->log, &limits);
	if (r < 0)
		return r;
	w->has_server = true;
	w->server.up = w->site.hosts ? &site_hosts_up : &site_up;
	w->server.up_arg = &w->site;
	set_front(w);
	w->server.access_log = w->access_log;
	w->server.drained = on_drained;
	ports_init(&w->ports, w->loop, w->log, &w->server);
	ports_set_tls(&w->ports, w->tls);
	for (size_t i = 0; i < w->conf->n_listen; i++) {
		if (w->conf->listen[i].has_proxy_protocol)
			w->ports.listen = w->conf->listen;
	}
	return 0;
}

/* The routes' names are noted for the master, should this process die. */
static void make_site(struct worker *w)
{
	struct worker_note *note = w->args->note;

	site_init(&w->site, w->loop, w->sched, w->log, w->binding->router);
	if (!w->binding->router)
		w->site.hosts = w->binding->hosts;
	w->site.task_memory = w->conf->limits.request_memory;
	(void)https_make(&w->site.https, 0, w->conf->limits.hsts_ms,
			 w->conf->limits.hsts_has_subdomains);
	w->site.max_job_payload = w->conf->jobs.max_result;
	if (getrandom(&w->site.id_seed, sizeof(w->site.id_seed), 0) < 0)
		w->site.id_seed = (uint64_t)getpid() << 32;
	w->site.quiet = on_quiet;
	w->site.ids = (enum site_ids)w->conf->take_ids;
	w->site.logs_ids = w->conf->logs_ids;
	/* Without proxies nobody is one. */
	if (w->site.ids == SITE_IDS_OF_PROXIES && !w->conf->front.n_trusted_proxies)
		w->site.ids = SITE_IDS_MADE;
	w->site.last_route = worker_notes_last(note);
	for (size_t i = 0; i < w->binding->n_routes; i++) {
		struct route *route = &w->binding->routes[i];

		route->number = worker_notes_add(note, route->name);
	}
	for (size_t i = 0; w->args->crash_limit && i < w->args->crash_limit->n_closed; i++)
		close_route(w, w->args->crash_limit->closed[i]);
}

static void start_metrics(struct worker *w)
{
	const struct worker_setup *setup = w->args->arg;
	struct worker_metrics_of of = { .memory = setup->metrics,
					.conf = w->conf,
					.jobs = setup->jobs,
					.log = w->log,
					.loop = w->loop,
					.sched = w->sched,
					.server = &w->server,
					.site = &w->site,
					.sessions = &w->sessions,
					.access_log = w->access_log,
					.lag = w->args->lag };

	worker_metrics_start(&w->metrics, &of, w->args->slot, w->binding);
	worker_status_start(&w->status, &of, w->args, w->binding);
}

/* conf_check() has tried the format. */
static int open_access_log(struct worker *w)
{
	const struct worker_setup *setup = w->args->arg;
	weir_str format = weir_strz(w->conf->access_log_format.text);
	const char *words;
	weir_str field;
	int r;

	if (setup->access_log_fd < 0)
		return 0;
	if (!access_format_is_combined(format)) {
		r = access_format_new(format, &w->access_format, &words, &field);
		if (r < 0)
			return r;
	}
	return access_log_new(w->loop, w->log, setup->access_log_fd, w->access_format,
			      &w->access_log);
}

/* How long requests take is known from now on, and, if the access log wants it, what of them. */
static void start_ticks(struct worker *w)
{
	ticks_init(&w->server.ticks);
	w->site.access_log = w->access_log;
	if (!w->access_format || !access_format_has_phases(w->access_format))
		return;
	w->server.has_phases = true;
	w->site.ticks = &w->server.ticks;
	loop_set_ticks(w->loop, &w->server.ticks);
}

static int make(struct worker *w)
{
	struct sched_opts opts = { .stack_size = w->conf->limits.stack_size,
				   .max_tasks = w->conf->limits.max_tasks,
				   .threads = w->conf->limits.threads,
				   .has_idle_sweep = true,
				   .log = w->log };
	int r;

	r = sched_new(w->loop, &opts, &w->sched);
	if (r < 0)
		return r;
	r = bind_routes(w);
	if (r < 0)
		return r;
	if (w->args->crash)
		crash_note_map(w->args->crash);
	/* The modules are there; what they do from now on they do inside. */
	r = privileges_enter(&w->conf->privileges);
	if (r < 0) {
		fail(w, "cannot enter the chroot");
		return r;
	}
	make_site(w);
	r = open_access_log(w);
	if (r < 0)
		return r;
	r = make_server(w);
	if (r < 0)
		return r;
	r = worker_limits_set_paces(&w->server, w->conf, w->binding);
	if (r < 0)
		return r;
	r = sessions_init(&w->sessions, w->conf, w->binding, &w->server, &w->site);
	w->has_sessions = true;
	if (r < 0)
		return r;
	worker_hub_serve(&w->hub, &w->site);
	start_ticks(w);
	start_metrics(w);
	worker_ctl_serve(&w->ctl, &(struct worker_ctl_view){ w->sched, &w->server, &w->site });
	return lifespan_new(&w->site, w->binding->apps, w->binding->n_apps,
			    w->conf->limits.max_tasks, &w->lifespan);
}

static void watch(struct worker *w)
{
	struct ev_loop *ev = loop_ev(w->loop);

	worker_ctl_init(&w->ctl, w->loop, w->args->log, w->args->slot);
	worker_hub_init(&w->hub, w->loop, w->log, w->conf->limits.max_publication);
	timer_init(&w->grace, on_grace_over);
	timer_init(&w->idle, on_idle_over);
	timer_init(&w->last_words, on_last_words_over);
	farewell_init(&w->farewell, w->loop, &w->server, &w->site);
	ev_io_init(&w->control, on_control, w->args->control_fd, EV_READ);
	ev_io_start(ev, &w->control);
	signals_ignore();
	ev_signal_init(&w->terminate, on_terminate, SIGTERM);
	ev_signal_start(ev, &w->terminate);
	last_resort_watch();
}

static void unmake(struct worker *w)
{
	struct ev_loop *ev = loop_ev(w->loop);

	ev_io_stop(ev, &w->control);
	ev_signal_stop(ev, &w->terminate);
	last_resort_unwatch();
	worker_ctl_done(&w->ctl);
	if (w->has_server) {
		ports_close(&w->ports);
		server_close_all(&w->server);
		loop_turn(w->loop, false); /* the reap step */
		worker_hub_serve(&w->hub, NULL);
		worker_status_stop(&w->status);
		worker_metrics_stop(&w->metrics);
		if (w->has_sessions)
			sessions_done(&w->sessions);
		site_done(&w->site);
		server_done(&w->server);
		if (w->server.headcount)
			headcount_leave(w->server.headcount);
	}
	w->lifespan = lifespan_free(w->lifespan);
	w->access_log = access_log_free(w->access_log);
	w->access_format = access_format_free(w->access_format);
	w->binding = binding_free(w->binding);
	worker_metrics_done(&w->metrics);
	w->sched = sched_free(w->sched);
	worker_hub_done(&w->hub);
	w->tls = tls_contexts_free(w->tls);
}

static void start_up(struct worker *w)
{
	/* The first word of the master is the hub: startup() can publish already. */
	on_control(loop_ev(w->loop), &w->control, EV_READ);
	if (w->phase != WORKER_STARTING)
		return;
	w->has_begun = true;
	lifespan_startup(w->lifespan, on_started, w);
}

int worker_main(const struct worker_args *args)
{
	const struct worker_setup *setup = args->arg;
	_cleanup_(freep) struct worker *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (args->crash && crash_note_watch(args->crash) < 0)
		log_write(args->log, LOG_AT_WARN, "no memory for what is said of a crash");
	if (w) {
		w->args = args;
		w->conf = setup->conf;
		w->log = args->log;
		w->has_master = true;
		r = loop_new(&w->loop);
	}
	if (r < 0) {
		log_write(args->log, LOG_AT_ERROR, "cannot start: %s", strerror(-r));
		return EXIT_CODE_START;
	}
	(void)slice_set_us(SLICE_SHORT_US); /* else: slower when the machine is busy */
	if (args->lag)
		worker_lag_follow(args->lag, w->loop);
	w->tls = tls_keeper_take(setup->tls);
	watch(w);
	r = make(w);
	if (r == -ENOMEM)
		fail(w, "no memory to start");
	if (r >= 0)
		start_up(w);
	if (r >= 0 && !w->is_over)
		loop_run(w->loop);
	unmake(w);
	w->loop = loop_free(w->loop);
	return w->exit_code;
}
