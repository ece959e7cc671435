#ifndef BENCH_INFLATER_H
#define BENCH_INFLATER_H
/*
 * inflater.h - the messages of permessage-deflate (RFC 7692 §7.2), each for
 * itself: both sides have agreed to keep no context, so one inflater serves
 * all sessions.
 */
#include <stddef.h>

#include "base/macro.h"

struct inflater;

int inflater_new(size_t max_message, struct inflater **ret) MUST_USE;
struct inflater *inflater_free(struct inflater *i);

/* The text is valid until the next call. */
int inflater_read(struct inflater *i, const char *packed, size_t len, const char **ret,
		  size_t *ret_len) MUST_USE;

/* A message compressed; *ret_packed is the caller's to free. */
int inflater_pack(const char *text, size_t len, char **ret_packed, size_t *ret_len) MUST_USE;

DEFINE_CLEANUP(struct inflater, inflater_free)

#endif
