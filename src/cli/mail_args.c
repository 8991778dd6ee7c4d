/* SPDX-License-Identifier: ISC */
/* One table of options: what each does is its function. */
#include "cli/mail_args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

struct mail_option;
typedef int setter(struct mail_args *a, const struct mail_option *o,
    const char *value, struct po_err *err);

struct mail_option {
	const char *name;
	char letter;       /* or 0 */
	const char *value; /* what it is called; NULL: there is none */
	setter *set;
	size_t at; /* offset into struct mail_args */
	const char *help;
};

static void *
field(struct mail_args *a, const struct mail_option *o)
{
	return (char *)a + o->at;
}

static int
set_text(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	(void)err;
	*(const char **)field(a, o) = value;
	return 0;
}

static int
set_flag(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	(void)value;
	(void)err;
	*(bool *)field(a, o) = true;
	return 0;
}

static int
set_list(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	return letter_add(&a->letter, field(a, o), value, err);
}

static int
set_subject(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)err;
	a->letter.source.has[PART_SUBJECT] = true;
	a->letter.source.part[PART_SUBJECT] = span_of(value);
	return 0;
}

static int
set_body(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	(void)err;
	a->letter.source.text_auto = strcmp(value, "auto") == 0;
	a->text = a->letter.source.text_auto ? NULL : value;
	return 0;
}

static int
set_context(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	(void)o;
	return letter_set_context(&a->letter, span_of(value), err);
}

/* "Name: value" */
static int
add_header(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	struct span rest = span_of(value), name = span_cut(&rest, ':');
	const char *n = arena_strndup(&a->letter.arena, name.p, name.len);
	const char *v;

	(void)o;
	rest = span_trim(rest);
	v = arena_strndup(&a->letter.arena, rest.p, rest.len);
	if (n == NULL || v == NULL)
		return po_fail(err, PO_EOS, "no memory for a mail");
	if (name.len == strlen(value))
		return po_fail(err, PO_EUSAGE,
		    "\"%.60s\" is no header field: \"Name: value\" is wanted",
		    value);
	return letter_add_field(&a->letter, n, v, err);
}

/* "PATH", or "NAME=PATH"; a path with '=' in it is "./a=b". */
static int
add_file(struct mail_args *a, const struct mail_option *o, const char *value,
    struct po_err *err)
{
	const char *equals = strchr(value, '='), *slash = strchr(value, '/');
	struct mime_file f = { .name = value, .path = value };
	const char *left;

	if (equals != NULL && (slash == NULL || slash > equals)) {
		left = arena_strndup(&a->letter.arena, value,
		    (size_t)(equals - value));
		if (left == NULL)
			return po_fail(err, PO_EOS, "no memory for a mail");
		f.path = equals + 1;
		f.name = o->letter == 'a' ? left : f.path;
		f.cid = o->letter == 'a' ? NULL : left;
	} else if (o->letter != 'a') {
		return po_fail(err, PO_EUSAGE,
		    "--inline \"%.60s\": CID=PATH is wanted", value);
	}
	return letter_add_file(&a->letter, &f, err);
}

#define ARG(f) offsetof(struct mail_args, f)
#define IN(f) offsetof(struct mail_args, letter.f)

static const struct mail_option options[] = {
	{ "from", 'f', "ADDRESS", set_text, IN(from),
	    "who sends it (default: the caller)" },
	{ "to", 't', "ADDRESSES", set_list, IN(to), "to whom" },
	{ "cc", 'c', "ADDRESSES", set_list, IN(cc), "who gets a copy" },
	{ "bcc", 'b', "ADDRESSES", set_list, IN(bcc),
	    "who gets one unknown to the others" },
	{ "reply-to", 0, "ADDRESSES", set_text, IN(reply_to),
	    "where answers go" },
	{ "sender", 0, "ADDRESS", set_text, IN(sender),
	    "envelope sender, where bounces go" },
	{ "subject", 's', "TEXT", set_subject, 0, "what it is about" },
	{ "text", 0, "FILE|auto", set_body, 0,
	    "the text; auto: made from the html" },
	{ "html", 0, "FILE", set_text, ARG(html), "the html" },
	{ "attach", 'a', "[NAME=]PATH", add_file, 0, "attach a file" },
	{ "inline", 0, "CID=PATH", add_file, 0,
	    "an image that the html shows as cid:CID" },
	{ "header", 'H', "NAME: VALUE", add_header, 0, "another header field" },
	{ "template", 'T', "NAME", set_text, IN(template),
	    "a stored template, for subject, text and html" },
	{ "lang", 0, "TAG", set_text, IN(lang), "its language" },
	{ "context", 0, "JSON", set_context, 0, "what is filled in" },
	{ "context-file", 'C', "FILE", set_text, ARG(context_file),
	    "the same, from a file" },
	{ "render-on-delivery", 0, NULL, set_flag, IN(at_delivery),
	    "keep template and context, fill in when it is sent" },
	{ "priority", 0, "now|high|medium|low", set_text, IN(priority), "" },
	{ "at", 0, "TIME", set_text, IN(schedule),
	    "when to send it: RFC 3339, or +2h" },
	{ "expires", 0, "TIME", set_text, IN(expires),
	    "when it is of no use any more" },
	{ "tag", 0, "TEXT", set_text, IN(tag), "for listings and logs" },
	{ "key", 0, "TEXT", set_text, IN(key),
	    "idempotency key: the same mail once" },
	{ "json", 0, "FILE", set_text, ARG(json),
	    "all of it as a JSON object" },
	{ "batch", 0, "FILE", set_text, ARG(batch),
	    "many, each a line of JSON" },
	{ "dry-run", 'n', NULL, set_flag, ARG(dry_run),
	    "print the mail, queue nothing" },
	{ "timezone", 0, "ZONE", set_text, ARG(timezone),
	    "of dates in templates" },
	{ "config", 0, "FILE", set_text, ARG(config),
	    "another configuration file" },
	{ "help", 0, NULL, set_flag, ARG(help), "print this" },
	{ "version", 0, NULL, set_flag, ARG(version), "print the version" },
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))

void
mail_args_usage(FILE *to)
{
	char name[64];
	size_t i;

	(void)fputs("usage: po-mail [option ...] [recipient ...]\n"
	            "       po-mail [option ...] --json FILE\n"
	            "       po-mail [option ...] --batch FILE\n",
	    to);
	for (i = 0; i < OPTIONS; i++) {
		(void)snprintf(name, sizeof(name), "--%s%s%s", options[i].name,
		    options[i].value == NULL ? "" : " ",
		    options[i].value == NULL ? "" : options[i].value);
		if (options[i].letter != 0)
			(void)fprintf(to, "  -%c, ", options[i].letter);
		else
			(void)fputs("      ", to);
		(void)fprintf(to, "%-30s %s\n", name, options[i].help);
	}
}

/* getopt's own form of the table. */
static void
make_tables(struct option *longs, char *shorts)
{
	size_t i, n = 0;

	shorts[n++] = ':';
	for (i = 0; i < OPTIONS; i++) {
		longs[i] = (struct option){ options[i].name,
			options[i].value != NULL, NULL, 256 + (int)i };
		if (options[i].letter == 0)
			continue;
		shorts[n++] = options[i].letter;
		if (options[i].value != NULL)
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	longs[i] = (struct option){ NULL, 0, NULL, 0 };
}

static const struct mail_option *
option_of(int c)
{
	size_t i;

	if (c >= 256)
		return &options[c - 256];
	for (i = 0; options[i].letter != c; i++)
		;
	return &options[i];
}

int
mail_args_read(struct mail_args *a, int argc, char **argv, struct po_err *err)
{
	struct option longs[OPTIONS + 1];
	char shorts[2 * OPTIONS + 2];
	const struct mail_option *o;
	int c;

	memset(a, 0, sizeof(*a));
	letter_init(&a->letter);
	make_tables(longs, shorts);
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			return po_fail(err, PO_EUSAGE, "%s %.60s",
			    c == '?' ? "there is no option"
			             : "a value is missing behind",
			    argv[optind - 1]);
		o = option_of(c);
		if (o->set(a, o, optarg, err) == -1)
			return -1;
	}
	for (; optind < argc; optind++)
		if (letter_add(&a->letter, &a->letter.to, argv[optind], err) ==
		    -1)
			return -1;
	if (a->json != NULL && a->batch != NULL)
		return po_fail(err, PO_EUSAGE,
		    "either one mail (--json) or many (--batch)");
	return 0;
}
