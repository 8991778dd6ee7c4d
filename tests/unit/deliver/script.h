/* SPDX-License-Identifier: ISC */
/*
 * A server that follows a script, in a child of the test: what it hears must
 * be what the script says, byte for byte. It listens on 127.0.0.1, any port.
 */
#ifndef PO_TEST_SCRIPT_H
#define PO_TEST_SCRIPT_H

#include <stddef.h>

enum script_verb {
	SCRIPT_DONE,    /* ends the script: everything was heard */
	SCRIPT_ACCEPT,  /* the next connection (closes the last) */
	SCRIPT_SAY,     /* send text */
	SCRIPT_DRIP,    /* send text byte by byte */
	SCRIPT_FLOOD,   /* send text again and again until the client leaves */
	SCRIPT_HEAR,    /* read a line, equal to text without its CRLF */
	SCRIPT_ALONE,   /* nothing came behind what was heard */
	SCRIPT_CONTENT, /* read up to and with CRLF.CRLF: equal to text */
	SCRIPT_TLS,     /* handshake; text names a certificate, see script.c */
	SCRIPT_TLS_FAILS, /* the handshake must not succeed */
	SCRIPT_HANG_UP,   /* end our side, read on until the client closes */
	SCRIPT_LEAVE,     /* close at once: a reset, where input is unread */
	SCRIPT_RESET,     /* close with RST */
	SCRIPT_END,       /* the client closes; nothing may come before */
	SCRIPT_TRICKLE, /* text, a byte each 200 ms, until the client leaves */
	SCRIPT_SWALLOW, /* read whatever comes until the client closes */
	SCRIPT_SIGNAL   /* SIGUSR1 to the test */
};

struct script_step {
	enum script_verb verb;
	const char *text;
};

#define ACCEPT                                                                 \
	{                                                                      \
		SCRIPT_ACCEPT, NULL                                            \
	}
#define SAY(text)                                                              \
	{                                                                      \
		SCRIPT_SAY, text                                               \
	}
#define DRIP(text)                                                             \
	{                                                                      \
		SCRIPT_DRIP, text                                              \
	}
#define FLOOD(text)                                                            \
	{                                                                      \
		SCRIPT_FLOOD, text                                             \
	}
#define HEAR(text)                                                             \
	{                                                                      \
		SCRIPT_HEAR, text                                              \
	}
#define ALONE                                                                  \
	{                                                                      \
		SCRIPT_ALONE, NULL                                             \
	}
#define CONTENT(text)                                                          \
	{                                                                      \
		SCRIPT_CONTENT, text                                           \
	}
#define START_TLS(name)                                                        \
	{                                                                      \
		SCRIPT_TLS, name                                               \
	}
#define TLS_FAILS(name)                                                        \
	{                                                                      \
		SCRIPT_TLS_FAILS, name                                         \
	}
#define HANG_UP                                                                \
	{                                                                      \
		SCRIPT_HANG_UP, NULL                                           \
	}
#define LEAVE                                                                  \
	{                                                                      \
		SCRIPT_LEAVE, NULL                                             \
	}
#define RESET                                                                  \
	{                                                                      \
		SCRIPT_RESET, NULL                                             \
	}
#define END                                                                    \
	{                                                                      \
		SCRIPT_END, NULL                                               \
	}
#define TRICKLE(text)                                                          \
	{                                                                      \
		SCRIPT_TRICKLE, text                                           \
	}
#define SWALLOW                                                                \
	{                                                                      \
		SCRIPT_SWALLOW, NULL                                           \
	}
#define SIGNAL                                                                 \
	{                                                                      \
		SCRIPT_SIGNAL, NULL                                            \
	}

struct script_server {
	int pid;
	int port;
};

/* Starts the server; the script ends with a zeroed step. */
struct script_server script_start(const struct script_step *steps);
struct script_server script_start_at(const char *address,
    const struct script_step *steps);
/* Waits for its end and fails the test unless the script was followed. */
void script_finish(struct script_server *s);

/* The certificate authority of the certificates as a PEM file. Removed by
 * script_forget_ca(). */
const char *script_ca_file(void);
void script_forget_ca(void);

#endif
