#ifndef WEIR_DAEMON_INHERITED_H
#define WEIR_DAEMON_INHERITED_H
/*
 * inherited.h - listening sockets that the service manager has opened and handed
 * over (sd_listen_fds(3), without its library: descriptors from 3 on, and three
 * variables). A listener names them: "address: systemd:http" means all sockets
 * whose unit says FileDescriptorName=http. They stay open in the master as long as
 * it runs, also those that no listener wants: the next configuration may.
 */
#include <stdbool.h>

#include "base/macro.h"
#include "conf/conf.h"

struct messages;

/*
 * Finds the sockets of all listeners that name some, and says which are missing or no good: -EINVAL
 * then. Where several have the name, there is a listener for each of them afterwards. -ENOMEM.
 */
MUST_USE int inherited_resolve(struct conf *conf, struct messages *messages);

/* How many there are for this process. */
unsigned inherited_count(void);
/* Whether the next program of this process finds them, too: as they are, by the same variables. */
void inherited_hand_on(bool is_handed);
/* In a child that executes a program which only looks at them: so many, as its parent has counted. */
void inherited_lend(unsigned n);
/* In a child, which has what it needs of them in its listeners: closes so many. */
void inherited_close(unsigned n);

#endif
