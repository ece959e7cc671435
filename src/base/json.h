#ifndef WEIR_BASE_JSON_H
#define WEIR_BASE_JSON_H
/*
 * json.h - writes JSON (RFC 8259), indented for people, or in one line. Nobody has to ask after each
 * call: the first thing that goes wrong is remembered, and json_done() says it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/buf.h"
#include "base/macro.h"

struct json {
	struct buf *out; /* borrowed */
	unsigned depth;
	bool is_first;	 /* nothing stands yet in the innermost object or array */
	bool is_compact; /* for programs: the caller's to set after json_init() */
	int r;		 /* 0, or what went wrong first */
};

void json_init(struct json *json, struct buf *out);
/* 0, or -ENOMEM; all that was opened must be closed. */
MUST_USE int json_done(struct json *json);
/* A caller's own failure; 0 is none. */
void json_failed(struct json *json, int r);

/* key is NULL in an array. bracket is '{' or '['. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *text);
void json_str(struct json *json, const char *key, weir_str text);
void json_number(struct json *json, const char *key, uint64_t number);
/* What is JSON already. */
void json_raw(struct json *json, const char *key, weir_str value);
void json_bool(struct json *json, const char *key, bool value);

#endif
