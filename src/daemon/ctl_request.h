#ifndef WEIR_DAEMON_CTL_REQUEST_H
#define WEIR_DAEMON_CTL_REQUEST_H
/* ctl_request.h - a command to the ctl process: one line of words. */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/macro.h"

enum ctl_command {
	CTL_STATUS,    /* status */
	CTL_TASKS,     /* ps */
	CTL_CONNS,     /* conns */
	CTL_BACKTRACE, /* bt ID */
	CTL_KILL,      /* kill ID */
	CTL_RELOAD,    /* reload */
	CTL_DRAIN,     /* drain [SLOT] */
	CTL_LOG_LEVEL, /* loglevel [LEVEL] */
};

/* A task or a connection, as ps and conns call it: "0-1a2b3c4d". */
struct ctl_id {
	unsigned slot;
	uint32_t tag; /* no other's in this worker, as far as 32 bits go */
};

struct ctl_request {
	enum ctl_command command;
	struct ctl_id id; /* of bt and kill */
	int slot;	  /* of drain; -1: all */
	int level;	  /* of loglevel; -1: only to be told */
};

/* The longest line, without its end. */
#define CTL_REQUEST_MAX 256
#define CTL_REQUEST_ID 24

/* -EINVAL, and words that say what is wrong. */
MUST_USE int ctl_request_parse(weir_str line, struct ctl_request *ret_request,
			       const char **reterr_words);
/* Something of a worker's: where it lies, and who it is, since places are used again. */
uint32_t ctl_request_tag(const void *at, weir_str who);
/* As people write it; its length. */
size_t ctl_request_id_text(const struct ctl_id *id, char ret_text[CTL_REQUEST_ID]);

#endif
