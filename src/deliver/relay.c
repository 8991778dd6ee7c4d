/* SPDX-License-Identifier: ISC */
#include "deliver/relay.h"

#include <string.h>

#define SOCKET_PREFIX "unix:"

bool
transport_has_relays(int transport)
{
	return transport == TRANSPORT_SMTP || transport == TRANSPORT_LMTP;
}

int
relay_port(const struct relay_conf *relay, int transport)
{
	if (relay->port != 0)
		return (int)relay->port;
	if (transport == TRANSPORT_LMTP)
		return 24;
	return relay->implicit_tls == TLS_IMPLICIT_YES ? 465 : 587;
}

const char *
relay_socket(const struct relay_conf *relay)
{
	size_t len = strlen(SOCKET_PREFIX);

	return strncmp(relay->host, SOCKET_PREFIX, len) == 0 ? relay->host + len
	                                                     : NULL;
}

enum tls_level
relay_tls(const struct relay_conf *relay)
{
	return relay_socket(relay) != NULL ? TLS_NONE
	                                   : (enum tls_level)relay->tls;
}

bool
relay_is_implicit(const struct relay_conf *relay)
{
	switch (relay->implicit_tls) {
	case TLS_IMPLICIT_YES:
		return true;
	case TLS_IMPLICIT_NO:
		return false;
	default:
		return relay_tls(relay) != TLS_NONE && relay->port == 465;
	}
}
