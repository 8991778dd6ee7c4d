/* SPDX-License-Identifier: ISC */
/*
 * Recursive descent over tags: a tag with a body parses up to its end tag, and
 * so on inside. The depth is limited, since a body is a call on the stack here
 * and when it is rendered.
 */
#include "compose/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compose/render.h"
#include "compose/tags.h"
#include "compose/text.h"

/* What a template takes beside its source: at most some nodes and words for
 * each few bytes of it. */
#define NAMES_MAX 1000u
#define ARENA_BYTES(source) ((size_t)(1 << 20) + (source)*100)

const struct template_limits template_limits_default = {
	.source_bytes = 1 << 20,
	.tag_depth = 100,
	.expr_depth = 100,
	.include_depth = 16,
	.output_bytes = 10 << 20,
	.memory_bytes = 64 << 20,
	.steps = 1000000,
	.context_bytes = 1 << 20,
	.context_depth = 64,
};

void
tpl_place(const struct template *t, uint32_t at, struct template_place *out)
{
	const char *p = t->source.p;
	const char *end = p + at;
	const char *eol;

	out->line = 1;
	while ((eol = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		out->line++;
		p = eol + 1;
	}
	out->column =
	    (unsigned)tpl_text_count((struct span){ p, (size_t)(end - p) }) + 1;
	(void)snprintf(out->name, sizeof(out->name), "%s", t->name);
}

static bool fail(struct parser *p, const char *at, enum po_code code,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static bool
fail(struct parser *p, const char *at, enum po_code code, const char *fmt,
    va_list ap)
{
	struct template_place place = { "", 0, 0 };
	const char *src = p->t->source.p;
	char text[400];

	if (at == NULL || at < src || at > src + p->t->source.len)
		at = p->at;
	tpl_place(p->t, (uint32_t)(at - src), &place);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): by the caller */
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	po_fail(p->err, code, "%s:%u:%u: %s", place.name, place.line,
	    place.column, text);
	if (p->where != NULL)
		*p->where = place;
	return false;
}

bool
tpl_parse_fail(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(p, at, PO_EDATA, fmt, ap);
	va_end(ap);
	return false;
}

bool
tpl_parse_fail_limit(struct parser *p, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(p, at, PO_EUNAVAILABLE, fmt, ap);
	va_end(ap);
	return false;
}

bool
tpl_parse_count_name(struct parser *p, const char *at)
{
	if (p->named++ < NAMES_MAX)
		return true;
	return tpl_parse_fail_limit(p, at,
	    "more blocks and named cycles than the limit of %u", NAMES_MAX);
}

bool
tpl_parse_fail_memory(struct parser *p)
{
	po_fail(p->err, PO_EOS, "%s: no memory to compile the template",
	    p->t->name);
	return false;
}

void *
tpl_parse_alloc(struct parser *p, size_t n, size_t size)
{
	void *m = arena_alloc_array(p->arena, n, size);

	if (m == NULL)
		tpl_parse_fail_memory(p);
	return m;
}

void *
tpl_parse_node(struct parser *p, const struct token *tok, size_t size,
    bool (*render)(struct render *r, const struct node *n))
{
	struct node *n = tpl_parse_alloc(p, 1, size);

	if (n != NULL) {
		n->render = render;
		n->at = (uint32_t)(tok->at - p->t->source.p);
	}
	return n;
}

/* Text. */

struct text_node {
	struct node node;
	struct span text;
};

static bool
render_text(struct render *r, const struct node *n)
{
	const struct text_node *t = (const struct text_node *)n;

	return tpl_out(r, t->text.p, t->text.len);
}

static bool
parse_text(struct parser *p, const struct token *tok, struct node **out)
{
	struct text_node *n = tpl_parse_node(p, tok, sizeof(*n), render_text);

	if (n == NULL)
		return false;
	n->text = tok->text;
	*out = &n->node;
	return true;
}

/* Variables. What the expression made is given back, unless something of it was
 * stored. */

struct variable_node {
	struct node node;
	struct expr expr;
};

static bool
render_variable(struct render *r, const struct node *n)
{
	struct keep keep = tpl_keep_begin(r);
	struct value v;

	if (!tpl_expr_eval(r, &((const struct variable_node *)n)->expr,
	        MISSING_IS_TEXT, &v) ||
	    !tpl_out_value(r, &v))
		return false;
	tpl_keep_end(r, keep);
	return true;
}

static bool
parse_variable(struct parser *p, const struct token *tok, struct node **out)
{
	struct variable_node *n;

	if (tok->text.len == 0)
		return tpl_parse_fail(p, tok->at, "empty variable tag");
	n = tpl_parse_node(p, tok, sizeof(*n), render_variable);
	if (n == NULL || !tpl_expr_parse(p, tok->text, &n->expr))
		return false;
	*out = &n->node;
	return true;
}

/* Tags. */

static bool
is_one_of(struct span name, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		if (span_eq(name, span_of(*list)))
			return true;
	return false;
}

static void
join(char *out, size_t size, const char *const *list)
{
	size_t used = 0;

	for (out[0] = '\0'; *list != NULL && used < size; list++)
		used += (size_t)snprintf(out + used, size - used, "%s'%s'",
		    used == 0         ? ""
		    : list[1] == NULL ? " or "
		                      : ", ",
		    *list);
}

static bool
unknown_tag(struct parser *p, const struct token *tok, struct span name,
    const char *const *until)
{
	char wanted[200];

	if (until == NULL)
		return tpl_parse_fail(p, tok->at, "unknown tag '%.*s'",
		    WORD(name));
	join(wanted, sizeof(wanted), until);
	return tpl_parse_fail(p, tok->at, "unknown tag '%.*s', expected %s",
	    WORD(name), wanted);
}

static bool
unclosed_tag(struct parser *p, const struct token *open,
    const char *const *until)
{
	struct span rest = open->text;
	struct span name;
	char wanted[200];

	(void)tpl_text_word(&rest, &name);
	join(wanted, sizeof(wanted), until);
	return tpl_parse_fail(p, open->at,
	    "tag '%.*s' is not closed: %s is missing", WORD(name), wanted);
}

static bool
parse_tag(struct parser *p, const struct token *tok, struct span name,
    const char *const *until, struct node **out)
{
	const struct tag *tag = tpl_tag_find(name);
	const char *at = p->at;
	bool ok;

	if (tag == NULL)
		return unknown_tag(p, tok, name, until);
	if (tag->compile == NULL)
		return tpl_parse_fail(p, tok->at, "tag '%s' %s", tag->name,
		    tag->why);
	if (p->depth >= p->limits->tag_depth)
		return tpl_parse_fail_limit(p, tok->at,
		    "tags are nested deeper than the limit of %u",
		    p->limits->tag_depth);
	p->depth++;
	p->at = tok->at;
	ok = tag->compile(p, tok, out);
	p->at = at;
	p->depth--;
	return ok;
}

/* `extends` may have only text before it. */
static bool
check_first(struct parser *p, const struct token *tok, struct span name,
    bool other_than_text)
{
	if (other_than_text && span_eq(name, SPAN_LIT("extends")))
		return tpl_parse_fail(p, tok->at,
		    "'extends' must be the first tag in the template");
	return true;
}

bool
tpl_parse(struct parser *p, const struct token *open, const char *const *until,
    struct nodelist *out, struct token *end)
{
	const struct node **tail = &out->first;
	bool other_than_text = false;
	struct node *n;
	struct token tok;
	struct span rest;
	struct span name;

	out->first = NULL;
	for (;;) {
		n = NULL;
		tpl_lexer_next(&p->lexer, &tok);
		if (tok.kind == TOKEN_END)
			break;
		if (tok.kind == TOKEN_TEXT) {
			if (!parse_text(p, &tok, &n))
				return false;
		} else if (tok.kind == TOKEN_VARIABLE) {
			if (!parse_variable(p, &tok, &n))
				return false;
			other_than_text = true;
		} else {
			rest = tok.text;
			if (!tpl_text_word(&rest, &name))
				return tpl_parse_fail(p, tok.at, "empty tag");
			if (is_one_of(name, until)) {
				*end = tok;
				return true;
			}
			if (!check_first(p, &tok, name, other_than_text) ||
			    !parse_tag(p, &tok, name, until, &n))
				return false;
			other_than_text = true;
		}
		if (n != NULL) {
			*tail = n;
			tail = &n->next;
		}
	}
	return until == NULL || open == NULL || unclosed_tag(p, open, until);
}

bool
tpl_parse_to(struct parser *p, const struct token *open, const char *end_tag,
    struct nodelist *out)
{
	const char *const until[] = { end_tag, NULL };
	struct token end;

	return tpl_parse(p, open, until, out, &end);
}

bool
tpl_parse_skip(struct parser *p, const struct token *open, const char *end_tag)
{
	const char *const until[] = { end_tag, NULL };
	struct token tok;

	for (;;) {
		tpl_lexer_next(&p->lexer, &tok);
		if (tok.kind == TOKEN_END)
			return unclosed_tag(p, open, until);
		if (tok.kind == TOKEN_TAG &&
		    span_eq(tok.text, span_of(end_tag)))
			return true;
	}
}

static void
init(struct parser *p, struct template *t, const struct template_limits *limits)
{
	*p = (struct parser){ .t = t, .arena = &t->arena, .limits = limits };
	arena_init(&p->scratch, ARENA_BYTES(t->source.len));
	tpl_lexer_init(&p->lexer, t->source);
	p->at = t->source.p;
	p->last_reference = &t->references;
}

static struct template *
new_template(const char *name, struct span source)
{
	struct template *t = calloc(1, sizeof(*t));
	char *copy;

	if (t == NULL)
		return NULL;
	arena_init(&t->arena, ARENA_BYTES(source.len));
	t->name = arena_strdup(&t->arena, name);
	copy = arena_strndup(&t->arena, source.p, source.len);
	if (t->name == NULL || copy == NULL) {
		template_free(t);
		return NULL;
	}
	t->source = (struct span){ copy, source.len };
	return t;
}

int
template_compile(const char *name, struct span source,
    const struct template_limits *limits, struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct template *t;
	struct parser p;
	struct token end;
	size_t bad = 0;
	bool ok;

	if (where != NULL)
		*where = (struct template_place){ "", 0, 0 };
	if (limits == NULL)
		limits = &template_limits_default;
	if (source.len > limits->source_bytes || source.len >= UINT32_MAX)
		return po_fail(err, PO_EUNAVAILABLE,
		    "%s: the template is larger than the limit of %zu bytes",
		    name, limits->source_bytes);
	t = new_template(name, source);
	if (t == NULL)
		return po_fail(err, PO_EOS,
		    "%s: no memory to compile the template", name);
	init(&p, t, limits);
	p.where = where;
	p.err = err;
	if (tpl_text_valid(t->source, &bad))
		ok = tpl_parse(&p, NULL, NULL, &t->nodes, &end);
	else
		ok = tpl_parse_fail(&p, t->source.p + bad,
		    "the template is not valid UTF-8");
	arena_clear(&p.scratch);
	if (!ok) {
		template_free(t);
		return -1;
	}
	*out = t;
	return 0;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	arena_clear(&t->arena);
	free(t);
}

bool
template_reference_get(const struct template *t, size_t i,
    struct template_reference *out)
{
	const struct reference *ref = t->references;
	struct template_place place;

	while (ref != NULL && i-- > 0)
		ref = ref->next;
	if (ref == NULL)
		return false;
	tpl_place(t, ref->at, &place);
	*out =
	    (struct template_reference){ ref->name, place.line, place.column };
	return true;
}

bool
template_has_dynamic_reference(const struct template *t)
{
	return t->dynamic;
}
