#ifndef WEIR_DAEMON_HUB_LOSSES_H
#define WEIR_DAEMON_HUB_LOSSES_H
/*
 * hub_losses.h - losses of one kind, counted one by one and said seldom: a
 * second after the first, and once a minute as long as there are more.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "io/timers.h"

struct log;
struct loop;

struct hub_losses {
	struct loop *loop;     /* borrowed */
	const struct log *log; /* borrowed */
	struct timer timer;
	uint64_t n;	  /* all there were */
	uint64_t n_said;  /* of them */
	char words[120];  /* what follows the number */
	bool is_counting; /* a period runs */
};

/* The words say what happened to so many, and why: "publications were lost: …". */
void hub_losses_init(struct hub_losses *losses, struct loop *loop, const struct log *log,
		     const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Says what has not been said. */
void hub_losses_done(struct hub_losses *losses);
void hub_losses_add(struct hub_losses *losses, uint64_t n);

#endif
