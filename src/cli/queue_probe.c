/* SPDX-License-Identifier: ISC */
/* --probe: the lines of deliver/probe.h for people, or as JSON, one a phase. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_text.h"
#include "cli/queue_verbs.h"
#include "deliver/probe.h"
#include "envelope/address.h"
#include "util/buf.h"

#define LONGEST_ADDRESS 2000u

static volatile sig_atomic_t stop;

static void
on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void
say_line(const char *relay, const struct probe_line *l)
{
	(void)printf("  %-9s %-6s %6lld ms  %s\n",
	    probe_phase_info(l->phase)->name, l->ok ? "ok" : "FAILED",
	    (long long)l->ms, l->text);
	if (l->advice != NULL)
		(void)printf("%s: failed in %s: %s\n", relay,
		    probe_phase_info(l->phase)->name, l->advice);
}

static void
say_json(const char *relay, const struct probe_line *l)
{
	(void)fputc('{', stdout);
	json_text_print(stdout, "relay", span_of(relay));
	(void)fputs(", ", stdout);
	json_text_print(stdout, "phase",
	    span_of(probe_phase_info(l->phase)->name));
	(void)printf(", \"ok\": %s, \"ms\": %lld, ", l->ok ? "true" : "false",
	    (long long)l->ms);
	json_text_print(stdout, "text", span_of(l->text));
	if (l->advice != NULL) {
		(void)fputs(", ", stdout);
		json_text_print(stdout, "advice", span_of(l->advice));
	}
	(void)fputs("}\n", stdout);
}

/* 0; the status of the first failure is kept. */
static int
probe_one(struct queue_program *p, const char *relay, const char *sender,
    const char *recipient, struct po_err *err)
{
	struct probe_line line = { .ok = false };
	struct probe *probe;

	if (probe_new(p->deliver, relay, sender, recipient, &stop, &probe,
	        err) == -1)
		return -1;
	if (!p->args.json)
		(void)printf("%s\n", relay);
	while (!stop && probe_next(probe, &line)) {
		if (p->args.json)
			say_json(relay, &line);
		else
			say_line(relay, &line);
		(void)fflush(stdout);
	}
	if (line.ok && !p->args.json)
		(void)printf("%s: takes mail\n", relay);
	if (!line.ok && p->status == 0)
		p->status = po_code_info(probe_phase_info(line.phase)->code)
		                ->exit_status;
	probe_free(probe);
	return 0;
}

static int
probe_all(struct queue_program *p, const char *sender, const char *recipient,
    struct po_err *err)
{
	const char *relay;
	size_t i;
	int n;

	for (n = 0; n < p->args.n_ids; n++)
		if (probe_one(p, p->args.ids[n], sender, recipient, err) == -1)
			return -1;
	if (p->args.n_ids > 0)
		return 0;
	for (i = 0; (relay = deliver_setup_relay(p->deliver, i)) != NULL; i++)
		if (probe_one(p, relay, sender, recipient, err) == -1)
			return -1;
	if (i == 0)
		(void)printf("there is no relay: \"transport\" is %s\n",
		    transport_names[p->deliver_conf.transport]);
	return 0;
}

/* --sender or --recipient, normalised; *out NULL: not given. "" and "<>" are
 * the null sender. */
static int
find_address(const struct queue_program *p, enum select_field field,
    struct buf *space, const char **out, struct po_err *err)
{
	const struct selection *which = &p->args.which;
	const char *text = NULL;
	size_t i;

	for (i = 0; i < which->n; i++)
		if (which->terms[i].field == field)
			text = which->terms[i].text.p;
	*out = NULL;
	if (text == NULL)
		return 0;
	if (queue_address(p, text, field == SELECT_SENDER, space, err) == -1)
		return -1;
	*out = buf_str(space);
	return 0;
}

int
queue_verb_probe(struct queue_program *p, struct spool *s, struct po_err *err)
{
	struct sigaction sa = { .sa_handler = on_signal };
	const char *sender, *recipient;
	struct buf from, to;
	int rc;

	(void)s;
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	buf_init(&from, LONGEST_ADDRESS);
	buf_init(&to, LONGEST_ADDRESS);
	rc = find_address(p, SELECT_SENDER, &from, &sender, err);
	if (rc == 0)
		rc = find_address(p, SELECT_RECIPIENT, &to, &recipient, err);
	if (rc == 0 && recipient != NULL && sender == NULL)
		rc = po_fail(err, PO_EUSAGE,
		    "--recipient goes with --sender here: MAIL comes before "
		    "RCPT");
	if (rc == 0)
		rc = probe_all(p, sender, recipient, err);
	buf_clear(&from);
	buf_clear(&to);
	return rc;
}
