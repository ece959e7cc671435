/* option_ctl.c - what may be said of health: and of control:; see option_table.h. */
#include "conf/option_ctl.h"

#include "conf/conf.h"
#include "conf/option_units.h"

#define HEALTH(field) .place = OPTION_HEALTH, .offset = offsetof(struct conf_health, field)
#define CONTROL(field) .place = OPTION_CONTROL, .offset = offsetof(struct conf_control, field)

const struct option_spec option_ctl_rows[] = {
	{ .name = "listen",
	  HEALTH(listen),
	  .type = OPTION_ADDRESS,
	  .help = "Where GET /healthz and /readyz are answered: 200, or 503 with the reasons, in\n"
		  "plain HTTP. Without it they are not." },
	{ .name = "stall",
	  HEALTH(stall_ms),
	  .type = OPTION_DURATION,
	  .min = 100,
	  .max = HOUR,
	  .fallback = "5s",
	  .help = "A worker whose loop has not turned for so long, though it has something to do, "
		  "is\n"
		  "stuck: /healthz and /readyz say 503." },
	{ .name = "notice",
	  HEALTH(notice_ms),
	  .type = OPTION_DURATION,
	  .max = HOUR,
	  .fallback = "0",
	  .help = "When the daemon is told to stop, /readyz says 503 for so long before it stops\n"
		  "listening, so that load balancers send nobody who would be refused." },

	{ .name = "socket",
	  CONTROL(socket),
	  .type = OPTION_FILE,
	  .help = "A Unix socket; without it there is none." },
	{ .name = "mode",
	  CONTROL(mode),
	  .type = OPTION_OCTAL,
	  .max = 0777,
	  .fallback = "0660",
	  .help = "Its permissions." },
	{ .name = "group",
	  CONTROL(group),
	  .type = OPTION_NAME,
	  .help = "The group that it belongs to, by name; without it the daemon's own." },
	{ .name = NULL },
};
