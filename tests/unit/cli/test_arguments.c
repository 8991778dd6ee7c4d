/* SPDX-License-Identifier: ISC */
/* Command lines as programs were seen to write them, and the flags of eight
 * other sendmails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"

#include <cmocka.h>

#define MAX_ARGS 24

/* Words apart by one blank; "''" is the empty word. */
static int
split(char *line, char *argv[MAX_ARGS])
{
	char *word, *save = NULL;
	int argc = 0;

	for (word = strtok_r(line, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		assert_in_range(argc, 0, MAX_ARGS - 2);
		if (strcmp(word, "''") == 0)
			word[0] = '\0';
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

struct expected {
	const char *line;
	const char *sender; /* NULL: none */
	const char *name;
	bool header;
	bool dots_count;
	const char *recipients; /* each with a blank behind */
};

static const struct expected programs[] = {
	/* PHP, PHPMailer, Symfony, nodemailer, Email::Sender, MIME::Lite */
	{ "sendmail -t -i", NULL, NULL, true, false, "" },
	{ "sendmail -t -i -oi -fa@x.test -t", "a@x.test", NULL, true, false,
	    "" },
	{ "sendmail -i -fa@x.test b@x.test c@x.test", "a@x.test", NULL, false,
	    false, "b@x.test c@x.test " },
	{ "sendmail -i -f a@x.test b@x.test", "a@x.test", NULL, false, false,
	    "b@x.test " },
	{ "sendmail -i -f <> -- b@x.test", "<>", NULL, false, false,
	    "b@x.test " },
	{ "sendmail -t -oi -oem -fa@x.test", "a@x.test", NULL, true, false,
	    "" },
	/* Mail::Mailer, mercurial, cron, cronie, anacron, atd, mutt */
	{ "sendmail -t", NULL, NULL, true, true, "" },
	{ "sendmail -f a@x.test b", "a@x.test", NULL, false, true, "b " },
	{ "sendmail -FCronDaemon -i -B8BITMIME -oem root", NULL, "CronDaemon",
	    false, false, "root " },
	{ "sendmail -FCronDaemon -odi -oem -or0s -B 8BITMIME root", NULL,
	    "CronDaemon", false, true, "root " },
	{ "sendmail -FAnacron -odi root", NULL, "Anacron", false, true,
	    "root " },
	{ "sendmail -oem -oi -B8BITMIME -f a@x.test -N never -R hdrs -- b c",
	    "a@x.test", NULL, false, false, "b c " },
	/* emacs, vacation, fail2ban, RT, Trac */
	{ "sendmail -oi -f a@x.test -oep -odi -t", "a@x.test", NULL, true,
	    false, "" },
	{ "sendmail -eq -f '' -- b", "", NULL, false, true, "b " },
	{ "sendmail -oi -ODeliveryMode=b -OErrorMode=m -t -f a -f b", "b", NULL,
	    true, false, "" },
	/* joined letters, and where options end */
	{ "sendmail -ti", NULL, NULL, true, false, "" },
	{ "sendmail -tifa@x.test", "a@x.test", NULL, true, false, "" },
	{ "sendmail -i a -t -X/tmp/x", NULL, NULL, false, false,
	    "a -t -X/tmp/x " },
	{ "sendmail -- -oQ/tmp -t", NULL, NULL, false, true, "-oQ/tmp -t " },
	{ "sendmail -f -oQ/tmp b", "-oQ/tmp", NULL, false, true, "b " },
	{ "sendmail -r a -F '' b", "a", "", false, true, "b " },
	/* accepted and ignored, with and without their values */
	{ "sendmail -Ac -Am -C /etc/hosts -C/etc/hosts -d -d8.1 -E -G b", NULL,
	    NULL, false, true, "b " },
	{ "sendmail -h 5 -h5 -L tag -m -n -p smtp:host -s -U -v -x -c b", NULL,
	    NULL, false, true, "b " },
	{ "sendmail -O Timeout.queuereturn=1d -oQ/tmp -oX/tmp/x -oA/x -om b",
	    NULL, NULL, false, true, "b " },
	{ "sendmail -e m -em -ep -ew -ee -odb -odq -o7 b", NULL, NULL, false,
	    true, "b " },
	{ "sendmail -bm b", NULL, NULL, false, true, "b " },
};

static void
programs_are_understood(void **state)
{
	char line[200], got[200], *argv[MAX_ARGS];
	struct arguments a;
	struct po_err err;
	size_t i, k;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct expected *e = &programs[i];

		(void)snprintf(line, sizeof(line), "%s", e->line);
		argc = split(line, argv);
		if (arguments_read(argc, argv, &a, &err) == -1)
			fail_msg("%s: %s", e->line, err.text);
		got[0] = '\0';
		for (k = 0; k < a.request.n_recipients; k++)
			(void)snprintf(got + strlen(got),
			    sizeof(got) - strlen(got), "%s ",
			    a.request.recipients[k]);
		if (strcmp(got, e->recipients) != 0 ||
		    a.mode != ARGUMENTS_SEND ||
		    a.request.header_recipients != e->header ||
		    (a.request.dots == DOTS_SENDMAIL) != e->dots_count ||
		    (a.request.sender == NULL) != (e->sender == NULL) ||
		    (e->sender != NULL &&
		        strcmp(a.request.sender, e->sender) != 0) ||
		    (a.request.full_name == NULL) != (e->name == NULL) ||
		    (e->name != NULL &&
		        strcmp(a.request.full_name, e->name) != 0) ||
		    a.n_warnings != 0)
			fail_msg("%s: recipients \"%s\"", e->line, got);
	}
}

static const struct {
	const char *line;
	const char *why;
} refused[] = {
	{ "sendmail -X /tmp/x b", "-X" },
	{ "sendmail -X/tmp/x b", "-X" },
	{ "sendmail -iX/tmp/x b", "-X" },
	{ "sendmail -D /tmp/x b", "-D" },
	{ "sendmail -M id", "-M" },
	{ "sendmail -Mrm id", "-M" },
	{ "sendmail -Q b", "-Q" },
	{ "sendmail -ba b", "-ba" },
	{ "sendmail -bd", "-bd" },
	{ "sendmail -bD", "-bD" },
	{ "sendmail -be b", "-be" },
	{ "sendmail -bt", "-bt" },
	{ "sendmail -bP", "-bP" },
	{ "sendmail -bS", "-bS" },
	{ "sendmail -bsx", "-bsx" },
	{ "sendmail -qGdefer", "-qG" },
	{ "sendmail -q!Gdefer", "-q!G" },
	{ "sendmail -qQ", "-qQ" },
	{ "sendmail -qL", "-qL" },
	{ "sendmail -q!", "-q!" },
	{ "sendmail -qI", "-qI" },
	{ "sendmail -q!R", "-q!R" },
	{ "sendmail -qnow", "-qnow" },
	{ "sendmail -q5x", "-q5x" },
	{ "sendmail -qff", "-qff" },
	{ "sendmail -qRa -qRa -qRa -qRa -qRa -qRa -qRa -qRa -qRa -qRa -qRa "
	  "-qRa -qRa -qRa -qRa -qRa -qRa",
	    "more than 16" },
	{ "sendmail -z b", "-z" },
	{ "sendmail -1 b", "-1" },
	{ "sendmail -t- b", "--" },
	{ "sendmail --bcc b", "--bcc" },
	{ "sendmail -\001 b", "-\\x01" },
	{ "sendmail -f", "-f wants a value" },
	{ "sendmail -i -F", "-F wants a value" },
	{ "sendmail -o", "-o wants a value" },
};

static void
what_is_not_taken_is_a_usage_error_that_names_it(void **state)
{
	char line[200], *argv[MAX_ARGS];
	struct arguments a;
	struct po_err err;
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s", refused[i].line);
		argc = split(line, argv);
		if (arguments_read(argc, argv, &a, &err) == 0)
			fail_msg("%s: taken", refused[i].line);
		assert_int_equal(err.code, PO_EUSAGE);
		if (strstr(err.text, refused[i].why) == NULL)
			fail_msg("%s: %s", refused[i].line, err.text);
	}
}

static const struct {
	const char *line;
	enum arguments_mode mode;
	const char *run;
} modes[] = {
	{ "mailq", ARGUMENTS_LIST, "" },
	{ "/usr/bin/mailq", ARGUMENTS_LIST, "" },
	{ "/usr/sbin/sendmail -bp", ARGUMENTS_LIST, "" },
	{ "newaliases", ARGUMENTS_ALIASES, "" },
	{ "sendmail -bi", ARGUMENTS_ALIASES, "" },
	{ "sendmail -I", ARGUMENTS_ALIASES, "" },
	{ "sendmail -b v b", ARGUMENTS_VERIFY, "" },
	{ "sendmail -bs -i", ARGUMENTS_SMTP, "" },
	{ "sendmail -b s", ARGUMENTS_SMTP, "" },
	{ "sendmail -bv b", ARGUMENTS_VERIFY, "" },
	{ "sendmail -bh", ARGUMENTS_NOTHING, "" },
	{ "sendmail -bH", ARGUMENTS_NOTHING, "" },
	{ "sendmail -q", ARGUMENTS_RUN, "" },
	{ "sendmail -q30m", ARGUMENTS_RUN, "" },
	{ "sendmail -q1h30m", ARGUMENTS_RUN, "" },
	{ "sendmail -qp10s", ARGUMENTS_RUN, "" },
	{ "sendmail -qf", ARGUMENTS_RUN, "" },
	{ "sendmail -qI0123", ARGUMENTS_RUN, "I0123 " },
	{ "sendmail -qRexample.org", ARGUMENTS_RUN, "Rexample.org " },
	{ "sendmail -q!Sroot -qR@a -q!I0 -q", ARGUMENTS_RUN,
	    "!Sroot R@a !I0 " },
	{ "sendmail -bp -qRa", ARGUMENTS_LIST, "Ra " },
	{ "sendmail -qRa -bp", ARGUMENTS_LIST, "Ra " },
	{ "mailq -qRa -qSb", ARGUMENTS_LIST, "Ra Sb " },
	{ "mailq -q", ARGUMENTS_LIST, "" },
	{ "sendmail --help", ARGUMENTS_HELP, "" },
	{ "sendmail --version", ARGUMENTS_VERSION, "" },
	{ "mailq.old", ARGUMENTS_SEND, "" },
};

static void
names_and_letters_choose_the_mode(void **state)
{
	char line[200], got[200], *argv[MAX_ARGS];
	struct arguments a;
	size_t i, k;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s", modes[i].line);
		argc = split(line, argv);
		assert_int_equal(arguments_read(argc, argv, &a, NULL), 0);
		got[0] = '\0';
		for (k = 0; k < a.n_runs; k++)
			(void)snprintf(got + strlen(got),
			    sizeof(got) - strlen(got), "%s ", a.runs[k]);
		if (a.mode != modes[i].mode || strcmp(got, modes[i].run) != 0)
			fail_msg("%s: %d \"%s\"", modes[i].line, (int)a.mode,
			    got);
	}
}

static const struct {
	const char *line;
	unsigned notify;
	enum envelope_ret ret;
	enum envelope_mime mime;
	enum priority priority;
	const char *envid;
	size_t warnings;
} values[] = {
	{ "sendmail b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM, NULL, 0 },
	{ "sendmail -N never b", NOTIFY_NEVER, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, NULL, 0 },
	{ "sendmail -NFAILURE,delay,Success b",
	    NOTIFY_FAILURE | NOTIFY_DELAY | NOTIFY_SUCCESS, RET_DEFAULT,
	    MIME_UNSAID, PRIORITY_MEDIUM, NULL, 0 },
	{ "sendmail -N never,delay b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, NULL, 1 },
	{ "sendmail -N sometimes b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, NULL, 1 },
	{ "sendmail -N '' b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM,
	    NULL, 1 },
	{ "sendmail -R FULL -B 7bit b", 0, RET_FULL, MIME_7BIT, PRIORITY_MEDIUM,
	    NULL, 0 },
	{ "sendmail -Rhdrs -B8BITMIME b", 0, RET_HDRS, MIME_8BIT,
	    PRIORITY_MEDIUM, NULL, 0 },
	{ "sendmail -R some -B BINARYMIME b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, NULL, 2 },
	{ "sendmail -V QQ314159+2B b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, "QQ314159+2B", 0 },
	{ "sendmail -V a=b b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM,
	    NULL, 1 },
	{ "sendmail -V a+2b b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM,
	    NULL, 1 },
	{ "sendmail -V a+0A b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM,
	    NULL, 1 },
	{ "sendmail -V a+2 b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_MEDIUM,
	    NULL, 1 },
	{ "sendmail -odi b", 0, RET_DEFAULT, MIME_UNSAID, PRIORITY_NOW, NULL,
	    0 },
	{ "sendmail -O DeliveryMode=i b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_NOW, NULL, 0 },
	{ "sendmail -OPriority=high b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_HIGH, NULL, 0 },
	{ "sendmail -O priority=LOW b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_LOW, NULL, 0 },
	{ "sendmail -O Priority=9 b", 0, RET_DEFAULT, MIME_UNSAID,
	    PRIORITY_MEDIUM, NULL, 1 },
};

static void
bad_values_warn_and_good_ones_are_kept(void **state)
{
	char line[200], *argv[MAX_ARGS];
	struct arguments a;
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s", values[i].line);
		argc = split(line, argv);
		assert_int_equal(arguments_read(argc, argv, &a, NULL), 0);
		if (a.request.notify != values[i].notify ||
		    a.request.ret != values[i].ret ||
		    a.request.mime != values[i].mime ||
		    a.request.priority != values[i].priority ||
		    a.n_warnings != values[i].warnings ||
		    strcmp(a.request.envid == NULL ? "" : a.request.envid,
		        values[i].envid == NULL ? "" : values[i].envid) != 0)
			fail_msg("%s", values[i].line);
	}
}

static void
control_characters_in_the_envelope_id_are_refused(void **state)
{
	char name[] = "sendmail", option[] = "-V",
	     value[] = "x\r\nRCPT TO:<b@x.test>";
	char *argv[] = { name, option, value, NULL };
	struct arguments a;
	struct po_err err;

	(void)state;
	assert_int_equal(arguments_read(3, argv, &a, &err), -1);
	assert_int_equal(err.code, PO_EDATA);
}

static const struct {
	const char *line;
	bool waits, immediate;
} waiting[] = {
	{ "sendmail b", false, false },
	{ "sendmail --wait b", true, false },
	{ "sendmail -i --wait -odi -- b", true, true },
	{ "sendmail -odi -odb b", false, false },
	{ "sendmail -O DeliveryMode=i b", false, true },
	{ "sendmail -O Priority=now b", false, false },
};

static void
wait_and_odi_say_what_is_waited_for(void **state)
{
	char line[200], *argv[MAX_ARGS];
	struct arguments a;
	size_t i;
	int argc;

	(void)state;
	for (i = 0; i < sizeof(waiting) / sizeof(waiting[0]); i++) {
		(void)snprintf(line, sizeof(line), "%s", waiting[i].line);
		argc = split(line, argv);
		assert_int_equal(arguments_read(argc, argv, &a, NULL), 0);
		if (a.waits != waiting[i].waits ||
		    a.immediate != waiting[i].immediate)
			fail_msg("%s", waiting[i].line);
	}
}

static void
too_many_warnings_are_not_kept(void **state)
{
	char name[] = "sendmail", option[] = "-Nx";
	char *argv[] = { name, option, option, option, option, option, option,
		option, option, option, option, NULL };
	struct arguments a;

	(void)state;
	assert_int_equal(arguments_read(11, argv, &a, NULL), 0);
	assert_int_equal(a.n_warnings, ARGUMENTS_MAX_WARNINGS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_understood),
		cmocka_unit_test(
		    what_is_not_taken_is_a_usage_error_that_names_it),
		cmocka_unit_test(names_and_letters_choose_the_mode),
		cmocka_unit_test(bad_values_warn_and_good_ones_are_kept),
		cmocka_unit_test(
		    control_characters_in_the_envelope_id_are_refused),
		cmocka_unit_test(wait_and_odi_say_what_is_waited_for),
		cmocka_unit_test(too_many_warnings_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
