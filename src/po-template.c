/* SPDX-License-Identifier: ISC */
/*
 * po-template: checks and renders templates that lie in plain files. See
 * po-template(1). The room compose does the work and opens no file; finding,
 * reading and keeping the other templates of a render is done here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/template_caret.h"
#include "cli/template_command.h"
#include "compose/host.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

/* A template of the folder, once it was asked for. */
struct entry {
	struct entry *next;
	char *name;
	dev_t dev;
	ino_t ino;
	struct buf source;
	struct template *t;
};

struct program {
	const char *template_file;
	const char *template_dir;
	const char *context_file;
	const char *timezone;
	bool autoescape;
	bool strict;
	int64_t now_us;
	int dir; /* -1: none */
	struct entry *entries;
};

/* ------------------------------------------------------------------ files */

/* 1: *e is filled, 0: there is no such file, -1: error. "-" is standard input
 * where `dir` is AT_FDCWD. */
static int
read_entry(int dir, const char *path, struct entry *e, struct po_err *err)
{
	struct stat st;
	int rc = -1;
	int fd = dir == AT_FDCWD && strcmp(path, "-") == 0
	             ? dup(STDIN_FILENO)
	             : openat(dir, path,
	                   O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd == -1 && dir != AT_FDCWD &&
	    (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1) {
		po_fail_sys(err, PO_ENOINPUT, "open %s", path);
	} else if (fstat(fd, &st) == -1) {
		po_fail_sys(err, PO_ENOINPUT, "%s", path);
	} else if (S_ISDIR(st.st_mode)) {
		rc = dir == AT_FDCWD
		         ? po_fail(err, PO_ENOINPUT, "%s is a folder", path)
		         : 0;
	} else {
		e->dev = st.st_dev;
		e->ino = st.st_ino;
		buf_init(&e->source, template_limits_default.source_bytes + 1);
		rc = fd_read_rest(fd, &e->source, path, err) == -1 ? -1 : 1;
	}
	fd_close(&fd);
	return rc;
}

static void
free_entry(struct entry *e)
{
	if (e == NULL)
		return;
	template_free(e->t);
	buf_clear(&e->source);
	free(e->name);
	free(e);
}

/* ------------------------------------------------------------------ templates
 */

/* A name stays within the folder: no part of it is empty, "." or "..". */
static bool
is_name(struct span name)
{
	struct span rest = name;
	struct span part;

	if (name.len == 0 || name.p[name.len - 1] == '/' ||
	    memchr(name.p, '\0', name.len) != NULL)
		return false;
	while (rest.len > 0) {
		part = span_cut(&rest, '/');
		if (part.len == 0 || span_eq(part, SPAN_LIT(".")) ||
		    span_eq(part, SPAN_LIT("..")))
			return false;
	}
	return true;
}

static struct entry *
find_entry(const struct program *p, struct span name)
{
	struct entry *e;

	for (e = p->entries; e != NULL && !span_eq(span_of(e->name), name);
	     e = e->next)
		;
	return e;
}

/* The same file may go by two names: then it is one template, so that a loop of
 * extends is seen. */
static struct entry *
find_file(const struct program *p, const struct entry *like)
{
	struct entry *e;

	for (e = p->entries;
	     e != NULL &&
	     !(e->dev == like->dev && e->ino == like->ino && e->t != NULL);
	     e = e->next)
		;
	return e;
}

/* The loader. What does not compile is not asked for again: the render ends. */
static int
get_template(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct program *p = ctx;
	struct entry *e = find_entry(p, name);
	struct entry *same;
	int rc;

	if (p->dir == -1 || !is_name(name) || name.len > 4000)
		return 0;
	if (e == NULL) {
		e = xcalloc(1, sizeof(*e));
		e->name = xcalloc(1, name.len + 1);
		memcpy(e->name, name.p, name.len);
		rc = read_entry(p->dir, e->name, e, err);
		same = rc == 1 ? find_file(p, e) : NULL;
		if (rc == 1 && same == NULL)
			rc = template_compile(e->name, buf_span(&e->source),
			         NULL, &e->t, where, err) == -1
			         ? -1
			         : 1;
		if (rc != 1 || same != NULL)
			free_entry(e);
		if (rc != 1)
			return rc;
		if (same != NULL) {
			*out = same->t;
			return 1;
		}
		e->next = p->entries;
		p->entries = e;
	}
	*out = e->t;
	return 1;
}

/* What the main template is called: its place in the folder if it lies there,
 * else the file's name. */
static const char *
main_name(const struct program *p)
{
	size_t len = p->template_dir == NULL ? 0 : strlen(p->template_dir);

	while (len > 1 && p->template_dir[len - 1] == '/')
		len--;
	if (len > 0 && strncmp(p->template_file, p->template_dir, len) == 0 &&
	    p->template_file[len] == '/')
		return p->template_file + len + 1;
	return p->template_file;
}

/* The main template, which is the first entry. */
static int
load_main(struct program *p, struct template_place *where, struct po_err *err)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	e->name = xstrdup(main_name(p));
	p->entries = e;
	if (p->template_dir != NULL) {
		p->dir =
		    open(p->template_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->dir == -1)
			return po_fail_sys(err, PO_ENOINPUT, "open %s",
			    p->template_dir);
	}
	if (read_entry(AT_FDCWD, p->template_file, e, err) != 1)
		return -1;
	return template_compile(e->name, buf_span(&e->source), NULL, &e->t,
	    where, err);
}

/* ------------------------------------------------------------------ render */

static int
load_context(const struct program *p, struct template_context **c,
    struct po_err *err)
{
	struct entry e = { .source = { .p = NULL } };
	int rc = read_entry(AT_FDCWD, p->context_file, &e, err);

	if (rc == 1)
		rc = template_context_parse(buf_span(&e.source), NULL, c, err);
	buf_clear(&e.source);
	return rc;
}

static int
verb_render(struct program *p, struct template_place *where, struct po_err *err)
{
	struct template_budget budget;
	struct template_options o = { .autoescape = p->autoescape,
		.strict = p->strict,
		.now_us = p->now_us,
		.seed = (uint64_t)p->now_us,
		.loader = { get_template, p },
		.expired = template_budget_spent,
		.expired_ctx = &budget };
	struct template_context *c = NULL;
	struct buf out;
	int rc = -1;

	if (p->timezone != NULL)
		o.zone = template_zone_host;
	template_budget_begin(&budget, TEMPLATE_CPU_SECONDS);
	buf_init(&out, template_limits_default.output_bytes);
	if (load_context(p, &c, err) == 0 && load_main(p, where, err) == 0 &&
	    template_render(p->entries->t, c, &o, &out, where, err) == 0)
		rc = fd_write_all(STDOUT_FILENO, buf_str(&out), out.len,
		    "standard output", err);
	template_context_free(c);
	buf_clear(&out);
	return rc;
}

/* ------------------------------------------------------------------ check */

/* What `e` names must be there and compile; so must what that names. Each
 * template is looked at once. */
static int
check_references(struct program *p, const struct template *t, const char *name,
    struct template_place *where, struct po_err *err)
{
	struct template_reference ref;
	const struct template *other;
	size_t i;
	int rc;

	for (i = 0; template_reference_get(t, i, &ref); i++) {
		if (find_entry(p, ref.name) != NULL)
			continue;
		rc = get_template(p, ref.name, &other, where, err);
		if (rc == -1)
			return -1;
		if (rc == 0 && p->strict) {
			(void)snprintf(where->name, sizeof(where->name), "%s",
			    name);
			where->line = ref.line;
			where->column = ref.column;
			return po_fail(err, PO_EDATA,
			    "%s:%u:%u: there is no template '%.*s'", name,
			    ref.line, ref.column,
			    (int)(ref.name.len > 200 ? 200 : ref.name.len),
			    ref.name.p);
		}
		if (rc == 0)
			(void)fprintf(stderr,
			    "po-template: warning: %s:%u:%u: there is no "
			    "template '%.*s'\n",
			    name, ref.line, ref.column, (int)ref.name.len,
			    ref.name.p);
	}
	return 0;
}

static int
verb_check(struct program *p, struct template_place *where, struct po_err *err)
{
	const struct entry *done = NULL;
	const struct entry *e;
	const struct entry *newest;

	if (load_main(p, where, err) == -1)
		return -1;
	if (p->dir == -1)
		return 0;
	/* New entries come to the front, while the ones behind it are done. */
	while (p->entries != done) {
		newest = p->entries;
		for (e = newest; e != done; e = e->next)
			if (check_references(p, e->t, e->name, where, err) ==
			    -1)
				return -1;
		done = newest;
	}
	return 0;
}

/* ------------------------------------------------------------------ errors */

/* The line of the source with a caret under the place. */
static void
show_place(const struct program *p, const struct template_place *where)
{
	struct entry fresh = { .source = { .p = NULL } };
	const struct entry *e = find_entry(p, span_of(where->name));

	if (e == NULL) { /* it did not compile, so it was not kept */
		if (p->dir == -1 ||
		    read_entry(p->dir, where->name, &fresh, NULL) != 1)
			return;
		e = &fresh;
	}
	template_caret_print(stderr, buf_span(&e->source), where);
	buf_clear(&fresh.source);
}

/* A limit that a template reaches is its fault, too. */
static int
complain(const struct program *p, const struct template_place *where,
    const struct po_err *err)
{
	(void)fprintf(stderr, "po-template: %s\n", err->text);
	if (where->line > 0)
		show_place(p, where);
	return err->code == PO_EUNAVAILABLE
	           ? EX_DATAERR
	           : po_code_info(err->code)->exit_status;
}

/* ------------------------------------------------------------------ command
 * line */

static void
usage(FILE *to)
{
	(void)fputs("usage: po-template render --template-file F "
	            "[--template-dir D] --context-file C\n"
	            "                          [--autoescape on|off] [--now T] "
	            "[--timezone Z] [--strict]\n"
	            "       po-template check [--template-file] F "
	            "[--template-dir D] [--strict]\n"
	            "       po-template --help | --version\n",
	    to);
	template_command_usage(to);
}

static int
wrong_use(const char *why, const char *what)
{
	(void)fprintf(stderr, "po-template: %s%s (see po-template --help)\n",
	    why, what);
	return -1;
}

static int
wrong_value(const char *option, const char *value)
{
	(void)fprintf(stderr,
	    "po-template: '%s' is no value for %s (see po-template --help)\n",
	    value, option);
	return -1;
}

enum {
	OPT_FILE = 1,
	OPT_DIR,
	OPT_CONTEXT,
	OPT_AUTOESCAPE,
	OPT_NOW,
	OPT_TIMEZONE,
	OPT_STRICT
};

static int
set_option(struct program *p, int option, const char *value)
{
	switch (option) {
	case OPT_FILE:
		p->template_file = value;
		return 0;
	case OPT_DIR:
		p->template_dir = value;
		return 0;
	case OPT_CONTEXT:
		p->context_file = value;
		return 0;
	case OPT_AUTOESCAPE:
		if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
			return wrong_value("--autoescape", value);
		p->autoescape = value[1] == 'n';
		return 0;
	case OPT_NOW:
		return template_time_parse(span_of(value), &p->now_us)
		           ? 0
		           : wrong_value("--now", value);
	case OPT_TIMEZONE:
		p->timezone = value;
		return template_zone_use(value)
		           ? 0
		           : wrong_value("--timezone", value);
	case OPT_STRICT:
		p->strict = true;
		return 0;
	default:
		return -1;
	}
}

static int
parse_options(struct program *p, int argc, char **argv, bool render)
{
	static const struct option options[] = {
		{ "template-file", required_argument, NULL, OPT_FILE },
		{ "template-dir", required_argument, NULL, OPT_DIR },
		{ "context-file", required_argument, NULL, OPT_CONTEXT },
		{ "autoescape", required_argument, NULL, OPT_AUTOESCAPE },
		{ "now", required_argument, NULL, OPT_NOW },
		{ "timezone", required_argument, NULL, OPT_TIMEZONE },
		{ "strict", no_argument, NULL, OPT_STRICT },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (c == '?')
			return wrong_use("there is no option ",
			    argv[optind - 1]);
		if (c == ':')
			return wrong_use("a value is missing behind ",
			    argv[optind - 1]);
		if (set_option(p, c, optarg) == -1)
			return -1;
	}
	if (optind < argc)
		return wrong_use("there is one argument too many: ",
		    argv[optind]);
	if (p->template_file == NULL)
		return wrong_use("--template-file is missing", "");
	if (render && p->context_file == NULL)
		return wrong_use("--context-file is missing", "");
	return 0;
}

static int
run(struct program *p, bool render)
{
	struct template_place where = { "", 0, 0 };
	struct po_err err = { PO_OK, 0, "" };
	struct entry *e;
	int status = EX_OK;

	if ((render ? verb_render(p, &where, &err)
	            : verb_check(p, &where, &err)) == -1)
		status = complain(p, &where, &err);
	while ((e = p->entries) != NULL) {
		p->entries = e->next;
		free_entry(e);
	}
	fd_close(&p->dir);
	return status;
}

int
main(int argc, char **argv)
{
	struct program p = { .dir = -1,
		.autoescape = true,
		.now_us = wallclock_now_ms() * 1000 };
	bool render;

	fd_open_standard();
	if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return EX_OK;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		(void)puts("po-template " PACKAGE_VERSION);
		return EX_OK;
	}
	if (template_command_is(argc, argv))
		return template_command_run(argc, argv);
	render = argc >= 2 && strcmp(argv[1], "render") == 0;
	if (!render && (argc < 2 || strcmp(argv[1], "check") != 0)) {
		(void)wrong_use("there is no such verb", "");
		return EX_USAGE;
	}
	if (argc > 2 && !render && template_command_names_file(argv[2])) {
		p.template_file = argv[2];
		argc--;
		argv++;
	}
	if (parse_options(&p, argc - 1, argv + 1, render) == -1)
		return EX_USAGE;
	return run(&p, render);
}
