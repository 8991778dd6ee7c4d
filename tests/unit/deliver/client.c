/* SPDX-License-Identifier: ISC */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

static char empty[] = "";
static char host[] = "127.0.0.1";
static char hostname[] = "client.example.org";

void
client_init(struct client *c)
{
	*c = (struct client){ .stop = 0 };
	c->conf = (struct deliver_conf){
		.transport = TRANSPORT_SMTP,
		.hostname = hostname,
		.capture_dir = empty,
		.relay.host = host,
		.relay.tls = TLS_NONE,
		.relay.user = empty,
		.relay.password_file = empty,
		.relay.password_command = empty,
		.relay.ca_file = empty,
		.relay.connect_timeout_s = 5,
	};
}

int
client_prepare(struct client *c, struct po_err *err)
{
	if (deliver_routes_new(&c->conf, &c->routes, err) == -1)
		return -1;
	if (deliver_setup_new(c->routes, &c->setup, err) == 0)
		return 0;
	deliver_routes_free(c->routes);
	return -1;
}

void
client_unprepare(struct client *c)
{
	deliver_setup_free(c->setup);
	deliver_routes_free(c->routes);
}

void
client_start(struct client *c, const struct script_step *script)
{
	const struct transport *t = c->conf.transport == TRANSPORT_LMTP
	                                ? &transport_lmtp
	                                : &transport_smtp;
	struct po_err err = { .code = PO_OK };

	c->server = script_start_at(c->listen == NULL ? "127.0.0.1" : c->listen,
	    script);
	c->conf.relay.port = c->server.port;
	if (client_prepare(c, &err) == -1)
		fail_msg("%s", err.text);
	c->smtp = t->open(c->setup, c->routes->rules[0].hop, &c->stop, 2, &err);
	assert_non_null(c->smtp);
}

void
client_finish(struct client *c)
{
	transport_smtp.close(c->smtp);
	client_unprepare(c);
	script_finish(&c->server);
}

void
mail_init(struct mail *mail, const char *content, size_t recipients)
{
	FILE *f = tmpfile();
	size_t i;

	memset(mail, 0, sizeof(*mail));
	assert_non_null(f);
	mail->m.fd = dup(fileno(f));
	fclose(f);
	assert_int_not_equal(mail->m.fd, -1);
	/* As in the spool: the content does not begin at 0. */
	mail->m.at = 7;
	mail->m.length = strlen(content);
	assert_int_equal(fd_pwrite_all(mail->m.fd, content, strlen(content), 7,
	                     "test", NULL),
	    0);
	for (i = 0; i < recipients; i++) {
		snprintf(mail->address[i], sizeof(mail->address[i]),
		    "r%zu@example.org", i + 1);
		mail->rcpt[i].address = mail->address[i];
		mail->which[i] = i;
	}
	mail->env.sender = "s@example.net";
	mail->env.recipients = mail->rcpt;
	mail->env.n_recipients = recipients;
	mail->m.env = &mail->env;
	mail->m.which = mail->which;
	mail->m.n = recipients;
}

void
mail_clear(struct mail *mail)
{
	close(mail->m.fd);
}

void
mail_send(struct client *c, struct mail *mail, struct mail *next)
{
	if (transport_smtp.begin(c->smtp, &mail->m, mail->results) == 1)
		transport_smtp.send(c->smtp, &mail->m, mail->results,
		    next == NULL ? NULL : &next->m);
}
