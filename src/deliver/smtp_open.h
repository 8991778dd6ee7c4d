/* SPDX-License-Identifier: ISC */
/*
 * A connection on its way up, step by step: for smtp_open(), which makes them
 * all, and for deliver/probe.h, which tells of each. For files of this room.
 */
#ifndef PO_DELIVER_SMTP_OPEN_H
#define PO_DELIVER_SMTP_OPEN_H

#include "deliver/smtp.h"

enum smtp_step {
	STEP_CONNECT,
	STEP_GREETING,
	STEP_EHLO,
	STEP_HELO,
	STEP_STARTTLS,
	STEP_HANDSHAKE,
	STEP_AUTH,
	STEP_READY,
	STEP_FAILED
};

struct smtp_opening {
	struct smtp *s;
	struct delivery *why; /* filled in at STEP_FAILED */
	enum smtp_step step;  /* the next one */
	bool greeted;
	bool no_tls; /* level "may", and the handshake failed */
};

/* The goal is the relay that is s->peer. */
void smtp_aim(struct smtp *s);
/* To the goal. */
void smtp_opening_begin(struct smtp_opening *o, struct smtp *s,
    struct delivery *why);
/* Make o->step, which is before STEP_READY. A failure closes the connection. */
void smtp_opening_step(struct smtp_opening *o);

#endif
