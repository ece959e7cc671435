/* ctl_commands.c - see ctl_commands.h. What lies in shared memory is told also of workers that do not answer. */
#include "daemon/ctl_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "daemon/control.h"
#include "daemon/worker_board.h"
#include "daemon/worker_conns.h"
#include "daemon/worker_lags.h"
#include "daemon/worker_tasks.h"
#include "io/loop.h"

/* Workers answer at once, or are stuck. */
#define PATIENCE_MS 2000
/* That of whom a command is about; nobody else's answer is held up. */
#define PATIENCE_ONE_MS 5000
#define MAX_ANSWER ((size_t)64 * 1024 * 1024)
/* For saying that it was too long, and its end. */
#define LAST_WORDS 4096

#define DAEMON_COLUMNS "version:s\tmaster:n\tphase:s\tup:m\tworkers:n\tfile:s"
#define WORKER_COLUMNS                                                                      \
	"slot:n\tpid:n\tstate:s\tup:m\tstarts:n\tturn:m\tstalls:n\tp50:u\tp99:u\tconns:n\t" \
	"sessions:n\ttasks:n\trequests:n\taccepted:n\tbuffers:b"
/* Those that only a worker knows. */
#define N_COUNTS 6

static unsigned n_slots(const struct ctl_call *call)
{
	return call->world->view.board->n;
}

/* Most slots are empty. */
static bool is_used(const struct ctl_call *call, unsigned slot)
{
	return slot < n_slots(call) &&
	       atomic_load(&call->world->view.board->rows[slot].state) != WORKER_EMPTY;
}

static bool has_process(const struct ctl_call *call, unsigned slot)
{
	return slot < n_slots(call) && atomic_load(&call->world->view.board->rows[slot].pid) != 0;
}

/* ---- status */

static void put_daemon(struct ctl_call *call)
{
	const struct worker_board *board = call->world->view.board;
	struct ctl_text *text = &call->text;

	ctl_text_table(text, "daemon", DAEMON_COLUMNS);
	ctl_text_row(text);
	ctl_text_cell(text, WEIR_STR(WEIR_VERSION));
	ctl_text_number(text, atomic_load(&board->master));
	ctl_text_cell(text, weir_strz(worker_board_phase_name(atomic_load(&board->phase))));
	ctl_text_number(text, clock_monotonic_ms() - atomic_load(&board->began_ms));
	ctl_text_number(text, atomic_load(&board->n_workers));
	ctl_text_cell(text, weir_strz(call->world->conf->file ? call->world->conf->file : ""));
	ctl_text_row_end(text);
}

static void put_lag(struct ctl_call *call, unsigned slot)
{
	const struct worker_lags *lags = call->world->view.lags;
	struct worker_lag *lag = worker_lags_at(lags, slot);
	struct histogram turns = histogram_read(&lag->turns);
	struct ctl_text *text = &call->text;

	ctl_text_number(text, worker_lag_turn_us(lag, clock_monotonic_us()) / 1000);
	ctl_text_number(text, (int64_t)worker_lag_stalls(lag));
	ctl_text_number(text, (int64_t)histogram_quantile_us(&turns, 0.5));
	ctl_text_number(text, (int64_t)histogram_quantile_us(&turns, 0.99));
}

static void put_worker(struct ctl_call *call, unsigned slot)
{
	const struct board_row *row = &call->world->view.board->rows[slot];
	int pid = atomic_load(&row->pid);
	struct ctl_text *text = &call->text;

	ctl_text_row(text);
	ctl_text_number(text, slot);
	if (pid)
		ctl_text_number(text, pid);
	else
		ctl_text_unknown(text);
	if (health_stuck_ms(&call->world->view, slot, clock_monotonic_us()) > 0)
		ctl_text_cell(text, WEIR_STR("stuck"));
	else if (health_is_stopped(&call->world->view, slot))
		ctl_text_cell(text, WEIR_STR("stopped"));
	else
		ctl_text_cell(text, weir_strz(worker_board_state_name(atomic_load(&row->state))));
	ctl_text_number(text, pid ? clock_monotonic_ms() - atomic_load(&row->since_ms) : 0);
	ctl_text_number(text, atomic_load(&row->n_starts));
	put_lag(call, slot);
	if (call->counts[slot][0])
		ctl_text_cells(text, weir_strz(call->counts[slot]));
	for (unsigned i = 0; i < N_COUNTS && !call->counts[slot][0]; i++)
		ctl_text_unknown(text);
	ctl_text_row_end(text);
}

static void put_status(struct ctl_call *call)
{
	put_daemon(call);
	ctl_text_table(&call->text, "workers", WORKER_COLUMNS);
	for (unsigned i = 0; i < n_slots(call); i++) {
		if (is_used(call, i))
			put_worker(call, i);
	}
}

/* Digits and tabs, N_COUNTS of each; else they are not believed. */
static void take_counts(struct ctl_call *call, unsigned slot, weir_str bytes)
{
	unsigned n_tabs = 0;

	if (!call->counts || bytes.len >= sizeof(call->counts[0]))
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		n_tabs += bytes.ptr[i] == '\t';
		if (bytes.ptr[i] != '\t' && (bytes.ptr[i] < '0' || bytes.ptr[i] > '9'))
			return;
	}
	if (n_tabs == N_COUNTS)
		memcpy(call->counts[slot], bytes.ptr, bytes.len);
}

/* ---- what workers say */

/* Cells are escaped: a worker that writes other control characters writes to an operator's terminal. */
static bool is_row(weir_str line)
{
	if (line.len < 2 || memcmp(line.ptr, "R\t", 2) != 0)
		return false;
	for (size_t i = 2; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* Whole lines that are rows; nothing else may come from there. */
static void take_rows(struct ctl_call *call, weir_str bytes)
{
	weir_str line;

	while (ctl_text_line(&bytes, &line)) {
		if (!is_row(line))
			continue;
		ctl_text_row(&call->text);
		ctl_text_cells(&call->text, (weir_str){ line.ptr + 1, line.len - 1 });
		ctl_text_row_end(&call->text);
	}
}

static void put_result(struct ctl_call *call, weir_str words)
{
	ctl_text_table(&call->text, "result", "said:s");
	ctl_text_row(&call->text);
	ctl_text_cell(&call->text, words);
	ctl_text_row_end(&call->text);
}

static void put_unknown_id(struct ctl_call *call)
{
	char id[CTL_REQUEST_ID];

	(void)ctl_request_id_text(&call->request.id, id);
	ctl_text_error(&call->text, "there is no %s any more", id);
}

static void on_answered(struct ctl_ask *ask, unsigned slot, weir_str bytes)
{
	struct ctl_call *call = container_of(ask, struct ctl_call, ask);
	int r;

	switch (call->request.command) {
	case CTL_STATUS:
		take_counts(call, slot, bytes);
		break;
	case CTL_TASKS:
	case CTL_CONNS:
		take_rows(call, bytes);
		break;
	case CTL_KILL:
		if (bytes.len > 0)
			put_result(call, bytes);
		else
			put_unknown_id(call);
		break;
	case CTL_BACKTRACE:
		r = bytes.len > 0 ? ctl_backtrace_begin(&call->backtrace, bytes) : 0;
		if (bytes.len == 0)
			put_unknown_id(call);
		else if (r < 0)
			ctl_text_error(&call->text, "no backtrace: %s", strerror(-r));
		break;
	default:
		break;
	}
}

/* ---- the end of an answer */

static void note_missing(struct ctl_call *call, unsigned slot)
{
	const struct board_row *row = &call->world->view.board->rows[slot];
	struct worker_lag *lag = worker_lags_at(call->world->view.lags, slot);
	int64_t turn_ms = worker_lag_turn_us(lag, clock_monotonic_us()) / 1000;
	int pid = atomic_load(&row->pid);

	if (turn_ms >= PATIENCE_MS / 2)
		ctl_text_note(&call->text,
			      "worker %u (pid %d) did not answer: its loop has not turned for %lld "
			      "ms",
			      slot, pid, (long long)turn_ms);
	else
		ctl_text_note(&call->text, "worker %u (pid %d) did not answer", slot, pid);
}

static void finish(struct ctl_call *call)
{
	for (unsigned i = 0; i < n_slots(call) && i < CTL_WORKERS_MAX; i++) {
		/* Who has ended meanwhile, as it should, is not missed. */
		if (ctl_workers_is_missing(&call->ask, i) && has_process(call, i))
			note_missing(call, i);
		else if (is_used(call, i) && !has_process(call, i))
			ctl_text_note(&call->text, "worker %u is missing", i);
	}
	if (call->text.r < 0) {
		call->text.r = 0;
		call->out.limit += LAST_WORDS;
		ctl_text_note(&call->text, "the answer is cut: it is too long");
	}
	ctl_text_end(&call->text);
	call->done(call);
}

static void on_asked(struct ctl_ask *ask)
{
	struct ctl_call *call = container_of(ask, struct ctl_call, ask);

	if (call->backtrace.fd >= 0)
		return;
	if (call->request.command == CTL_STATUS)
		put_status(call);
	finish(call);
}

static const struct ctl_ask_ops ask_ops = { on_answered, on_asked };

static void on_backtrace(struct ctl_backtrace *backtrace)
{
	struct ctl_call *call = container_of(backtrace, struct ctl_call, backtrace);
	weir_str rest = buf_str(&backtrace->lines), line;

	ctl_text_table(&call->text, "frames", "frame:s");
	while (ctl_text_line(&rest, &line)) {
		ctl_text_row(&call->text);
		ctl_text_cell(&call->text, line);
		ctl_text_row_end(&call->text);
	}
	finish(call);
}

/* ---- commands */

static bool at_once(struct ctl_call *call)
{
	ctl_text_end(&call->text);
	return true;
}

static bool refuse(struct ctl_call *call, const char *words)
{
	ctl_text_error(&call->text, "%s", words);
	return at_once(call);
}

static bool ask_all(struct ctl_call *call, enum ctl_word word, uint32_t value)
{
	ctl_workers_begin(call->world->workers, &call->ask, word, value);
	for (unsigned i = 0; i < n_slots(call); i++) {
		if (has_process(call, i))
			ctl_workers_ask(call->world->workers, &call->ask, i);
	}
	ctl_workers_wait(call->world->workers, &call->ask, PATIENCE_MS);
	return false;
}

static bool ask_one(struct ctl_call *call, enum ctl_word word)
{
	if (!has_process(call, call->request.id.slot)) {
		put_unknown_id(call);
		return at_once(call);
	}
	ctl_workers_begin(call->world->workers, &call->ask, word, call->request.id.tag);
	ctl_workers_ask(call->world->workers, &call->ask, call->request.id.slot);
	ctl_workers_wait(call->world->workers, &call->ask, PATIENCE_ONE_MS);
	return false;
}

static bool ask_master(struct ctl_call *call, enum control_type type, unsigned number,
		       const char *words)
{
	int r;

	r = control_send_ask(call->world->control_fd, type, number);
	if (r < 0)
		return refuse(call, "the master does not listen");
	log_write(call->world->log, LOG_AT_NOTICE, "%s, by weirctl", words);
	put_result(call, weir_strz(words));
	return at_once(call);
}

static bool drain(struct ctl_call *call)
{
	unsigned number = (unsigned)(call->request.slot + 1);

	if (number == 0)
		return ask_master(call, CONTROL_ASK_DRAIN, 0, "the daemon is told to stop");
	if (!is_used(call, number - 1))
		return refuse(call, "there is no such slot");
	return ask_master(call, CONTROL_ASK_DRAIN, number,
			  "the worker is told to end, and another takes its place");
}

static const char *level_name(int level)
{
	static const char *const names[] = { [LOG_AT_ERROR] = "error",
					     [LOG_AT_WARN] = "warn",
					     [LOG_AT_NOTICE] = "notice",
					     [LOG_AT_INFO] = "info",
					     [LOG_AT_DEBUG] = "debug" };

	return level >= LOG_AT_ERROR && level <= LOG_AT_DEBUG ? names[level] : "?";
}

static bool log_level(struct ctl_call *call)
{
	int level = call->request.level;
	bool is_set = level >= 0;

	if (is_set) {
		if (control_send_ask(call->world->control_fd, CONTROL_ASK_LOG_LEVEL,
				     (unsigned)level) < 0)
			return refuse(call, "the master does not listen");
		log_write(call->world->log, LOG_AT_NOTICE, "the log's level is %s now, by weirctl",
			  level_name(level));
		call->world->log->level = level;
	}
	put_result(call, weir_strz(level_name(call->world->log->level)));
	return is_set ? ask_all(call, CTL_ASK_LEVEL, (uint32_t)level) : at_once(call);
}

static bool status(struct ctl_call *call)
{
	call->counts = calloc(n_slots(call) + 1, sizeof(*call->counts));
	return call->counts ? ask_all(call, CTL_ASK_COUNTS, 0) : refuse(call, "no memory");
}

static bool list(struct ctl_call *call, const char *name, const char *columns, enum ctl_word word)
{
	ctl_text_table(&call->text, name, columns);
	return ask_all(call, word, 0);
}

void ctl_commands_init(struct ctl_call *call, const struct ctl_world *world,
		       void (*done)(struct ctl_call *call))
{
	*call = (struct ctl_call){ .world = world, .done = done };
	buf_init(&call->out, MAX_ANSWER);
	ctl_backtrace_init(&call->backtrace, world->loop, on_backtrace);
	call->ask.ops = &ask_ops;
	ctl_text_init(&call->text, &call->out);
}

bool ctl_commands_begin(struct ctl_call *call, weir_str line)
{
	const char *words = "";

	if (ctl_request_parse(line, &call->request, &words) < 0)
		return refuse(call, words);
	switch (call->request.command) {
	case CTL_STATUS:
		return status(call);
	case CTL_TASKS:
		return list(call, "tasks", WORKER_TASKS_COLUMNS, CTL_ASK_TASKS);
	case CTL_CONNS:
		return list(call, "conns", WORKER_CONNS_COLUMNS, CTL_ASK_CONNS);
	case CTL_BACKTRACE:
		return ask_one(call, CTL_ASK_BACKTRACE);
	case CTL_KILL:
		return ask_one(call, CTL_ASK_KILL);
	case CTL_RELOAD:
		return ask_master(call, CONTROL_ASK_RELOAD, 0, "the daemon is told to reload");
	case CTL_DRAIN:
		return drain(call);
	case CTL_LOG_LEVEL:
		break;
	}
	return log_level(call);
}

void ctl_commands_end(struct ctl_call *call)
{
	ctl_workers_forget(call->world->workers, &call->ask);
	ctl_backtrace_done(&call->backtrace);
	buf_done(&call->out);
	free(call->counts);
	call->counts = NULL;
}
