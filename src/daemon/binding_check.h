#ifndef WEIR_DAEMON_BINDING_CHECK_H
#define WEIR_DAEMON_BINDING_CHECK_H
/* binding_check.h - can the configuration be bound? Asked before anything depends on it. */
#include <stdbool.h>

#include "base/macro.h"

struct conf;
struct log;
struct messages;

/*
 * binding_new() in a child process that then ends, so that this one has loaded
 * nothing. All problems go to messages; a child that crashes is one like the
 * others. -EINVAL when there are some, and other errors. ret_has_jobs: whether
 * any module has a job, so that processes for them are needed.
 */
MUST_USE int binding_check(const struct conf *conf, const struct log *log,
			   struct messages *messages, bool *ret_has_jobs);

#endif
