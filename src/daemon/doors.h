#ifndef WEIR_DAEMON_DOORS_H
#define WEIR_DAEMON_DOORS_H
/*
 * doors.h - where a worker lets clients in: the sockets of its own slot, and
 * those of slots it has adopted for as long as they have no worker.
 */
#include <stddef.h>

#include "base/list.h"
#include "base/macro.h"
#include "io/loop.h"
#include "io/sock.h"

struct listeners;
struct log;

/* local is the address as configured. The descriptor belongs to the callee. */
typedef void doors_accept_fn(void *arg, int take_fd, const struct sock_addr *peer,
			     const char *local);

struct doors {
	struct loop *loop;		   /* borrowed */
	const struct log *log;		   /* borrowed */
	const struct listeners *listeners; /* borrowed */
	doors_accept_fn *accepted;
	void *arg;
	struct list open;
};

void doors_init(struct doors *doors, struct loop *loop, const struct log *log,
		const struct listeners *listeners, doors_accept_fn *accepted, void *arg);
/* The worker's own. -ENOMEM: none is open. */
MUST_USE int doors_open(struct doors *doors, unsigned slot);
/* Another's: fds in the order of a CONTROL_ADOPT, taken even on failure. -ENOMEM, -EBADMSG. */
MUST_USE int doors_adopt(struct doors *doors, unsigned slot, const int *take_fds, size_t n_fds);
void doors_give_back(struct doors *doors, unsigned slot);

/* For good. Who is waiting already is still let in; the own sockets stay their owner's to close. */
void doors_close(struct doors *doors);

#endif
