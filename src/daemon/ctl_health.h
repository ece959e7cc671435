#ifndef WEIR_DAEMON_CTL_HEALTH_H
#define WEIR_DAEMON_CTL_HEALTH_H
/*
 * ctl_health.h - GET /healthz and /readyz, by our own server: 200 "ok", or 503
 * with a line for each reason. Nothing else is there.
 */
#include "base/macro.h"
#include "daemon/health.h"
#include "daemon/ports.h"
#include "serve/server.h"

struct listeners;

struct ctl_health {
	struct health_view view;
	struct server server;
	struct ports ports;
};

/* view is copied, what it points to is borrowed. -ENOMEM. */
MUST_USE int ctl_health_init(struct ctl_health *health, struct loop *loop, const struct log *log,
			     const struct listeners *listeners, const struct health_view *view);
void ctl_health_done(struct ctl_health *health);

#endif
