#ifndef WEIR_APP_SCRATCH_H
#define WEIR_APP_SCRATCH_H
/*
 * scratch.h - where a task's request memory comes from: the request's own, or
 * the innermost WEIR_SCRATCH the task stands in, inherited by what it spawns.
 */
struct arena;
struct req;

struct arena *scratch_arena(struct req *req);

#endif
