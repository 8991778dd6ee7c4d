/* SPDX-License-Identifier: ISC */
/*
 * Name to connected socket: look-up and connect under one deadline. For files
 * of this room only.
 */
#ifndef PO_DELIVER_DIAL_H
#define PO_DELIVER_DIAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dialled {
	int fd; /* non-blocking, close-on-exec; TCP_NODELAY */
	bool loopback;
	int64_t lookup_ms; /* how long the name took */
	char relay[320];   /* "host[address]:port", or "localhost[/path]" */
};

struct dialling {
	const char *host;    /* a name or an address, with or without brackets */
	const char *address; /* what the name stands for; NULL: look it up */
	const char *socket;  /* path of a Unix socket instead, or NULL */
	const char *port;
	const char *source; /* IP address to connect from; NULL or "": any */
	int64_t timeout_ms;
	const volatile sig_atomic_t *stop;
};

/* Tries the addresses in getaddrinfo's order, each with its share of what is
 * left of the time. False with the cause in `text`; stopped is "stopped". */
bool dial(const struct dialling *to, struct dialled *out, char *text,
    size_t max);

/* Is it an IP address, in figures? */
bool dial_source_ok(const char *source);

#endif
