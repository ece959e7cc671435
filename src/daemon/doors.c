/*
 * doors.c - a listener for each door. A door may be closed by what its own
 * listener calls, so its memory waits for the end of the loop's turn.
 */
#include "daemon/doors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/listeners.h"
#include "io/listener.h"

struct door {
	struct list link;
	struct doors *doors;
	struct listener listener;
	struct loop_defer reap;
	unsigned slot;
	int adopted_fd; /* owned; -1: the descriptor is the listeners' */
	const char *local;
};

static void on_accepted(void *arg, int take_fd, const struct sock_addr *peer)
{
	struct door *door = arg;
	struct doors *doors = door->doors;

	doors->accepted(doors->arg, take_fd, peer, door->local);
}

static void on_reap(struct loop_defer *defer)
{
	free(container_of(defer, struct door, reap));
}

static int open_door(struct doors *doors, unsigned slot, size_t address, int fd, bool is_adopted)
{
	struct door *door = calloc(1, sizeof(*door));

	if (!door)
		return -ENOMEM;
	door->doors = doors;
	door->slot = slot;
	door->adopted_fd = is_adopted ? fd : -1;
	door->local = listeners_text(doors->listeners, address);
	loop_defer_init(&door->reap, on_reap);
	listener_open(&door->listener, doors->loop, doors->log, fd, on_accepted, door);
	list_add_tail(&doors->open, &door->link);
	return 0;
}

static void close_door(struct door *door)
{
	listener_close(&door->listener);
	close_fdp(&door->adopted_fd);
	list_del(&door->link);
	loop_defer(door->doors->loop, &door->reap);
}

void doors_init(struct doors *doors, struct loop *loop, const struct log *log,
		const struct listeners *listeners, doors_accept_fn *accepted, void *arg)
{
	*doors = (struct doors){
		.loop = loop, .log = log, .listeners = listeners, .accepted = accepted, .arg = arg
	};
	list_init(&doors->open);
}

int doors_open(struct doors *doors, unsigned slot)
{
	for (size_t i = 0; i < listeners_count(doors->listeners); i++) {
		int r;

		r = open_door(doors, slot, i, listeners_fd(doors->listeners, slot, i), false);
		if (r < 0) {
			doors_give_back(doors, slot);
			return r;
		}
	}
	return 0;
}

/* The address of the n-th socket of an orphan: those that all workers share are left out. */
static int address_of_nth(const struct listeners *listeners, size_t n, size_t *ret_address)
{
	for (size_t i = 0; i < listeners_count(listeners); i++) {
		if (listeners_is_shared(listeners, i))
			continue;
		if (n-- == 0) {
			*ret_address = i;
			return 0;
		}
	}
	return -EBADMSG;
}

int doors_adopt(struct doors *doors, unsigned slot, const int *take_fds, size_t n_fds)
{
	int result = 0;

	for (size_t i = 0; i < n_fds; i++) {
		size_t address;
		int r;

		r = address_of_nth(doors->listeners, i, &address);
		if (r == 0)
			r = open_door(doors, slot, address, take_fds[i], true);
		if (r < 0) {
			(void)close(take_fds[i]);
			result = r;
		}
	}
	return result;
}

void doors_give_back(struct doors *doors, unsigned slot)
{
	list_for_each_safe (link, &doors->open) {
		struct door *door = list_entry(link, struct door, link);

		if (door->slot == slot)
			close_door(door);
	}
}

void doors_close(struct doors *doors)
{
	struct list *link;

	while ((link = list_pop(&doors->open))) {
		struct door *door = list_entry(link, struct door, link);

		listener_finish(&door->listener);
		close_door(door);
	}
}
