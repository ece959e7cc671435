/*
 * scratch.c - a scratch is an arena that spends from the request's budget. It
 * hangs on the task's slot, with a link to the one around it.
 */
#include "app/scratch.h"

#include <stdlib.h>
#include <weir/http.h>

#include "app/req.h"
#include "base/arena.h"
#include "coro/task.h"

struct scratch {
	struct req *req;       /* whose memory it replaces */
	struct scratch *outer; /* what it stands in; NULL */
	struct arena arena;
};

struct arena *scratch_arena(struct req *req)
{
	struct scratch *s = task_slot(TASK_SLOT_SCRATCH);

	/* A task may work for two requests; each has scratches of its own. */
	while (s && s->req != req)
		s = s->outer;
	return s ? &s->arena : req->arena;
}

weir_scratch weir_scratch_enter(weir_req *pub)
{
	struct req *req = req_of(pub);
	struct scratch *s = malloc(sizeof(*s));

	if (!s) {
		/* The memory then comes from around it: more is held for longer, nothing fails. */
		return (weir_scratch){ { NULL, NULL } };
	}
	s->req = req;
	s->outer = task_slot(TASK_SLOT_SCRATCH);
	arena_init(&s->arena, req->arena->budget);
	task_set_slot(TASK_SLOT_SCRATCH, s);
	return (weir_scratch){ { s, NULL } };
}

void weir_scratch_leave(weir_scratch *pub)
{
	struct scratch *s = pub->_private[0];

	if (!s)
		return;
	task_set_slot(TASK_SLOT_SCRATCH, s->outer);
	arena_done(&s->arena);
	free(s);
}
