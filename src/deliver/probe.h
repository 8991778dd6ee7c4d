/* SPDX-License-Identifier: ISC */
/*
 * A look at a relay: the way that a delivery takes (deliver/smtp_open.h), phase
 * by phase, and what to do where it ends. Nothing is sent.
 */
#ifndef PO_DELIVER_PROBE_H
#define PO_DELIVER_PROBE_H

#include "deliver/transport.h"

enum probe_phase {
	PROBE_NAME,
	PROBE_CONNECT,
	PROBE_GREETING,
	PROBE_EHLO,
	PROBE_TLS,
	PROBE_AUTH,
	PROBE_MAIL,
	PROBE_RCPT,
	PROBE_PHASES
};

/* What a failure of each is to the program that asked. */
struct probe_phase_info {
	const char *name;
	enum po_code code;
};
const struct probe_phase_info *probe_phase_info(enum probe_phase phase);

struct probe_line {
	enum probe_phase phase;
	bool ok;
	int64_t ms;
	char text[1000];    /* printable */
	const char *advice; /* of a failure; NULL: none */
};

struct probe;

/* `relay` is a name from deliver_setup_relay(); `sender` and `recipient` are
 * addresses, or NULL: MAIL and RCPT are not said. A wait ends after 30 seconds,
 * where a delivery has more patience. */
int probe_new(const struct deliver_setup *setup, const char *relay,
    const char *sender, const char *recipient,
    const volatile sig_atomic_t *stop, struct probe **out, struct po_err *err);
/* The next phase. False: it is over, after the last or a failed one. */
bool probe_next(struct probe *p, struct probe_line *line);
void probe_free(struct probe *p);

#endif
