/* SPDX-License-Identifier: ISC */
#include "cli/arguments.h"

#include <string.h>

#include "envelope/xtext.h"
#include "log/log.h"
#include "submit/smtp_params.h"

#define SHOWN 40u

enum takes {
	TAKES_NOTHING,
	TAKES_VALUE,    /* joined, or the next argument */
	TAKES_ATTACHED, /* joined or none */
};

struct option {
	char letter;
	enum takes takes;
	/* NULL: accepted and ignored */
	int (*effect)(struct arguments *a, const struct option *o,
	    const char *value, struct po_err *err);
	const char *help;
};

/* ------------------------------------------------------------------ effects */

/* A value that is not taken, as one line can show it. */
static int
refuse_value(const struct option *o, const char *value, struct po_err *err)
{
	struct buf shown;

	buf_init(&shown, SHOWN);
	(void)log_escape(&shown, span_of(value), SHOWN);
	(void)po_fail(err, PO_EUSAGE, "option -%c%s is not supported",
	    o->letter, buf_str(&shown));
	buf_clear(&shown);
	return -1;
}

static int
refuse(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)a;
	(void)value;
	return po_fail(err, PO_EUSAGE, "option -%c is not supported (%s)",
	    o->letter, o->help);
}

static void
warn(struct arguments *a, const struct option *o, const char *value,
    const char *why)
{
	if (a->n_warnings < ARGUMENTS_MAX_WARNINGS)
		a->warnings[a->n_warnings++] =
		    (struct arguments_warning){ o->letter, value, why };
}

static int
set_mode(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	static const struct {
		char letter;
		enum arguments_mode mode;
	} modes[] = {
		{ 'm', ARGUMENTS_SEND },
		{ 's', ARGUMENTS_SMTP },
		{ 'p', ARGUMENTS_LIST },
		{ 'i', ARGUMENTS_ALIASES },
		{ 'v', ARGUMENTS_VERIFY },
		{ 'h', ARGUMENTS_NOTHING },
		{ 'H', ARGUMENTS_NOTHING },
	};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (value[0] == modes[i].letter && value[1] == '\0') {
			a->mode = modes[i].mode;
			return 0;
		}
	}
	return refuse_value(o, value, err);
}

static int
set_aliases(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)value;
	(void)err;
	a->mode = ARGUMENTS_ALIASES;
	return 0;
}

static int
set_mime(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	struct span s = span_of(value);

	(void)err;
	if (span_eq_nocase(s, SPAN_LIT("8BITMIME")))
		a->request.mime = MIME_8BIT;
	else if (span_eq_nocase(s, SPAN_LIT("7BIT")))
		a->request.mime = MIME_7BIT;
	else
		warn(a, o, value, "7BIT or 8BITMIME is wanted");
	return 0;
}

static int
set_name(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)err;
	a->request.full_name = value;
	return 0;
}

static int
set_sender(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)err;
	a->request.sender = value;
	return 0;
}

static int
set_dots(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)value;
	(void)err;
	a->request.dots = DOTS_DATA;
	return 0;
}

static int
set_header_recipients(struct arguments *a, const struct option *o,
    const char *value, struct po_err *err)
{
	(void)o;
	(void)value;
	(void)err;
	a->request.header_recipients = true;
	return 0;
}

static int
set_notify(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	(void)err;
	if (!smtp_notify_parse(span_of(value), &a->request.notify))
		warn(a, o, value,
		    "never, or some of success, failure and delay, is wanted");
	return 0;
}

static int
set_ret(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	struct span s = span_of(value);

	(void)err;
	if (span_eq_nocase(s, SPAN_LIT("full")))
		a->request.ret = RET_FULL;
	else if (span_eq_nocase(s, SPAN_LIT("hdrs")))
		a->request.ret = RET_HDRS;
	else
		warn(a, o, value, "full or hdrs is wanted");
	return 0;
}

static int
set_envid(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	struct span s = span_of(value);
	size_t i;

	for (i = 0; i < s.len; i++)
		if (ascii_is_control((unsigned char)value[i]))
			return po_fail(err, PO_EDATA,
			    "a control character in the value of -V");
	if (s.len == 0 || s.len > ENVELOPE_MAX_ENVID || !xtext_is_valid(s))
		warn(a, o, value,
		    "at most 100 characters of xtext (RFC 3461) "
		    "are wanted");
	else
		a->request.envid = value;
	return 0;
}

/* -od, DeliveryMode: i sends at once; b, q and d are what po always does. */
static void
set_delivery(struct arguments *a, char mode)
{
	a->immediate = mode == 'i';
	if (mode == 'i')
		a->request.priority = PRIORITY_NOW;
}

static int
set_short(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	if (value[0] == 'i')
		return set_dots(a, o, value, err);
	if (value[0] == 'd')
		set_delivery(a, value[1]);
	return 0;
}

static int
set_long(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	struct span rest = span_of(value), name = span_cut(&rest, '=');

	(void)err;
	name = span_trim(name);
	rest = span_trim(rest);
	if (span_eq_nocase(name, SPAN_LIT("Priority"))) {
		if (!priority_parse(rest, &a->request.priority))
			warn(a, o, value, "now, high, medium or low is wanted");
	} else if (span_eq_nocase(name, SPAN_LIT("DeliveryMode")) &&
	           rest.len > 0) {
		set_delivery(a, rest.p[0]);
	}
	return 0;
}

/* What follows -q where no I, R or S does: nothing, f, or p and a time as 30m
 * or 1h30m, which is a daemon's and means one run here. */
static bool
is_interval(const char *value)
{
	if (strcmp(value, "f") == 0)
		return true;
	if (*value == 'p')
		value++;
	if (*value != '\0' && (*value < '0' || *value > '9'))
		return false;
	return strspn(value, "0123456789smhdw") == strlen(value);
}

static int
set_run(struct arguments *a, const struct option *o, const char *value,
    struct po_err *err)
{
	const char *letter = value[0] == '!' ? value + 1 : value;
	bool selects = *letter != '\0' && strchr("IRS", *letter) != NULL;

	if (selects ? letter[1] == '\0' : !is_interval(value))
		return refuse_value(o, value, err);
	if (selects && a->n_runs == ARGUMENTS_MAX_RUNS)
		return po_fail(err, PO_EUSAGE, "more than %d of -qI, -qR, -qS",
		    ARGUMENTS_MAX_RUNS);
	if (a->mode != ARGUMENTS_LIST) /* mailq -qR...: a part of the list */
		a->mode = ARGUMENTS_RUN;
	if (selects)
		a->runs[a->n_runs++] = value;
	return 0;
}

/* ------------------------------------------------------------ the table */

static const struct option options[] = {
	{ 'A', TAKES_VALUE, NULL, "which configuration file: ignored" },
	{ 'B', TAKES_VALUE, set_mime, "type of the body: 7BIT or 8BITMIME" },
	{ 'C', TAKES_VALUE, NULL, "configuration file: ignored" },
	{ 'D', TAKES_VALUE, refuse, "debug log or macro" },
	{ 'E', TAKES_NOTHING, NULL, "ignored" },
	{ 'F', TAKES_VALUE, set_name, "full name of the sender" },
	{ 'G', TAKES_NOTHING, NULL, "relayed mail: ignored" },
	{ 'I', TAKES_NOTHING, set_aliases, "as -bi" },
	{ 'L', TAKES_VALUE, NULL, "tag of log lines: ignored" },
	{ 'M', TAKES_VALUE, refuse, "macro or queue administration" },
	{ 'N', TAKES_VALUE, set_notify, "when to notify (RFC 3461)" },
	{ 'O', TAKES_VALUE, set_long,
	    "option: Priority and DeliveryMode count, others are ignored" },
	{ 'Q', TAKES_ATTACHED, refuse, "quarantine" },
	{ 'R', TAKES_VALUE, set_ret, "what a bounce returns: full or hdrs" },
	{ 'U', TAKES_NOTHING, NULL, "initial submission: ignored" },
	{ 'V', TAKES_VALUE, set_envid, "envelope id (RFC 3461)" },
	{ 'X', TAKES_VALUE, refuse, "traffic log" },
	{ 'b', TAKES_VALUE, set_mode, "mode: m, s, p, i, v, h or H" },
	{ 'c', TAKES_NOTHING, NULL, "ignored" },
	{ 'd', TAKES_ATTACHED, NULL, "debugging: ignored" },
	{ 'e', TAKES_VALUE, NULL, "how to report errors: ignored" },
	{ 'f', TAKES_VALUE, set_sender, "envelope sender" },
	{ 'h', TAKES_VALUE, NULL, "hop count: ignored" },
	{ 'i', TAKES_NOTHING, set_dots, "a line of one dot is text" },
	{ 'm', TAKES_NOTHING, NULL, "send to me too: ignored" },
	{ 'n', TAKES_NOTHING, NULL, "no aliases: ignored" },
	{ 'o', TAKES_VALUE, set_short,
	    "option: i and di count, others are ignored" },
	{ 'p', TAKES_VALUE, NULL, "protocol and host: ignored" },
	{ 'q', TAKES_ATTACHED, set_run,
	    "run the queue once; I, R, S and a text choose from it" },
	{ 'r', TAKES_VALUE, set_sender, "as -f" },
	{ 's', TAKES_NOTHING, NULL, "ignored" },
	{ 't', TAKES_NOTHING, set_header_recipients,
	    "recipients from To, Cc and Bcc too" },
	{ 'v', TAKES_NOTHING, NULL, "verbose: ignored" },
	{ 'x', TAKES_NOTHING, NULL, "ignored" },
};

static const struct option *
find_option(char letter)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

const char *
arguments_help(char letter)
{
	const struct option *o = find_option(letter);

	return o == NULL ? NULL : o->help;
}

/* ------------------------------------------------------------------ argv */

static int
unknown(const char *what, struct po_err *err)
{
	unsigned char c = (unsigned char)what[0];

	if (c <= ' ' || c > '~')
		return po_fail(err, PO_EUSAGE, "unknown option -\\x%02x", c);
	return po_fail(err, PO_EUSAGE, "unknown option -%c", c);
}

static int
unknown_long(const char *name, struct po_err *err)
{
	struct buf shown;

	buf_init(&shown, SHOWN);
	(void)log_escape(&shown, span_of(name), SHOWN);
	(void)po_fail(err, PO_EUSAGE, "unknown option --%s", buf_str(&shown));
	buf_clear(&shown);
	return -1;
}

static int
read_long(const char *name, struct arguments *a, struct po_err *err)
{
	if (strcmp(name, "help") == 0)
		a->mode = ARGUMENTS_HELP;
	else if (strcmp(name, "version") == 0)
		a->mode = ARGUMENTS_VERSION;
	else if (strcmp(name, "wait") == 0)
		a->waits = true;
	else
		return unknown_long(name, err);
	return 0;
}

/* All letters of one argument; *next is the one behind it, eaten when the last
 * letter wants a value. */
static int
read_cluster(const char *at, char *const argv[], int argc, int *next,
    struct arguments *a, struct po_err *err)
{
	const struct option *o;
	const char *value = "";

	for (; *at != '\0'; at++) {
		o = find_option(*at);
		if (o == NULL)
			return unknown(at, err);
		if (o->takes != TAKES_NOTHING) {
			value = at + 1;
			at += strlen(at) - 1;
			if (*value == '\0' && o->takes == TAKES_VALUE) {
				if (*next >= argc)
					return po_fail(err, PO_EUSAGE,
					    "option -%c wants a value",
					    o->letter);
				value = argv[(*next)++];
			}
		}
		if (o->effect != NULL && o->effect(a, o, value, err) == -1)
			return -1;
	}
	return 0;
}

static enum arguments_mode
mode_of_name(const char *argv0)
{
	const char *slash = argv0 == NULL ? NULL : strrchr(argv0, '/');
	const char *name = slash == NULL ? argv0 : slash + 1;

	if (name != NULL && strcmp(name, "mailq") == 0)
		return ARGUMENTS_LIST;
	if (name != NULL && strcmp(name, "newaliases") == 0)
		return ARGUMENTS_ALIASES;
	return ARGUMENTS_SEND;
}

int
arguments_read(int argc, char *const argv[], struct arguments *a,
    struct po_err *err)
{
	const char *arg;
	int next = 1;

	*a = (struct arguments){ .mode = mode_of_name(argv[0]) };
	a->request.dots = DOTS_SENDMAIL;
	a->request.priority = PRIORITY_MEDIUM;
	while (next < argc) {
		arg = argv[next];
		if (arg[0] != '-' || arg[1] == '\0')
			break;
		next++;
		if (strcmp(arg, "--") == 0) {
			a->request.option_like = true;
			break;
		}
		if (arg[1] == '-' ? read_long(arg + 2, a, err) == -1
		                  : read_cluster(arg + 1, argv, argc, &next, a,
		                        err) == -1)
			return -1;
	}
	a->request.recipients = (const char *const *)argv + next;
	a->request.n_recipients = (size_t)(argc - next);
	return 0;
}
