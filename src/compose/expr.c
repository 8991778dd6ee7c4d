/* SPDX-License-Identifier: ISC */
/*
 * What Django's regular expression takes, by hand: a literal, a dotted name or
 * a number, then filters with at most one argument, blanks only before and
 * behind "|".
 */
#include "compose/expr.h"

#include <string.h>

#include "compose/filters.h"
#include "compose/number.h"
#include "compose/parser.h"
#include "compose/render.h"
#include "compose/text.h"

/* The end of "..." or '...' or _("...") at s.p[at], or `at`. */
static size_t
literal_end(struct span s, size_t at)
{
	bool marked = at + 2 < s.len && s.p[at] == '_' && s.p[at + 1] == '(';
	size_t i = marked ? at + 2 : at;
	char quote = i < s.len ? s.p[i] : 0;

	if (quote != '"' && quote != '\'')
		return at;
	for (i++; i < s.len && s.p[i] != quote; i++)
		if (s.p[i] == '\\')
			i++;
	if (i >= s.len)
		return at;
	i++;
	if (!marked)
		return i;
	return i < s.len && s.p[i] == ')' ? i + 1 : at;
}

static size_t
name_end(struct span s, size_t at, bool dots)
{
	const char *end = s.p + s.len;
	const char *p = s.p + at;
	const char *q;

	for (; p < end; p = q) {
		q = p;
		if (dots && *q == '.')
			q++;
		else if (!tpl_text_is_word(tpl_text_next(&q, end)))
			break;
	}
	return (size_t)(p - s.p);
}

/* The end of a dotted name, or of a number with a sign. */
static size_t
variable_end(struct span s, size_t at)
{
	size_t end = name_end(s, at, true);

	if (end > at || at + 1 >= s.len || (s.p[at] != '-' && s.p[at] != '+') ||
	    !ascii_is_digit((unsigned char)s.p[at + 1]))
		return end;
	for (end = at + 2;
	     end < s.len && (ascii_is_digit((unsigned char)s.p[end]) ||
	                        s.p[end] == '.' || s.p[end] == 'e');)
		end++;
	return end;
}

/* The text between the quotes of s, with \\ and the escaped quote resolved as
 * Django does: quotes first. */
static bool
unquote(struct parser *p, struct span s, struct value *out)
{
	char quote;
	char *to;
	size_t i;
	size_t n = 0;
	size_t m = 0;

	quote = s.p[0];
	s = (struct span){ s.p + 1, s.len - 2 };
	*out = tpl_value_safe(s);
	if (s.len == 0 || memchr(s.p, '\\', s.len) == NULL)
		return true;
	to = tpl_parse_alloc(p, s.len, 1);
	if (to == NULL)
		return false;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len && s.p[i + 1] == quote)
			i++;
		to[n++] = s.p[i];
	}
	for (i = 0; i < n; i++) {
		if (to[i] == '\\' && i + 1 < n && to[i + 1] == '\\')
			i++;
		to[m++] = to[i];
	}
	*out = tpl_value_safe((struct span){ to, m });
	return true;
}

/* 1: a number, 0: none, -1: error. "2." is none. */
static int
parse_number(struct parser *p, struct span s, struct value *out)
{
	double f;
	int64_t i;

	if (memchr(s.p, '.', s.len) != NULL ||
	    memchr(s.p, 'e', s.len) != NULL ||
	    memchr(s.p, 'E', s.len) != NULL) {
		if (tpl_number_parse_float(s, &f) != NUMBER_OK ||
		    s.p[s.len - 1] == '.')
			return 0;
		*out = tpl_value_float(f);
		return 1;
	}
	switch (tpl_number_parse_int(s, &i)) {
	case NUMBER_OK:
		*out = tpl_value_int(i);
		return 1;
	case NUMBER_RANGE:
		tpl_parse_fail(p, s.p, "the number %.*s is beyond 64 bits",
		    WORD(s));
		return -1;
	default:
		return 0;
	}
}

/* _("..."): the same text, where every % is two, as Django makes its keys. */
static bool
unquote_translation(struct parser *p, struct span s, struct value *out)
{
	struct span text;
	char *to;
	size_t i, n = 0;

	if (!unquote(p, (struct span){ s.p + 2, s.len - 3 }, out))
		return false;
	text = tpl_value_span(out);
	if (text.len == 0 || memchr(text.p, '%', text.len) == NULL)
		return true;
	to = tpl_parse_alloc(p, text.len, 2);
	if (to == NULL)
		return false;
	for (i = 0; i < text.len; i++) {
		to[n++] = text.p[i];
		if (text.p[i] == '%')
			to[n++] = '%';
	}
	*out = tpl_value_safe((struct span){ to, n });
	return true;
}

static bool
split_names(struct parser *p, struct span s, struct variable *v)
{
	size_t i;

	v->n = 1;
	for (i = 0; i < s.len; i++)
		v->n += s.p[i] == '.';
	v->names = tpl_parse_alloc(p, v->n, sizeof(struct span));
	if (v->names == NULL)
		return false;
	for (i = 0; i < v->n; i++) {
		v->names[i] = span_cut(&s, '.');
		if (v->names[i].len > 0 && v->names[i].p[0] == '_')
			return tpl_parse_fail(p, v->names[i].p,
			    "names may not begin with an underscore: '%.*s'",
			    WORD(v->text));
	}
	return true;
}

static bool
parse_variable(struct parser *p, struct span s, struct variable *v)
{
	int number;

	v->text = s;
	v->literal = true;
	if (s.p[0] == '"' || s.p[0] == '\'')
		return unquote(p, s, &v->value);
	if (s.len > 2 && s.p[0] == '_' && s.p[1] == '(')
		return unquote_translation(p, s, &v->value);
	number = parse_number(p, s, &v->value);
	if (number != 0)
		return number > 0;
	v->literal = false;
	return split_names(p, s, v);
}

/* A literal or a variable at *at, which moves behind it; *end == *at where
 * there is none. */
static bool
parse_operand(struct parser *p, struct span s, size_t *at, struct variable *v,
    bool *found)
{
	size_t end = literal_end(s, *at);

	if (end == *at)
		end = variable_end(s, *at);
	*found = end > *at;
	if (*found &&
	    !parse_variable(p, (struct span){ s.p + *at, end - *at }, v))
		return false;
	*at = end;
	return true;
}

static bool
check_args(struct parser *p, const struct filter_call *call, const char *at)
{
	const struct filter *f = call->filter;

	if (call->arg == NULL && f->needs_arg)
		return tpl_parse_fail(p, at, "filter '%s' needs an argument",
		    f->name);
	if (call->arg != NULL && !f->takes_arg)
		return tpl_parse_fail(p, at, "filter '%s' takes no argument",
		    f->name);
	return true;
}

/* "|name" or "|name:argument" at *at. */
static bool
parse_filter(struct parser *p, struct span s, size_t *at,
    struct filter_call **out)
{
	struct filter_call *call = tpl_parse_alloc(p, 1, sizeof(*call));
	size_t end = name_end(s, *at, false);
	struct span name = { s.p + *at, end - *at };
	struct variable *arg;
	bool found = false;

	if (call == NULL)
		return false;
	call->filter = tpl_filter_find(name);
	if (end < s.len && s.p[end] == ':') {
		*at = end + 1;
		arg = tpl_parse_alloc(p, 1, sizeof(*arg));
		if (arg == NULL || !parse_operand(p, s, at, arg, &found))
			return false;
		call->arg = found ? arg : NULL;
	}
	*at = found ? *at : end;
	if (call->filter == NULL)
		return tpl_parse_fail(p, name.p, "unknown filter '%.*s'",
		    WORD(name));
	*out = call;
	return check_args(p, call, name.p);
}

/* Behind blanks, "|" and blanks, at the name of a filter; *at stays where there
 * is none. */
static bool
find_filter(struct span s, size_t *at)
{
	struct span rest =
	    tpl_text_strip((struct span){ s.p + *at, s.len - *at });
	size_t name;

	if (rest.len == 0 || rest.p[0] != '|')
		return false;
	rest = tpl_text_strip((struct span){ rest.p + 1, rest.len - 1 });
	name = (size_t)(rest.p - s.p);
	if (name_end(s, name, false) == name)
		return false;
	*at = name;
	return true;
}

bool
tpl_expr_parse(struct parser *p, struct span text, struct expr *out)
{
	struct filter_call **tail = &out->calls;
	size_t at = 0;
	bool found;

	*out = (struct expr){ .text = text };
	if (!parse_operand(p, text, &at, &out->var, &found))
		return false;
	if (!found)
		return tpl_parse_fail(p, text.p,
		    "no variable at the start of '%.*s'", WORD(text));
	while (find_filter(text, &at)) {
		if (!parse_filter(p, text, &at, tail))
			return false;
		tail = &(*tail)->next;
	}
	if (at < text.len)
		return tpl_parse_fail(p, text.p + at,
		    "cannot parse '%.*s' in '%.*s'",
		    WORD(((struct span){ text.p + at, text.len - at })),
		    WORD(text));
	return true;
}

/* False: not defined, or a failure. */
bool
tpl_variable_eval(struct render *r, const struct variable *v, struct value *out)
{
	struct value from;
	json_t *j;
	size_t i;

	if (v->literal) {
		*out = v->value;
		return true;
	}
	if (!tpl_scope_get(r, v->names[0], out))
		return false;
	for (i = 1; i < v->n; i++) {
		if (out->kind == VAL_DICT) { /* the way that most go */
			j = json_object_getn(out->json, v->names[i].p,
			    v->names[i].len);
			if (j != NULL) {
				tpl_value_from_json(out, j);
				continue;
			}
		}
		from = *out;
		if (!tpl_value_lookup(r, &from, v->names[i], out))
			return false;
	}
	return true;
}

static bool
is_default(const struct expr *e)
{
	return e->calls != NULL && e->calls->filter->defaults;
}

static bool
eval_filters(struct render *r, const struct expr *e, struct value *v)
{
	const struct filter_call *call;
	struct value arg;

	for (call = e->calls; call != NULL; call = call->next) {
		if (call->arg != NULL && !tpl_variable_eval(r, call->arg, &arg))
			return r->fail != FAIL_NONE
			           ? false
			           : tpl_fail(r, FAIL_MISSING,
			                 "the variable '%.*s' is not defined",
			                 WORD(call->arg->text));
		if (!tpl_filter_apply(r, call->filter, v,
		        call->arg == NULL ? NULL : &arg))
			return false;
	}
	return true;
}

bool
tpl_expr_eval(struct render *r, const struct expr *e, enum missing missing,
    struct value *out)
{
	unsigned depth = r->depth;

	if (!tpl_variable_eval(r, &e->var, out)) {
		if (r->fail == FAIL_MISSING) /* within block.super */
			tpl_fail_forget(r, depth);
		if (r->fail != FAIL_NONE)
			return false;
		if (missing == MISSING_IS_NONE)
			*out = tpl_value_none();
		else if (r->options->strict && !is_default(e))
			return tpl_fail(r, FAIL_FATAL,
			    "the variable '%.*s' is not defined",
			    WORD(e->var.text));
		else
			*out = tpl_value_str(SPAN_LIT(""));
	}
	return e->calls == NULL || eval_filters(r, e, out);
}
