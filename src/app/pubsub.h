#ifndef WEIR_APP_PUBSUB_H
#define WEIR_APP_PUBSUB_H
/* pubsub.h - weir/pubsub.h: subscriptions of requests and of sessions. */
#include <weir/pubsub.h>

#include "base/macro.h"

struct ws_session;

/* Ends all of a list, and frees them: its owner has ended. */
void pubsub_end(struct weir_sub **subs);
/* The session is over that relays them; a task may still know them, so their memory stays. */
void pubsub_stop(struct weir_sub *subs);
/*
 * From now on what sub gets goes to the session, and sub is in the session's
 * list. -EBUSY: it is relayed already, or a task waits for it.
 */
MUST_USE int pubsub_relay(struct weir_sub *sub, struct ws_session *session, struct weir_sub **subs);

/* For one task at a time: nobody else receives, and sub stays even if it is unsubscribed. -EBUSY. */
MUST_USE int pubsub_hold(struct weir_sub *sub);
/* sub may be gone when this returns. */
void pubsub_release(struct weir_sub *sub);
/* As weir_sub_next(), for who holds it; 0: nothing yet, but *is_called, which goes with pubsub_nudge(). */
MUST_USE int pubsub_next(struct weir_sub *sub, const bool *is_called, weir_str *ret_message);
void pubsub_nudge(struct weir_sub *sub);

#endif
