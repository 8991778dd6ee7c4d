/* SPDX-License-Identifier: ISC */
/*
 * What the command line names is read as the caller; then, for a verb that
 * changes the store, root becomes the spool's owner. Readers read as whoever
 * they are: everybody may.
 */
#include "cli/template_verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cli/template_edit.h"
#include "compose/mail_template.h"
#include "message/date.h"
#include "spool/drop.h"
#include "spool/spool.h"
#include "spool/templates.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define CPU_SECONDS 2 /* of one render */

/* A template of the store that was asked for. */
struct held {
	struct held *next;
	char *name; /* as it was asked for */
	struct templates_version v;
	struct mail_template t;
};

struct call {
	const char *file[MAIL_PARTS]; /* --text, --html; the subject itself */
	const char *description, *context, *part;
	char lang[TEMPLATES_LANG_BYTES];
	bool json, strict;
	int64_t now_us;
	const char *name;
	char folder[TEMPLATES_FOLDER_BYTES]; /* of `name` */
	uint32_t version;                    /* second operand, 0: none */
	bool has[MAIL_PARTS];
	struct buf input[MAIL_PARTS], context_text, old_description;
	struct templates store;
	struct drop_conf drop;
	struct conf *conf;
	struct held *held;
	struct template_edit edit;
	int64_t base; /* the version that was edited, or TEMPLATES_NEW */
	struct mail_place where;
};

/* ------------------------------------------------------------------ library */

static int
get_held(void *ctx, struct span name, const struct mail_template **out,
    struct template_place *where, struct po_err *err)
{
	struct call *c = ctx;
	struct mail_place place = { .part = PART_SUBJECT };
	struct held *h;
	int rc;

	for (h = c->held; h != NULL; h = h->next)
		if (span_eq(span_of(h->name), name)) {
			*out = &h->t;
			return 1;
		}
	h = xcalloc(1, sizeof(*h));
	templates_version_init(&h->v);
	rc = templates_find(&c->store, name, c->lang, &h->v, err);
	if (rc == 1 && mail_template_compile(h->v.name, &h->v.source, &h->t,
	                   &place, err) == -1) {
		*where = place.at;
		c->where = place;
		rc = -1;
	}
	if (rc != 1) {
		templates_version_clear(&h->v);
		free(h);
		return rc;
	}
	h->name = xstrdup(h->v.name);
	h->next = c->held;
	c->held = h;
	*out = &h->t;
	return 1;
}

static void
free_held(struct call *c)
{
	struct held *h;

	while ((h = c->held) != NULL) {
		c->held = h->next;
		mail_template_clear(&h->t);
		templates_version_clear(&h->v);
		free(h->name);
		free(h);
	}
}

static int
complain(const struct call *c, const struct po_err *err)
{
	if (c->where.at.line > 0)
		(void)fprintf(stderr, "po-template: %s: %s\n",
		    mail_part_names[c->where.part], err->text);
	else
		(void)fprintf(stderr, "po-template: %s\n", err->text);
	return err->code == PO_EUNAVAILABLE
	           ? EX_DATAERR
	           : po_code_info(err->code)->exit_status;
}

/* Literal names that are not there: a warning, since templates may be saved in
 * any order; with --strict an error. What they name is looked at too. */
static int
check_names(struct call *c, const char *name, const struct mail_template *t,
    unsigned depth, struct po_err *err)
{
	const struct mail_template *other;
	struct template_reference ref;
	struct template_place where = { "", 0, 0 };
	size_t i;
	int part, rc;

	for (part = 0; depth < 16 && part < MAIL_PARTS; part++) {
		for (i = 0; t->part[part] != NULL &&
		            template_reference_get(t->part[part], i, &ref);
		     i++) {
			rc = get_held(c, ref.name, &other, &where, err);
			if (rc == -1)
				return -1;
			if (rc == 1) {
				if (other != t && check_names(c, name, other,
				                      depth + 1, err) == -1)
					return -1;
				continue;
			}
			if (c->strict)
				return po_fail(err, PO_EDATA,
				    "%s: %s, line %u: there is no template "
				    "'%.*s'",
				    name, mail_part_names[part], ref.line,
				    (int)ref.name.len, ref.name.p);
			(void)fprintf(stderr,
			    "po-template: warning: %s: %s, line %u: there is "
			    "no template '%.*s'\n",
			    name, mail_part_names[part], ref.line,
			    (int)ref.name.len, ref.name.p);
		}
	}
	return 0;
}

static int
need(struct call *c, const struct held **out, struct po_err *err)
{
	const struct mail_template *t;
	int rc = get_held(c, span_of(c->name), &t, &c->where.at, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s', nor in one "
		    "that stands for it",
		    c->name, c->lang);
	*out = c->held;
	return rc == 1 ? 0 : -1;
}

/* ------------------------------------------------------------------ print */

/* JSON (RFC 8259, 7); all text of the store is UTF-8. */
static void
print_json(const char *key, struct span s)
{
	size_t i;

	(void)printf("\"%s\": \"", key);
	for (i = 0; i < s.len; i++) {
		unsigned char b = (unsigned char)s.p[i];

		if (b == '"' || b == '\\')
			(void)printf("\\%c", b);
		else if (b < 0x20)
			(void)printf("\\u%04x", b);
		else
			(void)putchar(b);
	}
	(void)putchar('"');
}

static struct span
first_line(struct span s)
{
	return span_cut(&s, '\n');
}

static void
print_row(const struct call *c, const struct templates_version *v,
    const char *mark)
{
	struct span d = first_line(v->description);
	char date[DATE_BYTES];
	int i;

	date_format_rfc3339(v->updated, date);
	if (!c->json) {
		(void)printf("%s%-24s %-10s %6u  %s  %.*s\n", mark, v->name,
		    v->id.lang, v->id.version, date, (int)d.len, d.p);
		return;
	}
	(void)putchar('{');
	print_json("name", span_of(v->name));
	(void)printf(", \"lang\": \"%s\", \"version\": %u, \"created\": %lld, "
	             "\"updated\": %lld, ",
	    v->id.lang, v->id.version, (long long)v->created,
	    (long long)v->updated);
	print_json("description", v->description);
	(void)printf(", \"parts\": [");
	for (i = 0, mark = ""; i < MAIL_PARTS; i++)
		if (v->source.has[i]) {
			(void)printf("%s\"%s\"", mark, mail_part_names[i]);
			mark = ", ";
		}
	(void)puts("]}");
}

static int
print_list(struct call *c, const struct templates_list *l, struct po_err *err)
{
	struct templates_version v, current;
	size_t i;
	int rc = 0;

	templates_version_init(&v);
	templates_version_init(&current);
	for (i = 0; rc != -1 && i < l->n; i++) {
		rc = templates_read(&c->store, &l->v[i], &v, err);
		if (rc == 1)
			print_row(c, &v, "");
	}
	templates_version_clear(&v);
	templates_version_clear(&current);
	return rc == -1 ? -1 : 0;
}

/* ------------------------------------------------------------------ verbs */

/* What was given, in the form of a version. */
static void
describe(const struct call *c, struct templates_version *v)
{
	int i;

	memset(v, 0, sizeof(*v));
	memcpy(v->id.folder, c->folder, sizeof(v->id.folder));
	memcpy(v->id.lang, c->lang, sizeof(v->id.lang));
	v->description = span_of(c->description == NULL ? "" : c->description);
	for (i = 0; i < MAIL_PARTS; i++) {
		v->source.has[i] = c->has[i];
		v->source.part[i] = buf_span(&c->input[i]);
	}
}

static int
validate(struct call *c, const struct templates_version *v, struct po_err *err)
{
	struct mail_template t;
	int rc;

	if (!v->source.has[PART_TEXT] && !v->source.has[PART_HTML])
		return po_fail(err, PO_EUSAGE,
		    "a template needs a text or an html part, or both");
	if (mail_template_compile(c->name, &v->source, &t, &c->where, err) ==
	    -1)
		return -1;
	rc = check_names(c, c->name, &t, 0, err);
	mail_template_clear(&t);
	return rc;
}

static int
verb_add(struct call *c, struct po_err *err)
{
	struct templates_version v;

	describe(c, &v);
	if (validate(c, &v, err) == -1)
		return -1;
	return templates_save(&c->store, &v, TEMPLATES_NEW, wallclock_now(),
	           err) == -1
	           ? -1
	           : 0;
}

/* Edit and validate until it is sound, or given up. */
static int
edit_until_sound(struct call *c, struct po_err *err)
{
	struct templates_version v;

	for (;;) {
		if (template_edit_run(&c->edit, c->has, c->input, err) == -1)
			return -1;
		describe(c, &v);
		c->where.at.line = 0;
		if (validate(c, &v, err) == 0)
			return 0;
		(void)complain(c, err);
		if (!template_edit_again())
			return po_fail(err, PO_EDATA, "nothing is saved");
		free_held(c);
	}
}

/* As the caller, who may be root: the store is only read. */
static int
prepare_edit(struct call *c, struct po_err *err)
{
	struct templates_version old;
	int rc;

	templates_version_init(&old);
	rc = templates_read_current(&c->store, c->folder, c->lang, &old, err);
	c->base = rc == 1 ? old.id.version : TEMPLATES_NEW;
	if (rc == 0) {
		old.source.has[PART_SUBJECT] = old.source.has[PART_TEXT] = true;
		old.source.part[PART_SUBJECT] = old.source.part[PART_TEXT] =
		    SPAN_LIT("");
	}
	if (rc == 1 && c->description == NULL &&
	    buf_put_span(&c->old_description, old.description))
		c->description = buf_str(&c->old_description);
	memcpy(c->has, old.source.has, sizeof(c->has));
	if (rc != -1)
		rc = template_edit_begin(&c->edit, &old.source, err);
	templates_version_clear(&old);
	if (rc == -1)
		return -1;
	rc = edit_until_sound(c, err);
	if (rc == -1)
		template_edit_end(&c->edit, true);
	return rc;
}

static int
verb_edit(struct call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	describe(c, &v);
	rc = templates_save(&c->store, &v, c->base, wallclock_now(), err);
	if (rc == 0)
		(void)fputs("po-template: nothing was changed\n", stderr);
	return rc == -1 ? -1 : 0;
}

static int
verb_list(struct call *c, struct po_err *err)
{
	struct templates_list l;
	int rc = templates_list_current(&c->store,
	    c->name == NULL ? NULL : c->folder, &l, err);

	if (rc == 0)
		rc = print_list(c, &l, err);
	templates_list_clear(&l);
	return rc;
}

static int
verb_history(struct call *c, struct po_err *err)
{
	struct templates_list l;
	int rc =
	    templates_list_versions(&c->store, c->folder, c->lang, &l, err);

	if (rc == 0 && l.n == 0)
		rc = po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s'", c->name,
		    c->lang);
	if (rc == 0)
		rc = print_list(c, &l, err);
	templates_list_clear(&l);
	return rc;
}

/* The version that the operands say, or the current one, in just that
 * language. */
static int
read_named(struct call *c, struct templates_version *v, struct po_err *err)
{
	struct templates_id id = { .version = c->version };
	int rc;

	if (c->version == 0)
		return templates_find(&c->store, span_of(c->name), c->lang, v,
		    err);
	memcpy(id.folder, c->folder, sizeof(id.folder));
	memcpy(id.lang, c->lang, sizeof(id.lang));
	rc = templates_read(&c->store, &id, v, err);
	return rc;
}

static int
need_named(struct call *c, struct templates_version *v, struct po_err *err)
{
	int rc = read_named(c, v, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    c->version == 0
		        ? "there is no template '%s' in language '%s'"
		        : "there is no such version of '%s' in language '%s'",
		    c->name, c->lang);
	return rc == 1 ? 0 : -1;
}

static int
verb_show(struct call *c, struct po_err *err)
{
	struct templates_version v;
	int i, rc;

	templates_version_init(&v);
	rc = need_named(c, &v, err);
	for (i = 0; rc == 0 && i < MAIL_PARTS; i++) {
		if (!v.source.has[i] ||
		    (c->part != NULL &&
		        strcmp(c->part, mail_part_names[i]) != 0))
			continue;
		if (c->part == NULL && i == 0)
			print_row(c, &v, "");
		if (c->part == NULL)
			(void)printf("--- %s ---\n", mail_part_names[i]);
		(void)fwrite(v.source.part[i].p, 1, v.source.part[i].len,
		    stdout);
		if (c->part == NULL)
			(void)putchar('\n');
	}
	templates_version_clear(&v);
	return rc;
}

static int
verb_restore(struct call *c, struct po_err *err)
{
	struct templates_version v;
	int rc;

	if (c->version == 0)
		return po_fail(err, PO_EUSAGE, "restore needs a version");
	templates_version_init(&v);
	rc = need_named(c, &v, err);
	if (rc == 0)
		rc = templates_save(&c->store, &v, TEMPLATES_ANY,
		    wallclock_now(), err);
	templates_version_clear(&v);
	return rc == -1 ? -1 : 0;
}

static int
verb_remove(struct call *c, struct po_err *err)
{
	int rc = templates_remove(&c->store, c->folder, c->lang, err);

	if (rc == 0)
		return po_fail(err, PO_EDATA,
		    "there is no template '%s' in language '%s'", c->name,
		    c->lang);
	return rc == -1 ? -1 : 0;
}

static bool
expired(void *ctx)
{
	struct timespec t;

	(void)ctx;
	return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 &&
	       t.tv_sec >= CPU_SECONDS;
}

static int
render(struct call *c, struct mail_rendered *out, struct po_err *err)
{
	const struct template_options o = { .strict = c->strict,
		.now_us = c->now_us,
		.seed = (uint64_t)c->now_us,
		.expired = expired };
	const struct mail_library library = { get_held, c };
	struct template_context *context = NULL;
	const struct held *h;
	int rc;

	if (need(c, &h, err) == -1 ||
	    template_context_parse(buf_span(&c->context_text), NULL, &context,
	        err) == -1)
		return -1;
	rc = mail_template_render(&h->t, context, &o, &library, out, &c->where,
	    err);
	template_context_free(context);
	return rc;
}

static int
verb_render(struct call *c, struct po_err *err)
{
	struct mail_rendered r;
	int i, printed = 0;

	if (c->context == NULL)
		return po_fail(err, PO_EUSAGE, "--context-file is missing");
	if (render(c, &r, err) == -1)
		return -1;
	for (i = 0; i < MAIL_PARTS; i++) {
		if (!r.has[i] || (c->part != NULL &&
		                     strcmp(c->part, mail_part_names[i]) != 0))
			continue;
		if (c->part == NULL)
			(void)printf("--- %s ---\n", mail_part_names[i]);
		(void)fwrite(buf_str(&r.part[i]), 1, r.part[i].len, stdout);
		if (c->part == NULL)
			(void)putchar('\n');
		printed++;
	}
	mail_rendered_clear(&r);
	return printed > 0 ? 0
	                   : po_fail(err, PO_EDATA, "'%s' has no %s", c->name,
	                         c->part == NULL ? "parts" : c->part);
}

static int
verb_check(struct call *c, struct po_err *err)
{
	struct mail_rendered r;
	const struct held *h;

	if (need(c, &h, err) == -1 ||
	    check_names(c, h->name, &h->t, 0, err) == -1)
		return -1;
	if (c->context == NULL)
		return 0;
	if (render(c, &r, err) == -1)
		return -1;
	mail_rendered_clear(&r);
	return 0;
}

/* ------------------------------------------------------------------ command
 * line */

static const struct verb {
	const char *name;
	int min, max;                                       /* operands */
	bool changes;                                       /* the store */
	int (*prepare)(struct call *c, struct po_err *err); /* as the caller */
	int (*run)(struct call *c, struct po_err *err);
	const char *usage;
} verbs[] = {
	{ "add", 1, 1, true, NULL, verb_add,
	    "add NAME [--subject S] [--text FILE] [--html FILE] "
	    "[--description D] [--lang L]" },
	{ "edit", 1, 1, true, prepare_edit, verb_edit,
	    "edit NAME [--description D] [--lang L]" },
	{ "list", 0, 1, false, NULL, verb_list, "list [NAME] [--json]" },
	{ "show", 1, 2, false, NULL, verb_show,
	    "show NAME [VERSION] [--lang L] [--part P]" },
	{ "history", 1, 1, false, NULL, verb_history,
	    "history NAME [--lang L] [--json]" },
	{ "restore", 2, 2, true, NULL, verb_restore,
	    "restore NAME VERSION [--lang L]" },
	{ "remove", 1, 1, true, NULL, verb_remove, "remove NAME [--lang L]" },
	{ "check", 1, 1, false, NULL, verb_check,
	    "check NAME [--lang L] [--context-file C] [--strict]" },
	{ "render", 1, 1, false, NULL, verb_render,
	    "render NAME --context-file C [--lang L] [--part P] [--strict]" },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *
find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

bool
template_verb_is(int argc, char **argv)
{
	const struct verb *v = argc < 2 ? NULL : find_verb(argv[1]);

	if (v == NULL)
		return false;
	return (v->run != verb_check && v->run != verb_render) ||
	       (argc > 2 && argv[2][0] != '-');
}

void
template_verb_usage(FILE *to)
{
	size_t i;

	for (i = 0; i < VERBS; i++)
		(void)fprintf(to, "       po-template %s\n", verbs[i].usage);
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
	OPT_STRICT
};

static bool
set_option(struct call *c, int option, const char *value)
{
	switch (option) {
	case OPT_LANG:
		return templates_lang(span_of(value), c->lang);
	case OPT_DESCRIPTION:
		c->description = value;
		return true;
	case OPT_SUBJECT:
	case OPT_TEXT:
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
	default:
		return false;
	}
}

static int
read_operands(struct call *c, const struct verb *v, int n, char **operand,
    struct po_err *err)
{
	if (n < v->min || n > v->max)
		return po_fail(err, PO_EUSAGE, "usage: po-template %s",
		    v->usage);
	if (n == 0)
		return 0;
	c->name = operand[0];
	if (!templates_name_encode(span_of(c->name), c->folder))
		return po_fail(err, PO_EUSAGE,
		    "'%.100s' is no name of a template (1 to %u bytes of text "
		    "in one line)",
		    c->name, TEMPLATES_NAME_MAX);
	if (n == 2 &&
	    !templates_version_parse(span_of(operand[1]), &c->version))
		return po_fail(err, PO_EUSAGE, "'%s' is no version",
		    operand[1]);
	return 0;
}

static int
parse(struct call *c, const struct verb *v, int argc, char **argv,
    struct po_err *err)
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
		{ NULL, 0, NULL, 0 },
	};
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == '?' || o == ':')
			return po_fail(err, PO_EUSAGE, "%s %s",
			    o == '?' ? "there is no option"
			             : "a value is missing behind",
			    argv[optind - 1]);
		if (!set_option(c, o, optarg))
			return po_fail(err, PO_EUSAGE,
			    "'%s' is no value for this option", optarg);
	}
	return read_operands(c, v, argc - optind, argv + optind, err);
}

/* As the caller; "-" is standard input. */
static int
read_input(const char *path, size_t max, struct buf *out, struct po_err *err)
{
	char part[16384];
	ssize_t n = -1;
	int rc = 0;
	int fd = strcmp(path, "-") == 0
	             ? dup(STDIN_FILENO)
	             : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	buf_init(out, max);
	if (fd == -1)
		return po_fail_sys(err, PO_ENOINPUT, "open %s", path);
	while (rc == 0 && (n = read(fd, part, sizeof(part))) != 0) {
		if (n == -1 && errno != EINTR)
			rc = po_fail_sys(err, PO_ENOINPUT, "read %s", path);
		if (n > 0 && !buf_put(out, part, (size_t)n))
			rc = po_fail(err, PO_EDATA,
			    "%s is larger than %zu bytes", path, max);
	}
	fd_close(&fd);
	return rc;
}

static int
read_inputs(struct call *c, struct po_err *err)
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
		    read_input(c->file[i], TEMPLATES_PART_MAX, &c->input[i],
		        err) == -1)
			return -1;
	return c->context == NULL
	           ? 0
	           : read_input(c->context,
	                 template_limits_default.context_bytes + 1,
	                 &c->context_text, err);
}

/* A child becomes the spool's owner and saves: the files are the caller's, who
 * may be root, and are removed by him. */
static int
save_edited(struct call *c, const struct verb *v, struct po_err *err)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (spool_become_owner(c->drop.spool, err) == -1 ||
		    v->run(c, err) == -1)
			_exit(complain(c, err));
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

static int
work(struct call *c, const struct verb *v, struct po_err *err)
{
	const struct conf_table tables[] = { { drop_options, &c->drop } };

	if (read_inputs(c, err) == -1 ||
	    conf_load_some(NULL, tables, 1, &c->conf, err) == -1)
		return -1;
	if (templates_open(c->drop.spool, &c->store, err) == -1 ||
	    (v->prepare != NULL && v->prepare(c, err) == -1))
		return -1;
	if (v->prepare == NULL)
		return (v->changes &&
		           spool_become_owner(c->drop.spool, err) == -1)
		           ? -1
		           : v->run(c, err);
	return save_edited(c, v, err);
}

static int
do_verb(struct call *c, const struct verb *v, struct po_err *err)
{
	if (work(c, v, err) == -1)
		return -1;
	return fflush(stdout) == 0
	           ? 0
	           : po_fail_sys(err, PO_EIO, "write standard output");
}

int
template_verb_run(int argc, char **argv)
{
	struct call c = { .lang = TEMPLATES_DEFAULT,
		.now_us = wallclock_now_ms() * 1000,
		.old_description = { .max = TEMPLATES_DESCRIPTION_MAX },
		.store = { .dirfd = -1 } };
	const struct verb *v = find_verb(argv[1]);
	struct po_err err = { PO_OK, 0, "" };
	int i, status = EX_OK;

	if (parse(&c, v, argc - 1, argv + 1, &err) == -1 ||
	    do_verb(&c, v, &err) == -1)
		status = complain(&c, &err);
	free_held(&c);
	for (i = 0; i < MAIL_PARTS; i++)
		buf_clear(&c.input[i]);
	buf_clear(&c.context_text);
	buf_clear(&c.old_description);
	templates_close(&c.store);
	conf_free(c.conf);
	return status;
}
