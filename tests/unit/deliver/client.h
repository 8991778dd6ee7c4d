/* SPDX-License-Identifier: ISC */
/* The other side of script.h: a setup, a session and a message for tests. */
#ifndef PO_TEST_CLIENT_H
#define PO_TEST_CLIENT_H

#include "deliver/setup.h"
#include "deliver/smtp.h"
#include "script.h"

struct client {
	struct deliver_conf conf;
	struct deliver_routes *routes;
	struct deliver_setup *setup;
	struct smtp *smtp;
	struct script_server server;
	const char *listen; /* NULL: 127.0.0.1 */
	volatile sig_atomic_t stop;
};

/* A message; `content` goes into a file. Recipients are r1@example.org, ... */
struct mail {
	struct envelope env;
	struct recipient rcpt[300];
	char address[300][48];
	size_t which[300];
	struct delivery results[300];
	struct deliver_message m;
};

/* conf with relay "127.0.0.1", TLS none; change it before client_start(). */
void client_init(struct client *c);
/* Routes and setup of conf. */
int client_prepare(struct client *c, struct po_err *err);
void client_unprepare(struct client *c);
void client_start(struct client *c, const struct script_step *script);
/* Closes the session and checks that the script was followed. */
void client_finish(struct client *c);

void mail_init(struct mail *mail, const char *content, size_t recipients);
void mail_clear(struct mail *mail);
/* begin and, where there is something to send, send. */
void mail_send(struct client *c, struct mail *mail, struct mail *next);

#endif
