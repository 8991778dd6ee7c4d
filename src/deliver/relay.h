/* SPDX-License-Identifier: ISC */
/* What is in force for a relay, where its settings leave it open. Pure. */
#ifndef PO_DELIVER_RELAY_H
#define PO_DELIVER_RELAY_H

#include <stdbool.h>

#include "deliver/options.h"

/* Is it reached by connections, so that a rule names relays? */
bool transport_has_relays(int transport);

/* The port that is in force: 587, or 465 with TLS from the first byte; by lmtp
 * 24. */
int relay_port(const struct relay_conf *relay, int transport);

/* The path of the Unix socket that the relay is, or NULL. */
const char *relay_socket(const struct relay_conf *relay);

/* The level that is in force: none on a Unix socket, which nobody listens in
 * on. */
enum tls_level relay_tls(const struct relay_conf *relay);

/* Does TLS come before any greeting? */
bool relay_is_implicit(const struct relay_conf *relay);

#endif
