#ifndef WEIR_DAEMON_LISTENERS_H
#define WEIR_DAEMON_LISTENERS_H
/*
 * listeners.h - all listening sockets of the daemon: one for each TCP address
 * and lane, one for each unix address and each one inherited. The master opens them before it
 * forks and keeps them open as long as the daemon runs: a connection that
 * waits in a dead worker's socket is served by the next one.
 *
 * A lane is what one worker accepts from: one socket of each TCP address. The kernel
 * spreads connections over all of them. There are never fewer than there have
 * been, for what is queued on one would be lost with it.
 */
#include <stdbool.h>
#include <stddef.h>

#include <weir/base.h>

#include "base/macro.h"

struct buf;
struct conf_listen;
struct listeners;

/* Room for words about what went wrong, and for all addresses in one line. */
#define LISTENERS_WORDS_MAX 512

/*
 * Opens all, or none. An address whose port is 0 gets one from the kernel. On
 * failure the words say for people what is wrong with which address.
 */
MUST_USE int listeners_open(const struct conf_listen *listen, size_t n_listen, unsigned n_lanes,
			    int backlog, struct listeners **ret_listeners,
			    char reterr_words[LISTENERS_WORDS_MAX]);
/*
 * The same with sockets of former for the addresses that it has, too; it has as many lanes
 * at least. Both are whole: the one that is not wanted in the end is closed. Lanes that former has not listen not before
 * listeners_begin().
 */
MUST_USE int listeners_renew(struct listeners *former, const struct conf_listen *listen,
			     size_t n_listen, unsigned n_lanes, int backlog,
			     struct listeners **ret_listeners,
			     char reterr_words[LISTENERS_WORDS_MAX]);
/* It was decided: files of unix sockets are this one's. The former one is to be closed. */
void listeners_succeed(struct listeners *listeners);
/* All lanes listen; those that do already, with the backlog as it is now. */
MUST_USE int listeners_begin(const struct listeners *listeners);
/* More lanes, which do not listen yet; if that fails, none. */
MUST_USE int listeners_widen(struct listeners *listeners, unsigned n_lanes);
unsigned listeners_n_lanes(const struct listeners *listeners);
/*
 * For another program in the same process: what they are, as bytes, and back. Descriptors are named
 * by their numbers. -EPROTO: the bytes make no sense.
 */
MUST_USE int listeners_pack(const struct listeners *listeners, struct buf *out);
MUST_USE int listeners_unpack(weir_str bytes, struct listeners **ret_listeners);
/*
 * Closes the sockets of this process; new clients are refused as soon as all
 * processes have done so. The one that opened them also removes the files of
 * unix sockets.
 */
void listeners_stop(struct listeners *listeners);
/* Stops, and frees. NULL is fine. */
struct listeners *listeners_close(struct listeners *listeners);
DEFINE_CLEANUP(struct listeners, listeners_close)

/* The enum exit_code for an error of listeners_open(). */
int listeners_exit_code(int error);

size_t listeners_count(const struct listeners *listeners);
/* "127.0.0.1:8000", "unix:/run/weir/http.sock"; as configured, but with the port it got. */
const char *listeners_text(const struct listeners *listeners, size_t address);
/* All of them with commas; cut if they are too many. */
void listeners_describe(const struct listeners *listeners, char ret_words[LISTENERS_WORDS_MAX]);
/* Where a lane's worker accepts for an address. Borrowed. */
int listeners_fd(const struct listeners *listeners, unsigned lane, size_t address);
/* A unix address, or an inherited socket: there is one, which all workers share. */
bool listeners_is_shared(const struct listeners *listeners, size_t address);
/* The service manager's: who is not accepted now waits there for the next who serves. */
bool listeners_is_inherited(const struct listeners *listeners, size_t address);

/* In a worker: closes the descriptors of all other lanes. */
void listeners_keep(struct listeners *listeners, unsigned lane);

#endif
