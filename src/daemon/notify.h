#ifndef WEIR_DAEMON_NOTIFY_H
#define WEIR_DAEMON_NOTIFY_H
/*
 * notify.h - telling the service manager how we are (sd_notify(3), without its
 * library: it is one datagram).
 */
#include <stdbool.h>

/* Somebody asked. */
bool notify_is_wanted(void);

/* state is "READY=1" or the like. 1: sent; 0: nobody asked (NOTIFY_SOCKET is not set). */
int notify_send(const char *state);

#endif
