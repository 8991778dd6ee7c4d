/* SPDX-License-Identifier: ISC */
#include "deliver/transport.h"

#include "util/span.h"

#define AT(field) offsetof(struct deliver_conf, field)

const char *const transport_names[] = { "capture", "smtp", NULL };

static const char *const tls_words[] = { "none", "may", "encrypt", "verify",
	NULL };
static const char *const implicit_words[] = { "auto", "yes", "no", NULL };

const struct conf_option deliver_options[] = {
	{ "transport", CONF_WORD, AT(transport), "capture", 0, 0,
	    "how mail leaves: into a local Maildir, or to the relay",
	    transport_names },
	{ "hostname", CONF_STRING, AT(hostname), NULL, 0, 0,
	    "name of this host, said in EHLO; empty: the system's name", NULL },
	{ "capture_dir", CONF_STRING, AT(capture_dir), NULL, 0, 0,
	    "Maildir of transport capture; empty: capture below the spool",
	    NULL },
	{ "relay.host", CONF_STRING, AT(relay_host), NULL, 0, 0,
	    "name or address of the relay", NULL },
	{ "relay.port", CONF_INT, AT(relay_port), "0", 0, 65535,
	    "port of the relay; 0: 465 with implicit_tls = \"yes\", else 587",
	    NULL },
	{ "relay.tls", CONF_WORD, AT(relay_tls), "verify", 0, 0,
	    "none, may (if offered), encrypt (any certificate) or verify "
	    "(chain and host name)",
	    tls_words },
	{ "relay.implicit_tls", CONF_WORD, AT(relay_implicit), "auto", 0, 0,
	    "TLS from the first byte; auto: on port 465", implicit_words },
	{ "relay.user", CONF_STRING, AT(relay_user), NULL, 0, 0,
	    "name for AUTH; empty: no AUTH", NULL },
	{ "relay.password_file", CONF_STRING, AT(relay_password_file), NULL, 0,
	    0, "file with the password, mode 0640 or less", NULL },
	{ "relay.password_command", CONF_STRING, AT(relay_password_command),
	    NULL, 0, 0,
	    "program that prints the password; \"sh:\" before it: by a shell",
	    NULL },
	{ "relay.ca_file", CONF_STRING, AT(relay_ca_file), NULL, 0, 0,
	    "certificates to trust (PEM); empty: the system's", NULL },
	{ "relay.connect_timeout", CONF_DURATION, AT(connect_timeout_s), "30s",
	    1, 600, "time to look up the relay and connect", NULL },
	{ "relay.max_messages", CONF_INT, AT(max_messages_per_connection), "0",
	    0, 1000000, "messages on one connection; 0: no limit", NULL },
	{ "relay.window", CONF_INT, AT(window), "1", 1, DELIVER_WINDOW_MAX,
	    "messages on the way at once on one connection, where the server "
	    "offers CHUNKING",
	    NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};
