/* SPDX-License-Identifier: ISC */
#include "deliver/options.h"

#include <stddef.h>

#define AT(field) offsetof(struct deliver_conf, field)
#define ROUTE(field) offsetof(struct route_conf, field)
#define MAILDIR(field) offsetof(struct maildir_conf, field)
#define MOST_RELAYS 100
#define MOST_ROUTES 1000
#define MOST_MAILDIRS 100
#define PIPE(field) offsetof(struct pipe_conf, field)
#define MOST_PIPES 100

const char *const transport_names[] = { "capture", "smtp", "lmtp", "mx",
	"maildir", "pipe", NULL };
const char *const tls_level_names[] = { "none", "may", "encrypt", "verify",
	"fingerprint", NULL };
const char *const maildir_mode_names[] = { "0600", "0640", "0660", NULL };
static const char *const implicit_words[] = { "auto", "yes", "no", NULL };

/* A deadline of a phase: the time from what we said to the whole answer. */
#define TIMEOUT_ROW(group, base, name, which, usual, help)                     \
	{                                                                      \
		group name "_timeout", CONF_DURATION,                          \
		    (base) + offsetof(struct relay_conf, timeouts_s[which]),   \
		    usual, 1, 3600, help, NULL                                 \
	}

/* Where a relay is and how it knows us; it lies at `base` of the target. */
#define RELAY_ROWS(group, base)                                                \
	{ group "host", CONF_STRING,                                           \
		(base) + offsetof(struct relay_conf, host), NULL, 0, 0,        \
		"name or address of the relay, or unix:/PATH", NULL },         \
	    { group "port", CONF_INT,                                          \
		    (base) + offsetof(struct relay_conf, port), "0", 0, 65535, \
		    "port of the relay; 0: 465 with implicit_tls = \"yes\", "  \
		    "else 587; by lmtp 24",                                    \
		    NULL },                                                    \
	    { group "implicit_tls", CONF_WORD,                                 \
		    (base) + offsetof(struct relay_conf, implicit_tls),        \
		    "auto", 0, 0,                                              \
		    "TLS from the first byte; auto: on port 465",              \
		    implicit_words },                                          \
	    { group "user", CONF_STRING,                                       \
		    (base) + offsetof(struct relay_conf, user), NULL, 0, 0,    \
		    "name for AUTH; empty: no AUTH", NULL },                   \
	    { group "password_file", CONF_STRING,                              \
		    (base) + offsetof(struct relay_conf, password_file), NULL, \
		    0, 0, "file with the password, mode 0640 or less", NULL }, \
	    { group "password_command", CONF_STRING,                           \
		    (base) + offsetof(struct relay_conf, password_command),    \
		    NULL, 0, 0,                                                \
		    "program that prints the password; \"sh:\" before it: by " \
		    "a shell",                                                 \
		    NULL },                                                    \
	{                                                                      \
		group "auth", CONF_NAMES,                                      \
		    (base) + offsetof(struct relay_conf, auth), NULL, 0, 0,    \
		    "mechanisms of AUTH that may be used; empty: all but "     \
		    "CRAM-MD5",                                                \
		    NULL },                                                    \
	    TIMEOUT_ROW(group, base, "auth", TIMEOUT_AUTH, "2m",               \
	        "time for a reply to AUTH"),                                   \
	    { group "fingerprints", CONF_NAMES,                                \
		    (base) + offsetof(struct relay_conf, fingerprints), NULL,  \
		    0, 0,                                                      \
		    "SHA-256 of the certificates or public keys that level "   \
		    "fingerprint takes",                                       \
		    NULL },                                                    \
	    { group "cert_file", CONF_STRING,                                  \
		    (base) + offsetof(struct relay_conf, cert_file), NULL, 0,  \
		    0, "certificate to show to the relay (PEM)", NULL },       \
	{                                                                      \
		group "key_file", CONF_STRING,                                 \
		    (base) + offsetof(struct relay_conf, key_file), NULL, 0,   \
		    0, "its key, mode 0640 or less; empty: in cert_file", NULL \
	}

/* How a session with a server goes, whether it is a relay's or that of a
 * domain's mail host. */
#define SESSION_ROWS(group, base, level)                                       \
	{ group "tls", CONF_WORD, (base) + offsetof(struct relay_conf, tls),   \
		level, 0, 0,                                                   \
		"none, may (if offered), encrypt (any certificate), verify "   \
		"(chain and host name) or fingerprint",                        \
		tls_level_names },                                             \
	    { group "ca_file", CONF_STRING,                                    \
		    (base) + offsetof(struct relay_conf, ca_file), NULL, 0, 0, \
		    "certificates to trust (PEM); empty: the system's",        \
		    NULL },                                                    \
	    { group "helo", CONF_STRING,                                       \
		    (base) + offsetof(struct relay_conf, helo), NULL, 0, 0,    \
		    "name said in EHLO; empty: hostname", NULL },              \
	    { group "source", CONF_STRING,                                     \
		    (base) + offsetof(struct relay_conf, source), NULL, 0, 0,  \
		    "address of this host to connect from; empty: any",        \
		    NULL },                                                    \
	    { group "connect_timeout", CONF_DURATION,                          \
		    (base) + offsetof(struct relay_conf, connect_timeout_s),   \
		    "30s", 1, 600, "time to look up the server and connect",   \
		    NULL },                                                    \
	    TIMEOUT_ROW(group, base, "helo", TIMEOUT_HELO, "5m",               \
	        "time for the greeting, and for the reply to EHLO"),           \
	    TIMEOUT_ROW(group, base, "starttls", TIMEOUT_STARTTLS, "2m",       \
	        "time for the reply to STARTTLS, and for the handshake"),      \
	    TIMEOUT_ROW(group, base, "mail", TIMEOUT_MAIL, "5m",               \
	        "time for the reply to MAIL, and to send it"),                 \
	    TIMEOUT_ROW(group, base, "rcpt", TIMEOUT_RCPT, "5m",               \
	        "time for the reply to RCPT"),                                 \
	    TIMEOUT_ROW(group, base, "data_init", TIMEOUT_DATA_INIT, "2m",     \
	        "time for the reply to DATA"),                                 \
	    TIMEOUT_ROW(group, base, "data_xfer", TIMEOUT_DATA_XFER, "3m",     \
	        "time in which the server must take 64 KiB of the message"),   \
	    TIMEOUT_ROW(group, base, "data_done", TIMEOUT_DATA_DONE, "10m",    \
	        "time for the reply to the end of the message"),               \
	    { group "max_messages", CONF_INT,                                  \
		    (base) + offsetof(struct relay_conf, max_messages), "0",   \
		    0, 1000000, "messages on one connection; 0: no limit",     \
		    NULL },                                                    \
	    { group "max_connections", CONF_INT,                               \
		    (base) + offsetof(struct relay_conf, max_connections),     \
		    "0", 0, 1000,                                              \
		    "connections at once, of all workers; 0: no limit",        \
		    NULL },                                                    \
	    { group "per_second", CONF_INT,                                    \
		    (base) + offsetof(struct relay_conf, rates[0]), "0", 0,    \
		    INT32_MAX, "messages in a second; 0: no limit", NULL },    \
	    { group "per_minute", CONF_INT,                                    \
		    (base) + offsetof(struct relay_conf, rates[1]), "0", 0,    \
		    INT32_MAX, "messages in a minute; 0: no limit", NULL },    \
	    { group "per_hour", CONF_INT,                                      \
		    (base) + offsetof(struct relay_conf, rates[2]), "0", 0,    \
		    INT32_MAX, "messages in a hour; 0: no limit", NULL },      \
	    { group "per_day", CONF_INT,                                       \
		    (base) + offsetof(struct relay_conf, rates[3]), "0", 0,    \
		    INT32_MAX, "messages in a day; 0: no limit", NULL },       \
	{                                                                      \
		group "window", CONF_INT,                                      \
		    (base) + offsetof(struct relay_conf, window), "1", 1,      \
		    DELIVER_WINDOW_MAX,                                        \
		    "messages on the way at once on one connection, where "    \
		    "the server "                                              \
		    "offers CHUNKING",                                         \
		    NULL                                                       \
	}

const struct conf_option deliver_options[] = {
	{ "transport", CONF_WORD, AT(transport), "capture", 0, 0,
	    "how mail leaves that no route matches: into a local Maildir, to "
	    "the relay, or right to the hosts of its domain",
	    transport_names },
	{ "hostname", CONF_STRING, AT(hostname), NULL, 0, 0,
	    "name of this host, said in EHLO; empty: the system's name", NULL },
	{ "capture_allow", CONF_NAMES, AT(capture_allow), NULL, 0, 0,
	    "these addresses or domains are not captured, but go out by the "
	    "relay",
	    NULL },
	{ "capture_dir", CONF_STRING, AT(capture_dir), NULL, 0, 0,
	    "Maildir of transport capture; empty: capture below the spool",
	    NULL },
	RELAY_ROWS("relay.", AT(relay)),
	SESSION_ROWS("relay.", AT(relay), "verify"),
	{ "relays", CONF_LIST, AT(relays), NULL, sizeof(struct relay_conf),
	    MOST_RELAYS, "relays that routes name", NULL },
	{ "relays[].name", CONF_STRING, offsetof(struct relay_conf, name), NULL,
	    0, 0, "what routes call it", NULL },
	RELAY_ROWS("relays[].", 0),
	SESSION_ROWS("relays[].", 0, "verify"),
	SESSION_ROWS("mx.", AT(mx), "may"),
	{ "mx.port", CONF_INT, AT(mx_port), "25", 1, 65535,
	    "port of the hosts that take a domain's mail", NULL },
	{ "mx.nameserver", CONF_STRING, AT(mx_nameserver), NULL, 0, 0,
	    "ADDRESS:PORT of name servers; empty: those of resolv.conf(5)",
	    NULL },
	{ "mx_profiles", CONF_LIST, AT(mx_profiles), NULL,
	    sizeof(struct relay_conf), MOST_RELAYS,
	    "other settings for direct delivery, which routes name", NULL },
	{ "mx_profiles[].name", CONF_STRING, offsetof(struct relay_conf, name),
	    NULL, 0, 0, "what routes call it", NULL },
	SESSION_ROWS("mx_profiles[].", 0, "may"),
	{ "routes", CONF_LIST, AT(routes), NULL, sizeof(struct route_conf),
	    MOST_ROUTES, "which mail goes where; the first that matches counts",
	    NULL },
	{ "routes[].recipient", CONF_NAMES, ROUTE(recipient), NULL, 0, 0,
	    "to one of these addresses or domains", NULL },
	{ "routes[].sender", CONF_NAMES, ROUTE(sender), NULL, 0, 0,
	    "from one of these; <>: the null sender", NULL },
	{ "routes[].tag", CONF_NAMES, ROUTE(tag), NULL, 0, 0,
	    "with one of these tags", NULL },
	{ "routes[].login", CONF_NAMES, ROUTE(login), NULL, 0, 0,
	    "handed in by one of these users", NULL },
	{ "routes[].uid", CONF_NAMES, ROUTE(uid), NULL, 0, 0,
	    "the same by number, or FIRST-LAST", NULL },
	{ "routes[].transport", CONF_WORD, ROUTE(transport), "smtp", 0, 0,
	    "how it leaves", transport_names },
	{ "routes[].relays", CONF_NAMES, ROUTE(relays), NULL, 0, 0,
	    "to the first of these relays that can be reached", NULL },
	{ "routes[].profile", CONF_STRING, ROUTE(profile), NULL, 0, 0,
	    "direct delivery with the settings of this profile", NULL },
	{ "routes[].maildir", CONF_STRING, ROUTE(maildir), NULL, 0, 0,
	    "into this one of maildirs; empty: the only one", NULL },
	{ "routes[].pipe", CONF_STRING, ROUTE(pipe), NULL, 0, 0,
	    "to this one of pipes; empty: the only one", NULL },
	{ "maildirs", CONF_LIST, AT(maildirs), NULL,
	    sizeof(struct maildir_conf), MOST_MAILDIRS,
	    "mailboxes of this host, for transport maildir", NULL },
	{ "maildirs[].name", CONF_STRING, MAILDIR(name), NULL, 0, 0,
	    "what routes call it", NULL },
	{ "maildirs[].path", CONF_STRING, MAILDIR(path), NULL, 0, 0,
	    "the Maildir of a recipient: $user, $extension, $mailbox, $domain "
	    "stand for parts of the address",
	    NULL },
	{ "maildirs[].create", CONF_BOOL, MAILDIR(create), NULL, 0, 0,
	    "make what is missing; false: who has no Maildir is unknown",
	    NULL },
	{ "maildirs[].mode", CONF_WORD, MAILDIR(mode), "0600", 0, 0,
	    "mode of the files: 0600, 0640 or 0660; folders as fits",
	    maildir_mode_names },
	{ "pipes", CONF_LIST, AT(pipes), NULL, sizeof(struct pipe_conf),
	    MOST_PIPES, "commands that take mail, for transport pipe", NULL },
	{ "pipes[].name", CONF_STRING, PIPE(name), NULL, 0, 0,
	    "what routes call it", NULL },
	{ "pipes[].command", CONF_NAMES, PIPE(command), NULL, 0, 0,
	    "path and arguments, with placeholders; no shell", NULL },
	{ "pipes[].flags", CONF_STRING, PIPE(flags), NULL, 0, 0,
	    "letters: D, F, O, R lines before the message, B one behind it, "
	    "h, u lower case, X the mailbox",
	    NULL },
	{ "pipes[].null_sender", CONF_STRING, PIPE(null_sender),
	    "MAILER-DAEMON", 0, 0, "what $sender is for the null sender",
	    NULL },
	{ "pipes[].timeout", CONF_DURATION, PIPE(timeout_s), "10m", 1, 86400,
	    "longest time of one run", NULL },
	{ "recipient_delimiter", CONF_STRING, AT(recipient_delimiter), "+", 0,
	    0,
	    "what divides user and extension in a local part; each of these "
	    "characters",
	    NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};
