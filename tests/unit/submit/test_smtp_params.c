/* SPDX-License-Identifier: ISC */
/* Examples of RFC 5321 (4.1.1, appendix D), 1870, 6152, 6531, 3461, 4865, 6710
 * and 2852. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "submit/smtp_params.h"

#include <cmocka.h>

#define NOW INT64_C(1795500000)
#define YEAR SMTP_HOLD_MAX_S

static const struct {
	const char *in;
	const char *path;
	struct smtp_mail expected; /* but for path */
} good[] = {
	{ "FROM:<Smith@bar.com>", "<Smith@bar.com>",
	    { .priority = PRIORITY_MEDIUM } },
	{ "FROM:<>", "<>", { .priority = PRIORITY_MEDIUM } },
	{ "from: <a@x.test>", "<a@x.test>", { .priority = PRIORITY_MEDIUM } },
	{ "FROM:a@x.test size=5", "a@x.test",
	    { .priority = PRIORITY_MEDIUM, .size = 5 } },
	{ "FROM:<@a,@b:c@d>", "<@a,@b:c@d>", { .priority = PRIORITY_MEDIUM } },
	{ "FROM:<\"a> b\"@x.test> SIZE=1", "<\"a> b\"@x.test>",
	    { .priority = PRIORITY_MEDIUM, .size = 1 } },
	{ "FROM:<ned@thor.innosoft.com> SIZE=500000", "<ned@thor.innosoft.com>",
	    { .priority = PRIORITY_MEDIUM, .size = 500000 } },
	{ "FROM:<a@x.test> BODY=8BITMIME SMTPUTF8", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM,
	        .mime = MIME_8BIT,
	        .smtputf8 = true } },
	{ "FROM:<a@x.test> body=7bit", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .mime = MIME_7BIT } },
	{ "FROM:<Alice@Example.ORG> RET=HDRS ENVID=QQ314159",
	    "<Alice@Example.ORG>",
	    { .priority = PRIORITY_MEDIUM,
	        .ret = RET_HDRS,
	        .envid = { "QQ314159", 8 } } },
	{ "FROM:<a@x.test> HOLDFOR=10", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .due = NOW + 10 } },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-11-24T08:00:00Z", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .due = 1795507200 } },
	{ "FROM:<a@x.test> HOLDUNTIL=2001-01-01T00:00:00Z", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .due = 978307200 } },
	{ "FROM:<a@x.test> MT-PRIORITY=9", "<a@x.test>",
	    { .priority = PRIORITY_NOW } },
	{ "FROM:<a@x.test> MT-PRIORITY=4", "<a@x.test>",
	    { .priority = PRIORITY_HIGH } },
	{ "FROM:<a@x.test> MT-PRIORITY=0", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM } },
	{ "FROM:<a@x.test> MT-PRIORITY=-9", "<a@x.test>",
	    { .priority = PRIORITY_LOW } },
	{ "FROM:<a@x.test> BY=120;R", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM,
	        .expires = NOW + 120,
	        .by = BY_RETURN } },
	{ "FROM:<a@x.test> BY=-10;NT", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM,
	        .late = NOW - 10,
	        .by = BY_NOTIFY_TRACE } },
	{ "FROM:<a@x.test> BY=+999999999;r", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM,
	        .expires = NOW + 999999999,
	        .by = BY_RETURN } },
	{ "FROM:<a@x.test> BY=000000001;rt", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM,
	        .expires = NOW + 1,
	        .by = BY_RETURN_TRACE } },
	{ "FROM:<a@x.test> REQUIRETLS", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .requiretls = true } },
	{ "FROM:<a@x.test> SIZE=99999999999999999999", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .size = UINT64_MAX } },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-11-24t09:00:00.5+01:00", "<a@x.test>",
	    { .priority = PRIORITY_MEDIUM, .due = 1795507200 } },
};

static const struct {
	const char *in, *reply;
} bad[] = {
	{ "", "501 5.5.4" },
	{ "FROM", "501 5.5.4" },
	{ "FROM:", "501 5.5.4" },
	{ "TO:<a@x.test>", "501 5.5.4" },
	{ "FROM:<a@x.test", "501 5.5.4" },
	{ "FROM:<\"a@x.test>", "501 5.5.4" },
	{ "FROM:<a@x.test>SIZE=1", "501 5.5.4" },
	{ "FROM:<a@x.test> SIZE=", "501 5.5.4" },
	{ "FROM:<a@x.test> SIZE=-1", "501 5.5.4" },
	{ "FROM:<a@x.test> SIZE=99999999999999999999999", "501 5.5.4" },
	{ "FROM:<a@x.test> SIZE=1 SIZE=2", "501 5.5.4" },
	{ "FROM:<a@x.test> BODY=BINARYMIME", "501 5.5.4" },
	{ "FROM:<a@x.test> SMTPUTF8=1", "501 5.5.4" },
	{ "FROM:<a@x.test> RET=SOME", "501 5.5.4" },
	{ "FROM:<a@x.test> ENVID=", "501 5.5.4" },
	{ "FROM:<a@x.test> ENVID=a+2", "501 5.5.4" },
	{ "FROM:<a@x.test> ENVID=a=b", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=0", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=05", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=-5", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=+5", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=1234567890", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=999999999", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDUNTIL=tomorrow", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-11-24T08:00Z", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-11-24T08:00+00:00", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-11-24T08:00:00", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDUNTIL=2026-02-30T08:00:00Z", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=5 HOLDUNTIL=2026-11-24T08:00:00Z",
	    "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=-", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=05", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=-0", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=+5", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=--5", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=10", "501 5.5.4" },
	{ "FROM:<a@x.test> MT-PRIORITY=high", "501 5.5.4" },
	{ "FROM:<a@x.test> REQUIRETLS=yes", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=0;R", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=-1;R", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=;N", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=+;N", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=--1;N", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=1000000000;N", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=1 ;N", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;T", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;NTT", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;RN", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;X", "501 5.5.4" },
	{ "FROM:<a@x.test> BY=120;RX", "501 5.5.4" },
	{ "FROM:<a@x.test> HOLDFOR=200 BY=120;R", "501 5.5.4" },
	{ "FROM:<a@x.test> AUTH=<>", "555 5.5.4" },
	{ "FROM:<a@x.test> b@x.test", "555 5.5.4" },
};

static void
mail_parameters_are_read(void **state)
{
	const struct smtp_mail *e;
	const char *fault;
	struct smtp_mail m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		e = &good[i].expected;
		fault = smtp_mail_parse(span_of(good[i].in), NOW, &m);
		if (fault != NULL || !span_eq(m.path, span_of(good[i].path)) ||
		    m.size != e->size || m.mime != e->mime ||
		    m.smtputf8 != e->smtputf8 || m.ret != e->ret ||
		    !span_eq(m.envid, e->envid) || m.due != e->due ||
		    m.expires != e->expires || m.late != e->late ||
		    m.by != e->by || m.requiretls != e->requiretls ||
		    m.priority != e->priority)
			fail_msg("%s: %s", good[i].in,
			    fault != NULL ? fault : "other values");
	}
}

static void
bad_mail_parameters_are_refused(void **state)
{
	const char *fault;
	struct smtp_mail m;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fault = smtp_mail_parse(span_of(bad[i].in), NOW, &m);
		if (fault == NULL || strncmp(fault, bad[i].reply, 9) != 0)
			fail_msg("%s: %s", bad[i].in,
			    fault == NULL ? "taken" : fault);
	}
}

static const struct {
	const char *in;
	const char *path; /* NULL: refused */
	unsigned notify;
	const char *orcpt;
} rcpts[] = {
	{ "TO:<Jones@foo.com>", "<Jones@foo.com>", 0, "" },
	{ "to:<Bob@Example.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Example.COM",
	    "<Bob@Example.COM>", NOTIFY_SUCCESS, "rfc822;Bob@Example.COM" },
	{ "TO:<a@x.test> NOTIFY=never", "<a@x.test>", NOTIFY_NEVER, "" },
	{ "TO:<a@x.test> NOTIFY=FAILURE,DELAY", "<a@x.test>",
	    NOTIFY_FAILURE | NOTIFY_DELAY, "" },
	{ "TO:postmaster", "postmaster", 0, "" },
	{ "TO:<a@x.test> NOTIFY=NEVER,DELAY", NULL, 0, "" },
	{ "TO:<a@x.test> NOTIFY=", NULL, 0, "" },
	{ "TO:<a@x.test> NOTIFY=DELAY,", NULL, 0, "" },
	{ "TO:<a@x.test> NOTIFY=,DELAY", NULL, 0, "" },
	{ "TO:<a@x.test> ORCPT=a@x.test", NULL, 0, "" },
	{ "TO:<a@x.test> ORCPT=rfc822;", NULL, 0, "" },
	{ "TO:<a@x.test> ORCPT=rfc822;a+0Ab", NULL, 0, "" },
	{ "TO:<a@x.test> SIZE=1", NULL, 0, "" },
	{ "FROM:<a@x.test>", NULL, 0, "" },
	{ "TO:", NULL, 0, "" },
};

static void
rcpt_parameters_are_read_or_refused(void **state)
{
	const char *fault;
	struct smtp_rcpt r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rcpts) / sizeof(rcpts[0]); i++) {
		fault = smtp_rcpt_parse(span_of(rcpts[i].in), &r);
		if ((fault != NULL) != (rcpts[i].path == NULL))
			fail_msg("%s: %s", rcpts[i].in,
			    fault == NULL ? "taken" : fault);
		if (fault == NULL &&
		    (!span_eq(r.path, span_of(rcpts[i].path)) ||
		        r.notify != rcpts[i].notify ||
		        !span_eq(r.orcpt, span_of(rcpts[i].orcpt))))
			fail_msg("%s: other values", rcpts[i].in);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_parameters_are_read),
		cmocka_unit_test(bad_mail_parameters_are_refused),
		cmocka_unit_test(rcpt_parameters_are_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
