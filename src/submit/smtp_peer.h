/* SPDX-License-Identifier: ISC */
/* Who is at the other end of an SMTP dialogue, as far as descriptors tell. */
#ifndef PO_SUBMIT_SMTP_PEER_H
#define PO_SUBMIT_SMTP_PEER_H

#include <stdbool.h>

/* Is it an internet connection whose other end is not 127.0.0.0/8 or ::1?
 * Pipes, files and local sockets are not. */
bool smtp_peer_is_elsewhere(int fd);

/* Are both one socket? inetd(8) puts the connection on stderr too, and what is
 * written there would be read as a reply. */
bool smtp_peer_is_behind(int fd, int other);

#endif
