/* SPDX-License-Identifier: ISC */
/* Tells a service manager how a --watch runner is: sd_notify(3)'s protocol, a
 * datagram to $NOTIFY_SOCKET. */
#ifndef PO_QUEUE_NOTIFY_H
#define PO_QUEUE_NOTIFY_H

/* `state` is "READY=1", "STOPPING=1" or "STATUS=...". Without a socket, or when
 * it cannot be reached, nothing happens. */
void notify_manager(const char *state);

#endif
