#ifndef WEIR_TESTS_WS_MODEL_H
#define WEIR_TESTS_WS_MODEL_H
/*
 * ws_model.h - RFC 6455 once more, naively, on bytes that are all here: what
 * ws_feed_run() should say, tersely, where no compression was agreed.
 */
#include <weir/base.h>

/* To be freed by the caller. */
char *ws_model_run(weir_str bytes);

#endif
