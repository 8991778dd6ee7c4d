/* SPDX-License-Identifier: ISC */
/*
 * What the command line names is read as the caller; then root becomes the
 * spool's owner, for good or until the store is read. Others who read are who
 * they are: everybody may.
 */
#include "cli/template_command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/caller_file.h"
#include "cli/template_call.h"
#include "compose/host.h"
#include "spool/spool.h"
#include "util/fd.h"
#include "util/wallclock.h"

static const struct template_verb *
find_verb(const char *name)
{
	size_t i;

	for (i = 0; template_verbs[i].name != NULL; i++)
		if (strcmp(template_verbs[i].name, name) == 0)
			return &template_verbs[i];
	return NULL;
}

bool
template_command_names_file(const char *argument)
{
	return argument[0] == '/' || strncmp(argument, "./", 2) == 0 ||
	       strncmp(argument, "../", 3) == 0;
}

bool
template_command_is(int argc, char **argv)
{
	const struct template_verb *v = argc < 2 ? NULL : find_verb(argv[1]);

	if (v == NULL)
		return false;
	return !template_verb_may_be_storeless(v) ||
	       (argc > 2 && argv[2][0] != '-' &&
	           !template_command_names_file(argv[2]));
}

void
template_command_usage(FILE *to)
{
	size_t i;

	for (i = 0; template_verbs[i].name != NULL; i++)
		(void)fprintf(to, "       po-template %s\n",
		    template_verbs[i].usage);
}

enum {
	OPT_LANG = 1,
	OPT_DESCRIPTION,
	OPT_SUBJECT,
	OPT_TEXT,
	OPT_HTML,
	OPT_CONTEXT,
	OPT_PART,
	OPT_NOW,
	OPT_JSON,
	OPT_STRICT,
	OPT_DRY_RUN,
	OPT_CONFIG,
	OPT_TIMEZONE,
	OPT_OUTPUT,
	OPT_OPEN
};

static bool
set_option(struct template_call *c, int option, const char *value)
{
	switch (option) {
	case OPT_LANG:
		return templates_lang(span_of(value), c->lang);
	case OPT_DESCRIPTION:
		c->description = value;
		return true;
	case OPT_TEXT:
		c->text_auto = strcmp(value, "auto") == 0;
		c->file[PART_TEXT] = c->text_auto ? NULL : value;
		return true;
	case OPT_SUBJECT:
	case OPT_HTML:
		c->file[option - OPT_SUBJECT] = value;
		return true;
	case OPT_CONTEXT:
		c->context = value;
		return true;
	case OPT_PART:
		c->part = value;
		return strcmp(value, "subject") == 0 ||
		       strcmp(value, "text") == 0 || strcmp(value, "html") == 0;
	case OPT_NOW:
		return template_time_parse(span_of(value), &c->now_us);
	case OPT_JSON:
		c->json = true;
		return true;
	case OPT_STRICT:
		c->strict = true;
		return true;
	case OPT_DRY_RUN:
		c->dry_run = true;
		return true;
	case OPT_CONFIG:
		c->config = value;
		return true;
	case OPT_OUTPUT:
		c->output = value;
		return true;
	case OPT_OPEN:
		c->open = true;
		return true;
	case OPT_TIMEZONE:
		c->timezone = value;
		return template_zone_use(value);
	default:
		return false;
	}
}

/* The usage of a verb names its options; --config is everybody's. */
static bool
has_option(const struct template_verb *v, int option, const char *spelt)
{
	const char *at = strstr(v->usage, spelt);

	return option == OPT_CONFIG ||
	       (at != NULL && strchr(" ]", at[strlen(spelt)]) != NULL);
}

/* How usages spell it. */
static void
spell(int option, const char *name, char to[32])
{
	if (option == OPT_OUTPUT)
		(void)snprintf(to, 32, "-o");
	else
		(void)snprintf(to, 32, "--%s", name);
}

static int
read_operands(struct template_call *c, const struct template_verb *v, int n,
    char **operand, struct po_err *err)
{
	if (n < v->min || n > v->max)
		return po_fail(err, PO_EUSAGE, "usage: po-template %s",
		    v->usage);
	if (n == 0)
		return 0;
	if (v->kind == VERB_FOLDER) {
		c->files_folder = operand[0];
		return 0;
	}
	c->name = operand[0];
	if (!templates_name_encode(span_of(c->name), c->folder))
		return po_fail(err, PO_EUSAGE,
		    "'%.100s' is no name of a template (1 to %u bytes of text "
		    "in one line)",
		    c->name, TEMPLATES_NAME_MAX);
	if (n >= 2 &&
	    !templates_version_parse(span_of(operand[1]), &c->version))
		return po_fail(err, PO_EUSAGE, "'%s' is no version",
		    operand[1]);
	if (n == 3 &&
	    !templates_version_parse(span_of(operand[2]), &c->second_version))
		return po_fail(err, PO_EUSAGE, "'%s' is no version",
		    operand[2]);
	return 0;
}

static int
parse(struct template_call *c, const struct template_verb *v, int argc,
    char **argv, struct po_err *err)
{
	static const struct option options[] = {
		{ "lang", required_argument, NULL, OPT_LANG },
		{ "description", required_argument, NULL, OPT_DESCRIPTION },
		{ "subject", required_argument, NULL, OPT_SUBJECT },
		{ "text", required_argument, NULL, OPT_TEXT },
		{ "html", required_argument, NULL, OPT_HTML },
		{ "context-file", required_argument, NULL, OPT_CONTEXT },
		{ "part", required_argument, NULL, OPT_PART },
		{ "now", required_argument, NULL, OPT_NOW },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "strict", no_argument, NULL, OPT_STRICT },
		{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
		{ "config", required_argument, NULL, OPT_CONFIG },
		{ "timezone", required_argument, NULL, OPT_TIMEZONE },
		{ "output", required_argument, NULL, OPT_OUTPUT },
		{ "open", no_argument, NULL, OPT_OPEN },
		{ NULL, 0, NULL, 0 },
	};
	char spelt[32];
	int o, row = 0;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":o:", options, &row)) != -1) {
		if (o == '?' || o == ':')
			return po_fail(err, PO_EUSAGE, "%s %s",
			    o == '?' ? "there is no option"
			             : "a value is missing behind",
			    argv[optind - 1]);
		if (o == 'o')
			o = OPT_OUTPUT;
		spell(o, options[row].name, spelt);
		if (!has_option(v, o, spelt))
			return po_fail(err, PO_EUSAGE,
			    "%s has no option %s; usage: po-template %s",
			    v->name, spelt, v->usage);
		if (!set_option(c, o, optarg))
			return po_fail(err, PO_EUSAGE,
			    "'%s' is no value for this option", optarg);
	}
	return read_operands(c, v, argc - optind, argv + optind, err);
}

static int
read_inputs(struct template_call *c, struct po_err *err)
{
	int i;

	if (c->file[PART_SUBJECT] != NULL) {
		buf_init(&c->input[PART_SUBJECT], TEMPLATES_PART_MAX);
		c->has[PART_SUBJECT] = true;
		if (!buf_puts(&c->input[PART_SUBJECT], c->file[PART_SUBJECT]))
			return po_fail(err, PO_EDATA,
			    "the subject is too long");
	}
	for (i = PART_TEXT; i < MAIL_PARTS; i++)
		c->has[i] = c->file[i] != NULL;
	for (i = PART_TEXT; i < MAIL_PARTS; i++)
		if (c->file[i] != NULL &&
		    caller_file_read(c->file[i], TEMPLATES_PART_MAX,
		        &c->input[i], err) == -1)
			return -1;
	return c->context == NULL
	           ? 0
	           : caller_file_read(c->context,
	                 template_limits_default.context_bytes + 1,
	                 &c->context_text, err);
}

/* A child becomes the spool's owner and saves: the files are the caller's, who
 * may be root, and are removed by him. */
static int
save_edited(struct template_call *c, const struct template_verb *v,
    struct po_err *err)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (spool_become_owner(c->drop.spool, err) == -1 ||
		    v->run(c, err) == -1)
			_exit(template_complain(c, err));
		_exit(EX_OK);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	template_edit_end(&c->edit, pid == -1 || status != 0);
	if (pid == -1)
		return po_fail_sys(err, PO_EOS, "start a child");
	if (status == 0)
		return 0;
	return po_fail(err,
	    WIFEXITED(status) && WEXITSTATUS(status) == EX_NOPERM ? PO_EPERM
	                                                          : PO_EBUSY,
	    "nothing is saved");
}

/* Root, and whoever changes something, is the owner before the store is
 * touched. */
static int
run_as_owner(struct template_call *c, const struct template_verb *v,
    struct po_err *err)
{
	bool must = v->kind == VERB_CHANGES || v->kind == VERB_FOLDER;

	if ((must || geteuid() == 0) &&
	    spool_become_owner(c->drop.spool, err) == -1)
		return -1;
	return templates_open(c->drop.spool, &c->store, err) == -1
	           ? -1
	           : v->run(c, err);
}

int
template_store_borrow(struct template_call *c, struct po_err *err)
{
	if (spool_borrow_owner(c->drop.spool, &c->borrow, err) == -1)
		return -1;
	if (templates_open(c->drop.spool, &c->store, err) == 0)
		return 0;
	spool_return_owner(&c->borrow);
	return -1;
}

/* Read as the owner where root calls, then go on as the caller. */
static int
run_and_finish(struct template_call *c, const struct template_verb *v,
    struct po_err *err)
{
	int rc;

	if (template_store_borrow(c, err) == -1)
		return -1;
	rc = v->run(c, err);
	spool_return_owner(&c->borrow);
	return rc == 0 ? v->finish(c, err) : -1;
}

static int
work(struct template_call *c, const struct template_verb *v, struct po_err *err)
{
	const struct conf_table tables[] = { { drop_options, &c->drop } };

	if (read_inputs(c, err) == -1 ||
	    conf_load_some(c->config, tables, 1, &c->conf, err) == -1)
		return -1;
	if (v->prepare != NULL && v->prepare(c, err) == -1)
		return -1;
	if (v->kind == VERB_SHOWS)
		return v->run(c, err);
	if (v->kind == VERB_EDITS)
		return save_edited(c, v, err);
	return v->finish != NULL ? run_and_finish(c, v, err)
	                         : run_as_owner(c, v, err);
}

static int
do_verb(struct template_call *c, const struct template_verb *v,
    struct po_err *err)
{
	if (work(c, v, err) == -1)
		return -1;
	return fflush(stdout) == 0
	           ? 0
	           : po_fail_sys(err, PO_EIO, "write standard output");
}

int
template_command_run(int argc, char **argv)
{
	struct template_call c = { .lang = TEMPLATES_DEFAULT,
		.now_us = wallclock_now_ms() * 1000,
		.old_description = { .max = TEMPLATES_DESCRIPTION_MAX },
		.store = { .dirfd = -1 } };
	const struct template_verb *v = find_verb(argv[1]);
	struct po_err err = { PO_OK, 0, "" };
	int i, status = EX_OK;

	if (parse(&c, v, argc - 1, argv + 1, &err) == -1 ||
	    do_verb(&c, v, &err) == -1)
		status = template_complain(&c, &err);
	template_library_clear(&c);
	for (i = 0; i < MAIL_PARTS; i++)
		buf_clear(&c.input[i]);
	buf_clear(&c.context_text);
	buf_clear(&c.old_description);
	buf_clear(&c.wrong);
	template_items_clear(&c.items);
	while (c.n_exported > 0)
		templates_version_clear(&c.exported[--c.n_exported]);
	free(c.exported);
	templates_close(&c.store);
	conf_free(c.conf);
	return status;
}
