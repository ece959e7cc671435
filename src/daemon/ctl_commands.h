#ifndef WEIR_DAEMON_CTL_COMMANDS_H
#define WEIR_DAEMON_CTL_COMMANDS_H
/* ctl_commands.h - what weirctl can ask for, done: a request becomes the text of an answer. */
#include <stdbool.h>

#include "base/buf.h"
#include "base/macro.h"
#include "daemon/ctl_backtrace.h"
#include "daemon/ctl_request.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_workers.h"
#include "daemon/health.h"

struct conf;
struct log;
struct loop;

/* What commands need; all borrowed. */
struct ctl_world {
	struct loop *loop;
	struct log *log; /* its level can be set */
	struct health_view view;
	struct ctl_workers *workers;
	const struct conf *conf;
	int control_fd; /* to the master */
};

/* One at a time; embedded in who has asked. */
struct ctl_call {
	const struct ctl_world *world; /* borrowed */
	struct ctl_request request;
	struct ctl_ask ask;
	struct ctl_backtrace backtrace;
	struct buf out; /* the answer; whole when done() is called */
	struct ctl_text text;
	char (*counts)[160];		     /* owned, of each worker: cells; NULL: not asked for */
	void (*done)(struct ctl_call *call); /* from the loop */
};

void ctl_commands_init(struct ctl_call *call, const struct ctl_world *world,
		       void (*done)(struct ctl_call *call));
/* True: it is done already, and done() will not be called. */
MUST_USE bool ctl_commands_begin(struct ctl_call *call, weir_str line);
/* When it is done, or nobody wants to know any more. */
void ctl_commands_end(struct ctl_call *call);

#endif
