#ifndef WEIR_SERVE_WS_RELAY_H
#define WEIR_SERVE_WS_RELAY_H
/*
 * ws_relay.h - a subscription that speaks to a session by itself: what is
 * published becomes frames in the tunnel's queue, and no task wakes. A
 * publication is framed once for all sessions of a worker, and compressed once
 * for all that agreed on the same.
 */
#include "base/macro.h"
#include "serve/subscriber.h"
#include "serve/ws_session.h"

struct ws_relay {
	struct list link;	    /* the session's */
	struct ws_session *session; /* borrowed; NULL: the session is over */
	struct subscriber *sub;	    /* borrowed */
};

/*
 * From now on what sub gets goes to the session. Both must stay until
 * ws_relay_stop(), or the session's end. -ENOMEM: nothing was done.
 */
MUST_USE int ws_relay_start(struct ws_relay *relay, struct ws_session *s, struct subscriber *sub);
void ws_relay_stop(struct ws_relay *relay);
/*
 * There is something for it: the subscriber's ready() was called. May end the
 * session, and so free all of it.
 */
void ws_relay_ready(struct ws_relay *relay);

/* For ws_outbox.c: what there is room for. */
void ws_relay_pump(struct ws_session *s);
/* For ws_session.c: it is over. */
void ws_relay_end(struct ws_session *s);

#endif
