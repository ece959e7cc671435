#ifndef WEIR_H
#define WEIR_H
/*
 * weir/weir.h - everything a handler module needs. Start with weir/module.h
 * and weir/http.h; weir/coro.h is for doing several things at once.
 */
#include <weir/module.h>
#endif
