/*
 * worker_tasks.c - see worker_tasks.h. What a task awaits is kept nowhere, since
 * every wait would pay for it: it is read off the task's stack. The outermost
 * function of ours on it is what its module has called, and all of these are
 * exported, so that the dynamic linker knows their names.
 */
#include "daemon/worker_tasks.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/req.h"
#include "base/buf.h"
#include "base/peek.h"
#include "base/trace.h"
#include "coro/census.h"
#include "coro/sched.h"
#include "coro/stack.h"
#include "coro/task.h"
#include "daemon/crash_note.h"
#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"
#include "io/loop.h"

/* Between where a task was left and its module's code. */
#define FRAMES 24
#define FRAME_BYTES ((size_t)4096)

/* Many tasks wait in the same places, and to ask the linker takes a microsecond. */
#define NAMES 128
struct names {
	struct {
		uintptr_t address;
		const char *name; /* NULL: none of ours */
	} items[NAMES];
};

/* The function of the public API that this address is in; NULL. */
static const char *api_name(struct names *names, uintptr_t address)
{
	size_t i = (address ^ address >> 8) % NAMES;
	Dl_info info;

	if (names->items[i].address == address)
		return names->items[i].name;
	names->items[i].address = address;
	names->items[i].name = NULL;
	/* Where a call returns to may be behind its function. */
	if (dladdr((const void *)(address - 1), &info) && info.dli_sname &&
	    strncmp(info.dli_sname, "weir_", 5) == 0)
		names->items[i].name = info.dli_sname;
	return names->items[i].name;
}

static const char *awaits(struct names *names, const struct task *task)
{
	char bytes[FRAME_BYTES];
	uintptr_t addresses[FRAMES];
	struct trace_stack stack = { .bytes = bytes };
	const char *found = NULL;
	struct trace_regs regs;
	size_t n, len;

	if (!task->wait)
		return "(ready)";
	if (!census_regs(task, &regs))
		return "";
	/* By the kernel's hand: sanitizers do not like to see stacks read. */
	len = (size_t)(task->stack->top - (const char *)regs.sp);
	len = peek_bytes((const void *)regs.sp, bytes, len < sizeof(bytes) ? len : sizeof(bytes));
	stack.low = regs.sp;
	stack.high = regs.sp + len;
	n = trace_walk(&stack, regs.pc, regs.fp, addresses, FRAMES);
	for (size_t i = 0; i < n; i++) {
		const char *name = api_name(names, addresses[i]);

		if (found && !name)
			break;
		found = name ? name : found;
	}
	return found ? found : "";
}

const char *worker_tasks_awaits(const struct task *task)
{
	struct names names = { 0 };

	return awaits(&names, task);
}

static const struct req *req_of_task(const struct task *task)
{
	return task->user;
}

/* Who it is, so that a task that comes to lie in the same place is not taken for it. */
static uint32_t tag_of(const struct task *task)
{
	const struct req *req = req_of_task(task);

	return ctl_request_tag(task, req ? (weir_str){ req->id, sizeof(req->id) }
					 : (weir_str){ NULL, 0 });
}

static void put_request(struct ctl_text *text, const struct req *req)
{
	char words[200];
	int n;

	if (!req || req->scope.type == WEIR_SCOPE_TASK) {
		ctl_text_unknown(text);
		return;
	}
	n = snprintf(words, sizeof(words), "%.*s %.*s", WEIR_ARG(req->scope.method),
		     WEIR_ARG(req->scope.raw_path));
	if (n >= (int)sizeof(words))
		n = sizeof(words) - 1;
	ctl_text_cell(text, (weir_str){ words, n > 0 ? (size_t)n : 0 });
}

static void put_task(struct ctl_text *text, const struct task *task, unsigned slot,
		     struct names *names)
{
	const struct req *req = req_of_task(task);
	const char *handler = req && req->name ? req->name : "", *name = task_name(task);
	struct ctl_id id = { .slot = slot, .tag = tag_of(task) };
	int64_t since_ms = task->wait ? loop_now_ms(task->sched->loop) - task->parked_ms : 0;
	char id_text[CTL_REQUEST_ID];
	size_t id_len = ctl_request_id_text(&id, id_text);

	ctl_text_row(text);
	ctl_text_cell(text, (weir_str){ id_text, id_len });
	ctl_text_cell(text, weir_strz(handler));
	put_request(text, req);
	ctl_text_cell(text, weir_strz(strcmp(name, handler) == 0 ? "" : name));
	ctl_text_cell(text, weir_strz(awaits(names, task)));
	ctl_text_number(text, since_ms);
	ctl_text_number(text, (int64_t)census_stack_used(task));
	ctl_text_cell(text, req ? (weir_str){ req->id, strnlen(req->id, sizeof(req->id)) }
				: (weir_str){ "", 0 });
	ctl_text_row_end(text);
}

int worker_tasks_write(const struct sched *sched, unsigned slot, struct buf *out)
{
	struct names names = { 0 };
	struct ctl_text text;

	ctl_text_init(&text, out);
	for (struct task *t = NULL; text.r == 0 && (t = census_next(sched, t));)
		put_task(&text, t, slot, &names);
	return text.r;
}

struct task *worker_tasks_find(const struct sched *sched, uint32_t tag)
{
	for (struct task *t = NULL; (t = census_next(sched, t));) {
		if (tag_of(t) == tag)
			return t;
	}
	return NULL;
}

int worker_tasks_note(const struct sched *sched, struct task *task, struct crash_note *note)
{
	struct sched as_if = *sched;
	struct trace_regs regs;

	if (!census_regs(task, &regs))
		return -ENOTSUP;
	as_if.current = task; /* whose the record is */
	crash_note_fill(&note->stall, &as_if, &regs);
	atomic_store(&note->stall.state, CRASH_WHOLE);
	crash_note_map(note);
	return note->maps_len > 0 ? 0 : -ENOMEM;
}
