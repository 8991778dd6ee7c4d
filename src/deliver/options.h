/* SPDX-License-Identifier: ISC */
/*
 * What po.conf says about delivery: relays, and routes to them. A relay has the
 * same settings whether it is the group "relay" or an entry of the list
 * "relays": the same rows make both. What of them concerns a session with any
 * server stands in the group "mx" and the list "mx_profiles" too.
 */
#ifndef PO_DELIVER_OPTIONS_H
#define PO_DELIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"

enum tls_level { TLS_NONE, TLS_MAY, TLS_ENCRYPT, TLS_VERIFY, TLS_FINGERPRINT };

/* Does TLS come first, before any greeting? AUTO: on port 465. */
enum tls_implicit { TLS_IMPLICIT_AUTO, TLS_IMPLICIT_YES, TLS_IMPLICIT_NO };

/* Words of the option "transport", in this order. */
enum deliver_transport {
	TRANSPORT_CAPTURE,
	TRANSPORT_SMTP,
	TRANSPORT_LMTP,
	TRANSPORT_MX,
	TRANSPORT_MAILDIR,
	TRANSPORT_PIPE
};
extern const char *const transport_names[];
extern const char *const tls_level_names[];

#define DELIVER_WINDOW_MAX 8

/* How long a server may take; each is the option *_timeout. What it covers, and
 * the usual one where it is 0, says smtp.c. */
enum relay_timeout {
	TIMEOUT_HELO,
	TIMEOUT_STARTTLS,
	TIMEOUT_AUTH,
	TIMEOUT_MAIL,
	TIMEOUT_RCPT,
	TIMEOUT_DATA_INIT,
	TIMEOUT_DATA_XFER,
	TIMEOUT_DATA_DONE,
	RELAY_TIMEOUTS
};

struct relay_conf {
	char *name;   /* of an entry of "relays"; NULL or "" for the group */
	char *host;   /* name, address, or "unix:" and the path of a socket */
	int64_t port; /* 0: see relay_port() */
	int tls;      /* enum tls_level, default verify */
	int implicit_tls; /* enum tls_implicit */
	char *user;
	char *password_file;
	char *password_command;
	struct conf_names auth; /* mechanisms; none: as po chooses */
	struct conf_names
	    fingerprints; /* SHA-256 in hex, of level fingerprint */
	char *cert_file;  /* ours, PEM; "" or NULL: none */
	char *key_file;   /* its key; "": in cert_file */
	char *ca_file;    /* "": the system's */
	char *helo;       /* "": deliver_conf.hostname */
	char *source;     /* address to connect from; "": any */
	int64_t connect_timeout_s;
	int64_t timeouts_s[RELAY_TIMEOUTS];
	int64_t max_messages; /* on one connection, 0: no limit */
	/* Of a relay, or of each domain, over all workers; 0: no limit. */
	int64_t max_connections;
	int64_t rates[4]; /* messages in a second, minute, hour, day */
	int64_t window;   /* 1 to DELIVER_WINDOW_MAX */
};

/* Files of a Maildir; words of the option "mode", in this order. */
enum maildir_mode { MAILDIR_0600, MAILDIR_0640, MAILDIR_0660 };
extern const char *const maildir_mode_names[];

struct maildir_conf {
	char *name;  /* what routes call it */
	char *path;  /* absolute, with placeholders (deliver/expand.h) */
	bool create; /* what is missing; else it is no mailbox */
	int mode;    /* enum maildir_mode */
};

struct pipe_conf {
	char *name;                /* what routes call it */
	struct conf_names command; /* arguments with placeholders */
	char *flags;               /* letters of Postfix's pipe(8) */
	char *null_sender;         /* what $sender is for the null sender */
	int64_t timeout_s;         /* of one run */
};

/* All conditions that are given must hold; of each, one of its patterns. */
struct route_conf {
	struct conf_names recipient, sender, tag, login, uid;
	int transport; /* enum deliver_transport */
	struct conf_names relays;
	char *profile; /* of transport mx; "": the group "mx" */
	char *maildir; /* "": the only one there is */
	char *pipe;    /* likewise */
};

struct deliver_conf {
	int transport;  /* of what no route matches */
	char *hostname; /* for EHLO; filled in by the program when empty */
	struct conf_names
	    capture_allow; /* recipients that go out all the same */
	char *capture_dir; /* Maildir; filled in by the program when empty */
	struct relay_conf relay;
	struct conf_list relays; /* of struct relay_conf */
	struct relay_conf mx;    /* no host, port, user or password */
	int64_t mx_port;
	char *mx_nameserver;          /* "": resolv.conf(5) */
	struct conf_list mx_profiles; /* of struct relay_conf, as mx */
	struct conf_list routes;      /* of struct route_conf */
	struct conf_list maildirs;    /* of struct maildir_conf */
	struct conf_list pipes;       /* of struct pipe_conf */
	char *recipient_delimiter;    /* bytes; "": there are no extensions */
};
extern const struct conf_option deliver_options[];

#endif
