/* SPDX-License-Identifier: ISC */
/* A letter on its way: filled in from its template, written as a message, put
 * into the spool as the caller's, or on a stream to be looked at. */
#ifndef PO_CLI_MAIL_SEND_H
#define PO_CLI_MAIL_SEND_H

#include <stdio.h>

#include "compose/letter.h"
#include "queue/library.h"
#include "spool/spool.h"
#include "submit/submission.h"

struct mail_sender {
	struct drop_conf drop_conf;
	struct submit_conf submit;
	struct submit_host host;
	struct conf *conf;
	struct drop *drop;       /* opened at the first message */
	struct templates store;  /* likewise at the first template */
	struct library *library; /* NULL until then */
	bool group;              /* several messages are synced at once */
	const char *zone;        /* that of the process, by name; NULL: UTC */
	struct spool_borrow borrow;
};

/* Read the configuration; `config` NULL: as every program. */
int mail_sender_open(struct mail_sender *s, const char *config,
    struct po_err *err);
void mail_sender_close(struct mail_sender *s);

/*
 * Queue it; its queue id goes into *id. All is rendered before anything is
 * written, so an error leaves nothing. Errors as those of sendmail.
 */
int mail_send(struct mail_sender *s, const struct letter *l,
    struct queue_id *id, struct po_err *err);

/* From now on messages are queued when mail_sender_sync() returned 0, all of
 * them by one sync. */
void mail_sender_group(struct mail_sender *s);
int mail_sender_sync(struct mail_sender *s, struct po_err *err);

/* Write the message as it would be sent, instead. */
int mail_show(struct mail_sender *s, const struct letter *l, FILE *out,
    struct po_err *err);

#endif
