/* SPDX-License-Identifier: ISC */
/*
 * MAIL and RCPT as lines (RFC 5321, 4.1.1.2 and 4.1.1.3), with the parameters
 * of the extensions that the server offers. Pure: no session, no clock.
 * FUTURERELEASE (RFC 4865) is never asked for: po holds mail itself until it is
 * due, and what is sent is due.
 */
#ifndef PO_DELIVER_COMMAND_H
#define PO_DELIVER_COMMAND_H

#include <stdbool.h>

#include "deliver/delivery.h"
#include "deliver/ehlo.h"
#include "deliver/transport.h"
#include "util/buf.h"

/* May `address` stand between < and > of a command? No control bytes, and
 * neither blank nor angle bracket outside of a quoted string. */
bool command_address_ok(const char *address);

/* May `word` be the argument of EHLO? Printable ASCII without blanks. */
bool command_word_ok(const char *word);

/* Can this server take the message at all? False with *why filled in: SIZE
 * exceeded (5.3.4), SMTPUTF8 needed (5.6.7), REQUIRETLS needed (5.7.30), a
 * message that is to be returned when late and no DELIVERBY (5.3.3) or too
 * little time for it (5.4.7), bad sender (5.1.7). */
bool command_can_send(const struct deliver_message *m, const struct ehlo *e,
    struct delivery *why);

/* Append one line with its CRLF. False when the buffer is full. */
bool command_mail(struct buf *out, const struct deliver_message *m,
    const struct ehlo *e);
bool command_rcpt(struct buf *out, const struct recipient *rcpt,
    const struct ehlo *e);

#endif
