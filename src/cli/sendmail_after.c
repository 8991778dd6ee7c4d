/* SPDX-License-Identifier: ISC */
#include "cli/sendmail_after.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "cli/now.h"
#include "cli/sendmail_queue.h"
#include "cli/verdict_say.h"
#include "queue/ask.h"
#include "util/buf.h"

#define ANSWER_BYTES 3600u
#define WAIT_MS 10000    /* --wait */
#define ATTEMPT_MS 60000 /* -odi; then it goes on by itself */

/* --wait in an own spool: po-queue takes it in and tells, in our name. */
static void
exec_verdict(const struct queue_id *id)
{
	char name[] = "sendmail", verb[] = "--verdict", text[QUEUE_ID_LEN + 1];
	char *argv[] = { name, verb, text, NULL };

	(void)snprintf(text, sizeof(text), "%s", id->text);
	sendmail_exec_po_queue(argv);
}

/* What the queue says to it: asked of the runner. Whatever happens here, it is
 * queued. */
static int
await_verdict(const struct sendmail_settings *s, const struct queue_id *id,
    bool own)
{
	struct buf request, answer;
	char text[120];
	int rc = -1, status = EX_OK;

	if (own)
		exec_verdict(id);
	buf_init(&request, 200);
	buf_init(&answer, ANSWER_BYTES);
	if (!own &&
	    buf_printf(&request, "po-act 1\nverb=verdict\nuntil=taken\nid=%s\n",
	        id->text))
		rc = act_ask_while(s->drop.spool, buf_str(&request), WAIT_MS,
		    &answer, NULL);
	if (rc == 1 &&
	    (span_has_prefix_nocase(buf_span(&answer), SPAN_LIT("ok ")) ||
	        span_has_prefix_nocase(buf_span(&answer), SPAN_LIT("no ")))) {
		status = verdict_say(buf_span(&answer), "sendmail");
	} else {
		(void)snprintf(text, sizeof(text),
		    "%s: accepted, not confirmed: no runner has answered",
		    id->text);
		sendmail_tell(text);
	}
	buf_clear(&request);
	buf_clear(&answer);
	return fflush(stdout) == 0 ? status : EX_IOERR;
}

/* It is queued. In an own spool what is urgent is delivered by us. */
int
sendmail_after_queuing(const struct sendmail_settings *s,
    const struct arguments *a, const struct envelope *env)
{
	bool now = env->priority == PRIORITY_NOW && env->due == 0;
	bool own = (now || a->waits) && sendmail_is_own_spool(s);

	if (own && now)
		now_deliver(sendmail_po_queue, env->id.text,
		    a->immediate ? ATTEMPT_MS : 0);
	return a->waits ? await_verdict(s, &env->id, own) : EX_OK;
}

/* A dialogue may be long: who is started for one message is waited for when
 * the next one comes. */
int
sendmail_deliver_urgent(void *settings, const void *id, size_t len,
    struct po_err *err)
{
	char text[QUEUE_ID_LEN + 1] = "";

	(void)err;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	memcpy(text, id, len);
	if (sendmail_is_own_spool(settings))
		now_deliver(sendmail_po_queue, text, 0);
	return 0;
}
