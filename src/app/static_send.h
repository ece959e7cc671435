#ifndef WEIR_APP_STATIC_SEND_H
#define WEIR_APP_STATIC_SEND_H
/*
 * static_send.h - an opened file, or parts of it, as the answer to a request. What
 * was said in its head is kept: a file that has become shorter meanwhile cuts the connection.
 * All of these suspend, and the caller holds a reference to the file.
 */
#include <weir/base.h>

#include "base/macro.h"

struct req;
struct static_body;

/* The first n fields of what is sent are the answer's. */
void static_send_fields(struct req *req, struct static_body *body, unsigned n);

/* 200. */
MUST_USE int static_send_all(struct req *req, struct static_body *body);
/* 206 with what that Range asks for; 416, or 200 where it makes no sense. */
MUST_USE int static_send_ranges(struct req *req, struct static_body *body, weir_str range);

#endif
