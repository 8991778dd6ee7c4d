/* SPDX-License-Identifier: ISC */
/* As whom joe (uid 1000) sends: po.conf as text, and what is spooled. */
#include "submit/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_drop.h"
#include "submit/account.h"
#include "submit/submission.h"
#include "util/fd.h"

#include <cmocka.h>

bool __wrap_account_find(const char *file, const char *getent, uid_t uid,
    struct buf *line, struct account *a);
uid_t __wrap_getuid(void);

bool
__wrap_account_find(const char *file, const char *getent, uid_t uid,
    struct buf *line, struct account *a)
{
	(void)file;
	(void)getent;
	(void)line;
	assert_int_equal(uid, 1000);
	*a = (struct account){ SPAN_LIT("joe"), SPAN_LIT("Joe Doe") };
	return true;
}

uid_t
__wrap_getuid(void)
{
	return 1000;
}

static const struct submit_host host = { "mx.d.test", "d.test" };

static int
load(const char *text, struct submit_conf *conf, struct conf **c,
    struct po_err *err)
{
	const struct conf_table tables[] = { { submit_options, conf } };
	struct submit_host found;
	char path[40];
	int fd = memfd_create("po.conf", 0), rc;

	assert_int_equal(fd_write_all(fd, text, strlen(text), "po.conf", NULL),
	    0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*c = NULL;
	rc = conf_load(path, tables, 1, c, err);
	if (rc == 0)
		rc = submit_host_find(conf, &found, err);
	close(fd);
	return rc;
}

static bool
is_added(struct span line)
{
	static const char *const names[] = { "Received:", "Date:",
		"Message-ID:", "Resent-Date:", "Resent-Message-ID:" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_has_prefix_nocase(line, span_of(names[i])))
			return true;
	return false;
}

/* Submit a header; its block without what is always added, and the sender. */
static int
submit(const struct submit_conf *conf, const char *sender, const char *in,
    struct drop *d, struct buf *block, struct po_err *err)
{
	static const char *const to[] = { "a@x.test" };
	const struct submit_request request = { .sender = sender,
		.recipients = to,
		.n_recipients = 1,
		.dots = DOTS_DATA,
		.priority = PRIORITY_MEDIUM };
	struct submission s;
	struct span rest, line;
	bool skip = false;
	int rc;

	if (submission_begin(&s, conf, &host, &request, err) == -1)
		return -1;
	submission_attach(&s, d);
	rc = submission_write(&s, in, strlen(in), err);
	if (rc == 0)
		rc = submission_end(&s, err);
	submission_clear(&s);
	rest = buf_span(&d->content);
	while (rc == 0 && rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (line.len == 0)
			break;
		if (line.p[0] != '\t' && line.p[0] != ' ')
			skip = is_added(line);
		if (!skip)
			assert_true(
			    buf_put_span(block, line) && buf_putc(block, '\n'));
	}
	return rc;
}

#define FOR_ALL "sender = ( { from = \"app@e.test\"; } );"
#define DOMAIN "sender = ( { from = \"*@e.test\"; } );"
#define MASK "masquerade = { domain = \"d.test\"; };"
#define TABLE "from_policy = \"table\";"
#define FORCE "from_policy = \"force\";"

static const struct {
	const char *name, *conf, *sender, *in;
	const char *from;  /* the envelope's; NULL: refused */
	const char *block; /* or the error's text */
	enum po_code code;
} rows[] = {
	{ "nothing is configured", "", "ceo@x.test", "From: C <ceo@y.test>\n\n",
	    "ceo@x.test", "From: C <ceo@y.test>\n", PO_OK },

	{ "one rule for all", FOR_ALL, NULL, "From: C <ceo@y.test>\n\n",
	    "app@e.test",
	    "X-Original-From: C <ceo@y.test>\nFrom: C <app@e.test>\n", PO_OK },
	{ "and no From", FOR_ALL, NULL, "\n", "app@e.test",
	    "From: Joe Doe <app@e.test>\n", PO_OK },
	{ "and the null sender", FOR_ALL, "", "From: joe\n\n", "",
	    "X-Original-From: joe\nFrom: app@e.test\n", PO_OK },
	{ "and the null sender without From", FOR_ALL, "", "\n", "",
	    "From: Mail Delivery System <app@e.test>\n", PO_OK },
	{ "what is right already stays to the byte", FOR_ALL, "app@e.test",
	    "From:  \"A, B\" (c)  <app@e.test>\n (d)\n\n", "app@e.test",
	    "From:  \"A, B\" (c)  <app@e.test>\n (d)\n", PO_OK },
	{ "names, comments, folds and other fields stay", FOR_ALL, "x@y.test",
	    "FROM:\t=?utf-8?q?J=C3=B6?=\n  (the \\) boss)\n\t<ceo @ y.test>\n"
	    "To: ceo@y.test\nSENDER : me (x@y)\n\n",
	    "app@e.test",
	    "X-Original-From:\t=?utf-8?q?J=C3=B6?=\n  (the \\) boss)\n"
	    "\t<ceo @ y.test>\n"
	    "FROM:\t=?utf-8?q?J=C3=B6?=\n  (the \\) boss)\n\t<app@e.test>\n"
	    "To: ceo@y.test\n"
	    "X-Original-Sender: me (x@y)\nSENDER : app@e.test (x@y)\n",
	    PO_OK },
	{ "several addresses", DOMAIN, "a@b.test",
	    "From: A <a@b.test>, G: c;, \"q r\"@s.test\n\n", "a@e.test",
	    "X-Original-From: A <a@b.test>, G: c;, \"q r\"@s.test\n"
	    "From: A <a@e.test>, G: c@e.test;, \"q r\"@e.test\n",
	    PO_OK },
	{ "an address that is not ASCII", DOMAIN, "j\303\266@b.test",
	    "From: j\303\266@b.test\n\n", "j\303\266@e.test",
	    "X-Original-From: j\303\266@b.test\nFrom: j\303\266@e.test\n",
	    PO_OK },
	{ "a From that is none: a rule for all replaces it", FOR_ALL, "",
	    "From: a b c\n\n", "", "X-Original-From: a b c\nFrom: app@e.test\n",
	    PO_OK },
	{ "a From that is none: there is no local part to keep", DOMAIN, "",
	    "From: a b c\n\n", "", "From: a b c\n", PO_OK },
	{ "an empty From is as good as none", FOR_ALL, "", "From: \n\n", "",
	    "From: Mail Delivery System <app@e.test>\n", PO_OK },

	{ "the first rule that fits, address by address",
	    "sender = ( { address = \"ok@e.test\"; }, { address = \".b.test\"; "
	    "from = \"*@e.test\"; }, { address = [ \"<>\", \"x@*\" ]; from = "
	    "\"y@e.test\"; } );",
	    "a@c.b.test", "From: x@q.test, ok@e.test, z@b.test\n\n", "a@e.test",
	    "X-Original-From: x@q.test, ok@e.test, z@b.test\n"
	    "From: y@e.test, ok@e.test, z@b.test\n",
	    PO_OK },
	{ "by login and uid",
	    "sender = ( { uid = \"0-999\"; from = \"no@e.test\"; }, { login = "
	    "\"www-*\"; from = \"no@e.test\"; }, { login = [ \"ann\", \"j*\" "
	    "]; "
	    "uid = \"1000\"; from = \"yes@e.test\"; } );",
	    NULL, "\n", "yes@e.test", "From: Joe Doe <yes@e.test>\n", PO_OK },
	{ "Reply-To",
	    "sender = ( { from = \"app@e.test\"; reply_to = true; } );", NULL,
	    "From: The CEO <ceo@y.test>, joe\n\n", "app@e.test",
	    "X-Original-From: The CEO <ceo@y.test>, joe\n"
	    "Reply-To: The CEO <ceo@y.test>, joe@d.test\n"
	    "From: The CEO <app@e.test>, app@e.test\n",
	    PO_OK },
	{ "Reply-To where there is one",
	    "sender = ( { from = \"app@e.test\"; reply_to = true; } );", NULL,
	    "From: ceo@y.test\nReply-To: r@y.test\n\n", "app@e.test",
	    "X-Original-From: ceo@y.test\nFrom: app@e.test\n"
	    "Reply-To: r@y.test\n",
	    PO_OK },
	{ "a resent message, and an older resending", FOR_ALL, NULL,
	    "Resent-From: joe\nResent-To: a@x.test\nReceived: x\n"
	    "Resent-From: old@y.test\nFrom: ceo@y.test\n\n",
	    "app@e.test",
	    "X-Original-Resent-From: joe\nResent-From: app@e.test\n"
	    "Resent-To: a@x.test\nResent-From: old@y.test\n"
	    "X-Original-From: ceo@y.test\nFrom: app@e.test\n",
	    PO_OK },

	{ "masquerade: the envelope alone", MASK, "joe@mx.d.test",
	    "From: joe@mx.d.test\n\n", "joe@d.test", "From: joe@mx.d.test\n",
	    PO_OK },
	{ "masquerade: localhost and subdomains, not others", MASK,
	    "a@localhost", "\n", "a@d.test", "From: a@d.test\n", PO_OK },
	{ "masquerade: a subdomain in any case", MASK, "a@B.D.test", "\n",
	    "a@d.test", "From: a@d.test\n", PO_OK },
	{ "masquerade: what only ends so", MASK, "a@bd.test", "\n", "a@bd.test",
	    "From: a@bd.test\n", PO_OK },
	{ "masquerade: the null sender", MASK, "<>", "\n", "",
	    "From: Mail Delivery System <MAILER-DAEMON@d.test>\n", PO_OK },
	{ "masquerade: hosts, and who is left out",
	    "masquerade = { domain = \"d.test\"; hosts = [ \".old.test\", "
	    "\"h.test\" ]; except = \"root, adm*\"; header = true; };",
	    "root@h.test",
	    "From: a@b.old.test, root@h.test, admin@h.test, b@H.test, "
	    "c@mx.d.test\n\n",
	    "root@h.test",
	    "From: a@d.test, root@h.test, admin@h.test, b@d.test, "
	    "c@mx.d.test\n",
	    PO_OK },
	{ "masquerade comes before the rules",
	    MASK
	    "sender = ( { address = \"@d.test\"; from = \"*@e.test\"; } );",
	    "a@mx.d.test", "From: b@mx.d.test, c@d.test\n\n", "a@e.test",
	    "X-Original-From: b@mx.d.test, c@d.test\n"
	    "From: b@mx.d.test, c@e.test\n",
	    PO_OK },

	{ "table: himself", TABLE, NULL, "From: Joe <joe@mx.d.test>\n\n",
	    "joe@d.test", "From: Joe <joe@mx.d.test>\n", PO_OK },
	{ "table: himself by -f", TABLE, "joe@localhost", "\n", "joe@localhost",
	    "From: joe@localhost\n", PO_OK },
	{ "table: the null sender", TABLE, "", "From: joe\n\n", "",
	    "From: joe@d.test\n", PO_OK },
	{ "table: another one", TABLE, "ceo@d.test", "\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: another one in From", TABLE, NULL,
	    "From: joe, ceo@d.test\n\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: another one in a second From", TABLE, NULL,
	    "From: joe\nFrom: ceo@d.test\n\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: another one in Sender", TABLE, NULL,
	    "From: joe\nSender: ceo@d.test\n\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: a From that cannot be read", TABLE, NULL,
	    "From: \"ceo\" <ceo@d.test> x\n\n", NULL,
	    "From: \"\"ceo\" <ceo@d.test> x\" is no address, so nobody may "
	    "send as that (from_policy)",
	    PO_EPERM },
	{ "a group of nobody is not believed", TABLE, NULL,
	    "From: ceo@d.test:;\n\n", NULL,
	    "From: \"ceo@d.test:;\" is no address, so nobody may "
	    "send as that (from_policy)",
	    PO_EPERM },
	{ "nor are empty brackets", TABLE, NULL, "From: ceo@d.test <>\n\n",
	    NULL,
	    "From: \"ceo@d.test <>\" is no address, so nobody may "
	    "send as that (from_policy)",
	    PO_EPERM },
	{ "nor behind one's own", TABLE, NULL, "From: joe@d.test, Ceo <>\n\n",
	    NULL,
	    "From: \"joe@d.test, Ceo <>\" is no address, so nobody may "
	    "send as that (from_policy)",
	    PO_EPERM },
	{ "a group of nobody gets the rule for all", FOR_ALL, NULL,
	    "From: ceo@d.test:;\n\n", "app@e.test",
	    "X-Original-From: ceo@d.test:;\nFrom: app@e.test\n", PO_OK },
	{ "table: what another one wrote, resent", TABLE, NULL,
	    "Resent-From: joe\nResent-To: a@x\nFrom: ceo@d.test\n\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: who may resend",
	    TABLE "sender = ( { login = \"joe\"; address = \"*\"; } );", NULL,
	    "Resent-From: joe\nResent-To: a@x\nFrom: ceo@d.test\n\n",
	    "joe@d.test",
	    "Resent-From: joe@d.test\nResent-To: a@x\nFrom: ceo@d.test\n",
	    PO_OK },
	{ "table: resending as another one", TABLE, NULL,
	    "Resent-From: ceo@d.test\nResent-To: a@x\nFrom: joe\n\n", NULL,
	    "joe (uid 1000) may not send as ceo@d.test (from_policy)",
	    PO_EPERM },
	{ "table: what a rule with a name gives",
	    TABLE "sender = ( { login = \"joe\"; address = [ \"@shop.test\", "
	          "\"ceo@d.test\" ]; } );",
	    "Any@shop.test", "From: CEO@d.test\n\n", "Any@shop.test",
	    "From: CEO@d.test\n", PO_OK },
	{ "table: what a rule makes of him",
	    TABLE "sender = ( { uid = \"1000\"; from = \"app@e.test\"; } );",
	    "app@e.test", "From: joe\n\n", "app@e.test",
	    "X-Original-From: joe\nFrom: app@e.test\n", PO_OK },
	{ "table: a rule for all gives nothing", TABLE FOR_ALL, "app@e.test",
	    "\n", NULL,
	    "joe (uid 1000) may not send as app@e.test (from_policy)",
	    PO_EPERM },
	{ "table: a domain to rewrite gives no local parts",
	    TABLE "sender = ( { login = \"*\"; from = \"*@e.test\"; } );",
	    "ceo@e.test", "\n", NULL,
	    "joe (uid 1000) may not send as ceo@e.test (from_policy)",
	    PO_EPERM },
	{ "table: but his own",
	    TABLE "sender = ( { login = \"*\"; from = \"*@e.test\"; } );",
	    "joe@e.test", "\n", "joe@e.test", "From: joe@e.test\n", PO_OK },
	{ "table: a rule of another user",
	    TABLE "sender = ( { login = \"ann\"; address = \"*\"; } );",
	    "x@e.test", "\n", NULL,
	    "joe (uid 1000) may not send as x@e.test (from_policy)", PO_EPERM },
	{ "table: as it is masqueraded",
	    TABLE MASK
	    "sender = ( { login = \"joe\"; address = \"app@d.test\"; } );",
	    "app@mx.d.test", "\n", "app@d.test", "From: app@d.test\n", PO_OK },

	{ "force: whatever -f and From say", FORCE, "ceo@x.test",
	    "From: CEO <ceo@y.test>\nSender: joe@d.test\n\n", "joe@d.test",
	    "X-Original-From: CEO <ceo@y.test>\nFrom: CEO <joe@d.test>\n"
	    "Sender: joe@d.test\n",
	    PO_OK },
	{ "force: himself by the rule", FORCE FOR_ALL, "ceo@x.test",
	    "From: joe\n\n", "app@e.test",
	    "X-Original-From: joe\nFrom: app@e.test\n", PO_OK },
	{ "force: what cannot be read", FORCE, NULL, "From: <a@b> c\n\n",
	    "joe@d.test", "X-Original-From: <a@b> c\nFrom: joe@d.test\n",
	    PO_OK },
	{ "force: the null sender stays", FORCE, "", "From: ceo@x.test\n\n", "",
	    "X-Original-From: ceo@x.test\nFrom: joe@d.test\n", PO_OK },
};

static void
senders_become_what_the_configuration_says(void **state)
{
	struct submit_conf conf;
	struct po_err err;
	struct conf *c;
	struct buf block;
	struct drop d;
	size_t i;
	int rc;

	(void)state;
	(void)unsetenv("NAME");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fake_drop_init(&d);
		buf_init(&block, 1 << 20);
		err = (struct po_err){ 0 };
		if (load(rows[i].conf, &conf, &c, &err) == -1)
			fail_msg("%s: %s", rows[i].name, err.text);
		rc =
		    submit(&conf, rows[i].sender, rows[i].in, &d, &block, &err);
		if (rows[i].from == NULL
		        ? rc != -1 || err.code != rows[i].code ||
		              d.published != 0 ||
		              strcmp(err.text, rows[i].block) != 0
		        : rc != 0 || strcmp(d.env.sender, rows[i].from) != 0 ||
		              strcmp(buf_str(&block), rows[i].block) != 0 ||
		              d.env.smtputf8 !=
		                  (strstr(rows[i].from, "\303") != NULL))
			fail_msg("%s: %d %s\n%s\n%s", rows[i].name, rc,
			    d.env.sender, buf_str(&block), err.text);
		buf_clear(&block);
		fake_drop_clear(&d);
		conf_free(c);
	}
}

static const struct {
	const char *conf, *text;
} faults[] = {
	{ "sender = ( { from = \"app\"; } );", "sender[].from \"app\": one" },
	{ "sender = ( { from = \"a@b, c@d\"; } );", "sender[].from" },
	{ "sender = ( { from = \"x*@d\"; } );", "sender[].from" },
	{ "sender = ( { from = \"A <a@b>\"; } );", "sender[].from" },
	{ "sender = ( { from = \"*@\"; } );", "no domain behind" },
	{ "sender = ( { from = \"*@a b\"; } );", "a bad character" },
	{ "sender = ( { from = \"<>\"; } );", "sender[].from" },
	{ "sender = ( { uid = \"joe\"; } );", "sender[].uid \"joe\"" },
	{ "sender = ( { uid = -1; } );", "sender[].uid \"-1\"" },
	{ "sender = ( { uid = 1.5; } );", "must be strings" },
	{ "masquerade = { domain = \"a b\"; };", "masquerade.domain" },
	{ "from_policy = \"some\";", "from_policy" },
};

static void
a_wrong_configuration_is_refused(void **state)
{
	struct submit_conf conf;
	struct po_err err;
	struct conf *c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		err = (struct po_err){ 0 };
		if (load(faults[i].conf, &conf, &c, &err) != -1 ||
		    err.code != PO_ECONFIG ||
		    strstr(err.text, faults[i].text) == NULL)
			fail_msg("%s: %s", faults[i].conf, err.text);
		conf_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(senders_become_what_the_configuration_says),
		cmocka_unit_test(a_wrong_configuration_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
