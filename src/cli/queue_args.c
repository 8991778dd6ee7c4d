/* SPDX-License-Identifier: ISC */
#include "cli/queue_args.h"

#include <getopt.h>
#include <string.h>

#include "util/parse_num.h"
#include "util/span.h"

enum kind {
	KIND_VERB,
	KIND_ACT,
	KIND_SHOW,
	KIND_ASK,
	KIND_FLAG,
	KIND_NUMBER,
	KIND_TEXT,
	KIND_ONLY,
	KIND_SELECT, /* offset: the field */
	KIND_SETTING
};

#define AT(field) offsetof(struct queue_args, field)

static const struct row {
	const char *name;
	char letter;          /* 0: long only */
	const char *argument; /* name of it for --help, NULL: none */
	enum kind kind;
	enum queue_verb verb;
	size_t offset;
	int64_t min, max;
	const char *help;
} rows[] = {
	{ "processes", 'p', "N", KIND_NUMBER, VERB_RUN, AT(processes), 1, 64,
	    "deliver with N children" },
	{ "watch", 0, NULL, KIND_FLAG, VERB_RUN, AT(watch), 0, 0,
	    "stay and deliver as mail comes" },
	{ "flush", 'f', NULL, KIND_FLAG, VERB_RUN, AT(flush), 0, 0,
	    "deferred mail is due now" },
	{ "id", 0, "TEXT", KIND_SELECT, VERB_RUN, SELECT_ID, 0, 0,
	    "only mail whose id contains TEXT (!TEXT: does not)" },
	{ "recipient", 0, "TEXT", KIND_SELECT, VERB_RUN, SELECT_RECIPIENT, 0, 0,
	    "only mail to such a recipient" },
	{ "sender", 0, "TEXT", KIND_SELECT, VERB_RUN, SELECT_SENDER, 0, 0,
	    "only mail of such a sender" },
	{ "ingest", 0, NULL, KIND_FLAG, VERB_RUN, AT(ingest), 0, 0,
	    "take in what is in drop/, send nothing" },
	{ "only", 0, "ID", KIND_ONLY, VERB_RUN, 0, 0, 0,
	    "deliver this message alone, due or not" },
	{ "batch", 0, "N", KIND_NUMBER, VERB_RUN, AT(batch), 16, 4096,
	    "messages handled in one step" },
	{ "fail-if-locked", 0, NULL, KIND_FLAG, VERB_RUN, AT(fail_if_locked), 0,
	    0, "exit 75, not 0, when another runner is at work" },
	{ "list", 'l', NULL, KIND_VERB, VERB_LIST, 0, 0, 0,
	    "print the queue, as mailq does" },
	{ "all", 'a', NULL, KIND_FLAG, VERB_LIST, AT(all), 0, 0,
	    "with --list and --requeue: finished mail too" },
	{ "json", 'j', NULL, KIND_FLAG, VERB_LIST, AT(json), 0, 0,
	    "with --list and --probe: one JSON object a line" },
	{ "show", 0, "ID", KIND_SHOW, VERB_SHOW, 0, 0, 0,
	    "print one message and every attempt" },
	{ "verdict", 0, "ID", KIND_SHOW, VERB_VERDICT, 0, 0, 0,
	    "take in what was submitted, and say what became of ID" },
	{ "status", 's', NULL, KIND_VERB, VERB_STATUS, 0, 0, 0,
	    "say who runs and how much waits" },
	{ "stats", 0, NULL, KIND_VERB, VERB_STATS, 0, 0, 0,
	    "print counts, ages, attempts, rates and next hops" },
	{ "prometheus", 0, NULL, KIND_FLAG, VERB_STATS, AT(prometheus), 0, 0,
	    "with --stats: in the format of Prometheus" },
	{ "route", 0, "ADDRESS", KIND_ASK, VERB_ROUTE, AT(address), 0, 0,
	    "explain which way mail to ADDRESS takes" },
	{ "tag", 0, "TAG", KIND_TEXT, VERB_ROUTE, AT(tag), 0, 0,
	    "with --route: mail with this tag" },
	{ "login", 0, "NAME", KIND_TEXT, VERB_ROUTE, AT(login), 0, 0,
	    "with --route: mail of this user" },
	{ "uid", 0, "N", KIND_NUMBER, VERB_ROUTE, AT(uid), 0, UINT32_MAX - 1,
	    "the same by number" },
	{ "probe", 0, NULL, KIND_VERB, VERB_PROBE, 0, 0, 0,
	    "RELAY...: connect as a delivery would, and say where it ends" },
	{ "hold", 0, NULL, KIND_ACT, VERB_ACT, 0, 0, 0,
	    "ID... or ALL: keep until released" },
	{ "release", 0, NULL, KIND_ACT, VERB_ACT, 0, 0, 0,
	    "ID... or ALL: end a hold" },
	{ "cancel", 0, NULL, KIND_ACT, VERB_ACT, 0, 0, 0,
	    "ID... or ALL: never send what was not sent yet" },
	{ "requeue", 0, NULL, KIND_ACT, VERB_ACT, 0, 0, 0,
	    "ID... or ALL: try now" },
	{ "cleanup", 0, NULL, KIND_VERB, VERB_CLEANUP, 0, 0, 0,
	    "remove finished mail past its retention" },
	{ "days", 0, "N", KIND_NUMBER, VERB_CLEANUP, AT(days), 0, 36500,
	    "with --cleanup: N days instead of the configured" },
	{ "setup", 0, NULL, KIND_VERB, VERB_SETUP, 0, 0, 0,
	    "make the spool (as root: user and group po too)" },
	{ "user", 0, NULL, KIND_FLAG, VERB_SETUP, AT(user), 0, 0,
	    "with --setup: a spool of your own" },
	{ "check", 0, NULL, KIND_VERB, VERB_CHECK, 0, 0, 0,
	    "look at owners, modes, lock, index and files" },
	{ "check-config", 0, NULL, KIND_VERB, VERB_CHECK_CONFIG, 0, 0, 0,
	    "print every setting and where it comes from" },
	{ "rebuild-index", 0, NULL, KIND_VERB, VERB_REBUILD_INDEX, 0, 0, 0,
	    "make the index again from the files" },
	{ "config", 'c', "FILE", KIND_TEXT, VERB_RUN, AT(config), 0, 0,
	    "the configuration file" },
	{ "option", 'o', "NAME=VALUE", KIND_SETTING, VERB_RUN, 0, 0, 0,
	    "set one option" },
	{ "verbose", 'v', NULL, KIND_FLAG, VERB_RUN, AT(verbose), 0, 0,
	    "say at the end what was done" },
	{ "help", 'h', NULL, KIND_VERB, VERB_HELP, 0, 0, 0, "print this" },
	{ "version", 'V', NULL, KIND_VERB, VERB_VERSION, 0, 0, 0,
	    "print the version" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

void
queue_args_help(FILE *out)
{
	char left[64];
	size_t i;

	(void)fputs("usage: po-queue [-p N] [--watch] [--flush] ...\n"
	            "       po-queue --list | --show ID | --hold ID... | "
	            "--cleanup | --setup | --check ...\n\n",
	    out);
	for (i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];

		(void)snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
		    r->letter == 0 ? ' ' : '-',
		    r->letter == 0 ? ' ' : r->letter,
		    r->letter == 0 ? " " : ",", r->name,
		    r->argument == NULL ? "" : " ",
		    r->argument == NULL ? "" : r->argument);
		(void)fprintf(out, "  %-26s %s\n", left, r->help);
	}
	(void)fputs("\nSee po-queue(8) and po.conf(5).\n", out);
}

static int
set_verb(struct queue_args *a, enum queue_verb verb, const char *name,
    struct po_err *err)
{
	if (a->verb_name != NULL && strcmp(a->verb_name, name) != 0)
		return po_fail(err, PO_EUSAGE,
		    "--%s and --%s do not go together", a->verb_name, name);
	a->verb = verb;
	a->verb_name = name;
	return 0;
}

static int
bad_id(const char *name, const char *value, struct po_err *err)
{
	return po_fail(err, PO_EUSAGE,
	    "--%s: \"%.100s\" is no queue id (26 letters and digits)", name,
	    value);
}

static int
set_id(struct queue_args *a, const char *name, const char *value,
    struct po_err *err)
{
	if (!queue_id_parse(span_of(value), &a->only))
		return bad_id(name, value, err);
	a->has_only = true;
	return 0;
}

static int
set_number(struct queue_args *a, const struct row *r, const char *value,
    struct po_err *err)
{
	int64_t n;

	if (!parse_i64(span_of(value), r->min, r->max, &n))
		return po_fail(err, PO_EUSAGE,
		    "--%s: \"%s\" is no number from %lld to %lld", r->name,
		    value, (long long)r->min, (long long)r->max);
	memcpy((char *)a + r->offset, &n, sizeof(n));
	return 0;
}

static int
apply(struct queue_args *a, const struct row *r, const char *value,
    struct po_err *err)
{
	const bool yes = true;

	switch (r->kind) {
	case KIND_VERB:
	case KIND_ACT:
		return set_verb(a, r->verb, r->name, err);
	case KIND_SHOW:
		return set_verb(a, r->verb, r->name, err) == -1
		           ? -1
		           : set_id(a, r->name, value, err);
	case KIND_ASK:
		memcpy((char *)a + r->offset, &value, sizeof(value));
		return set_verb(a, r->verb, r->name, err);
	case KIND_FLAG:
		memcpy((char *)a + r->offset, &yes, sizeof(yes));
		return 0;
	case KIND_NUMBER:
		return set_number(a, r, value, err);
	case KIND_TEXT:
		memcpy((char *)a + r->offset, &value, sizeof(value));
		return 0;
	case KIND_ONLY:
		return set_id(a, r->name, value, err);
	case KIND_SELECT:
		return selection_add(&a->which, (enum select_field)r->offset,
		    span_of(value), err);
	case KIND_SETTING:
		if (a->n_settings == QUEUE_ARGS_MAX_SETTINGS)
			return po_fail(err, PO_EUSAGE,
			    "more than %d -o settings",
			    QUEUE_ARGS_MAX_SETTINGS);
		a->settings[a->n_settings++] = value;
		return 0;
	}
	return 0;
}

static void
make_tables(struct option longs[ROWS + 1], char shorts[2 * ROWS + 3])
{
	size_t i, n = 0;

	shorts[n++] = ':';
	for (i = 0; i < ROWS; i++) {
		longs[i] = (struct option){ rows[i].name,
			rows[i].argument == NULL ? no_argument
			                         : required_argument,
			NULL, (int)i + 256 };
		if (rows[i].letter == 0)
			continue;
		shorts[n++] = rows[i].letter;
		if (rows[i].argument != NULL)
			shorts[n++] = ':';
	}
	longs[ROWS] = (struct option){ NULL, 0, NULL, 0 };
	shorts[n] = '\0';
}

static const struct row *
row_of(int c)
{
	size_t i;

	if (c >= 256 && (size_t)c - 256 < ROWS)
		return &rows[c - 256];
	for (i = 0; i < ROWS; i++)
		if (rows[i].letter != 0 && rows[i].letter == c)
			return &rows[i];
	return NULL;
}

/* The selection of a sender names the one that is meant. */
static int
check_route(const struct queue_args *a, struct po_err *err)
{
	const struct select_term *term = &a->which.terms[0];

	if (a->which.n > 1 ||
	    (a->which.n == 1 && (term->field != SELECT_SENDER || term->negate)))
		return po_fail(err, PO_EUSAGE,
		    "of --id, --recipient and --sender only one --sender goes "
		    "with --route");
	return 0;
}

/* Likewise, of both. */
static int
check_probe(const struct queue_args *a, struct po_err *err)
{
	bool seen[2] = { false, false };
	size_t i;

	for (i = 0; i < a->which.n; i++) {
		const struct select_term *term = &a->which.terms[i];
		bool *of = &seen[term->field == SELECT_SENDER];

		if (term->negate || term->field == SELECT_ID || *of)
			return po_fail(err, PO_EUSAGE,
			    "of --id, --recipient and --sender one --sender "
			    "and one --recipient go with --probe");
		*of = true;
	}
	return 0;
}

static int
check_ids(const struct queue_args *a, struct po_err *err)
{
	struct queue_id id;
	int i;

	for (i = 0; i < a->n_ids && !a->everything && a->verb == VERB_ACT; i++)
		if (!queue_id_parse(span_of(a->ids[i]), &id))
			return bad_id(a->verb_name, a->ids[i], err);
	return 0;
}

static int
check(const struct queue_args *a, struct po_err *err)
{
	bool selects = a->which.n > 0;

	if (a->n_ids > 0 && a->verb != VERB_ACT && a->verb != VERB_PROBE)
		return po_fail(err, PO_EUSAGE,
		    "\"%s\": no argument is expected here", a->ids[0]);
	if (a->verb == VERB_ACT && (a->n_ids == 0) != selects)
		return po_fail(err, PO_EUSAGE,
		    "--%s needs queue ids, ALL, or one or more of --id, "
		    "--recipient and --sender",
		    a->verb_name);
	if (check_ids(a, err) == -1)
		return -1;
	if (a->verb != VERB_ROUTE &&
	    (a->tag != NULL || a->login != NULL || a->uid != -1))
		return po_fail(err, PO_EUSAGE,
		    "--tag, --login and --uid go with --route");
	if ((a->watch || a->flush || a->ingest) && a->verb != VERB_RUN)
		return po_fail(err, PO_EUSAGE, "--%s does not go with a run",
		    a->verb_name);
	if (a->verb == VERB_ROUTE)
		return check_route(a, err);
	if (a->verb == VERB_PROBE)
		return check_probe(a, err);
	if (selects && !a->flush && a->verb != VERB_ACT && a->verb != VERB_LIST)
		return po_fail(err, PO_EUSAGE,
		    "--id, --recipient and --sender go with --list, --flush, "
		    "--hold, --release, --cancel and --requeue");
	if (a->all && a->verb != VERB_LIST &&
	    (a->verb != VERB_ACT || strcmp(a->verb_name, "requeue") != 0))
		return po_fail(err, PO_EUSAGE,
		    "--all goes with --list and --requeue");
	if (a->prometheus && a->verb != VERB_STATS)
		return po_fail(err, PO_EUSAGE,
		    "--prometheus goes with --stats");
	if (a->watch && a->has_only)
		return po_fail(err, PO_EUSAGE,
		    "--watch and --only do not go together");
	return 0;
}

int
queue_args_parse(int argc, char **argv, struct queue_args *a,
    struct po_err *err)
{
	struct option longs[ROWS + 1];
	char shorts[2 * ROWS + 3];
	const struct row *r;
	int c;

	memset(a, 0, sizeof(*a));
	a->verb = VERB_RUN;
	a->days = a->uid = -1;
	make_tables(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == ':')
			return po_fail(err, PO_EUSAGE,
			    "%s needs an argument; see po-queue --help",
			    argv[optind - 1]);
		r = row_of(c);
		if (r == NULL)
			return po_fail(err, PO_EUSAGE,
			    "unknown option %s; see po-queue --help",
			    argv[optind - 1]);
		if (apply(a, r, optarg, err) == -1)
			return -1;
	}
	a->ids = argv + optind;
	a->n_ids = argc - optind;
	a->everything = a->n_ids == 1 && strcmp(a->ids[0], "ALL") == 0;
	return check(a, err);
}
