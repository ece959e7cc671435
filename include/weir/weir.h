#ifndef WEIR_H
#define WEIR_H
/*
 * weir/weir.h - everything a handler module needs. Start with weir/module.h
 * and weir/http.h; weir/coro.h is for doing several things at once, weir/file.h
 * for files, weir/job.h for what computes, weir/ws.h for WebSockets, weir/sse.h
 * for server-sent events, weir/metrics.h for what is counted.
 */
#include <weir/file.h>
#include <weir/job.h>
#include <weir/metrics.h>
#include <weir/sse.h>
#include <weir/ws.h>
#endif
