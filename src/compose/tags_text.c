/* SPDX-License-Identifier: ISC */
/* comment, verbatim, templatetag, now, lorem, widthratio: tags that print what
 * is in them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "compose/date.h"
#include "compose/lorem.h"
#include "compose/number.h"
#include "compose/render.h"
#include "compose/tags.h"
#include "compose/text.h"

TAG(comment)
{
	*out = NULL;
	return tpl_parse_skip(p, tok, "endcomment");
}

/* The lexer has made text of what is inside. */
struct verbatim_node {
	struct node node;
	struct nodelist body;
};

static bool
render_verbatim(struct render *r, const struct node *n)
{
	return tpl_render_nodes(r, &((const struct verbatim_node *)n)->body);
}

TAG(verbatim)
{
	struct verbatim_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_verbatim);

	if (n == NULL)
		return false;
	*out = &n->node;
	return tpl_parse_to(p, tok, "endverbatim", &n->body);
}

struct templatetag_node {
	struct node node;
	const char *text;
};

static bool
render_templatetag(struct render *r, const struct node *n)
{
	const char *text = ((const struct templatetag_node *)n)->text;

	return tpl_out(r, text, strlen(text));
}

TAG(templatetag)
{
	static const struct {
		const char *name;
		const char *text;
	} marks[] = {
		{ "openblock", "{%" },
		{ "closeblock", "%}" },
		{ "openvariable", "{{" },
		{ "closevariable", "}}" },
		{ "openbrace", "{" },
		{ "closebrace", "}" },
		{ "opencomment", "{#" },
		{ "closecomment", "#}" },
	};
	struct templatetag_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_templatetag);
	struct words w;
	size_t i;

	if (n == NULL || !tpl_parse_plain_words(p, tok->text, &w))
		return false;
	if (w.n != 2)
		return tpl_parse_fail(p, tok->at,
		    "'templatetag' takes one argument");
	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (span_eq(w.w[1], span_of(marks[i].name)))
			n->text = marks[i].text;
	if (n->text == NULL)
		return tpl_parse_fail(p, w.w[1].p,
		    "'templatetag' does not know '%.*s'", WORD(w.w[1]));
	*out = &n->node;
	return true;
}

struct now_node {
	struct node node;
	struct span format;
	struct span as; /* p NULL: print it */
};

static bool
render_now(struct render *r, const struct node *node)
{
	const struct now_node *n = (const struct now_node *)node;
	struct value v;

	if (!tpl_date_now(r, n->format, &v))
		return false;
	return n->as.p == NULL ? tpl_out(r, v.s, v.len)
	                       : tpl_scope_set(r, n->as, &v);
}

/* The first and the last character are the quotes, whatever they are. */
static struct span
without_quotes(struct span s)
{
	const char *from = tpl_text_skip(s, 1);
	const char *to = s.p + s.len;

	if (from == to)
		return (struct span){ from, 0 };
	(void)tpl_text_previous(from, &to);
	return (struct span){ from, (size_t)(to - from) };
}

TAG(now)
{
	struct now_node *n = tpl_parse_node(p, tok, sizeof(*n), render_now);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n == 4 && span_eq(w.w[2], SPAN_LIT("as"))) {
		n->as = w.w[3];
		w.n = 2;
	}
	if (w.n != 2)
		return tpl_parse_fail(p, tok->at, "'now' takes one argument");
	n->format = without_quotes(w.w[1]);
	*out = &n->node;
	return true;
}

struct lorem_node {
	struct node node;
	struct expr count;
	char method; /* w, p, b */
	bool random;
};

static bool
render_lorem(struct render *r, const struct node *node)
{
	const struct lorem_node *n = (const struct lorem_node *)node;
	struct value v;
	int64_t count = 1;

	if (!tpl_expr_eval(r, &n->count, MISSING_IS_TEXT, &v))
		return false;
	if (tpl_number_int(&v, &count) != NUMBER_OK)
		count = 1;
	return n->method == 'w' ? tpl_lorem_words(r, count, n->random)
	                        : tpl_lorem_paragraphs(r, count, n->random,
	                              n->method == 'p');
}

TAG(lorem)
{
	struct lorem_node *n = tpl_parse_node(p, tok, sizeof(*n), render_lorem);
	struct span count = SPAN_LIT("1");
	struct span last;
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	n->random = w.n > 1 && span_eq(w.w[w.n - 1], SPAN_LIT("random"));
	w.n -= n->random;
	last = w.w[w.n - 1];
	n->method =
	    w.n > 1 && last.len == 1 &&
	            (last.p[0] == 'w' || last.p[0] == 'p' || last.p[0] == 'b')
	        ? last.p[0]
	        : 0;
	w.n -= n->method != 0;
	if (w.n > 1)
		count = w.w[--w.n];
	if (w.n != 1)
		return tpl_parse_fail(p, tok->at,
		    "'lorem' must have the form 'lorem [count] [w|p|b] "
		    "[random]'");
	*out = &n->node;
	return tpl_expr_parse(p, count, &n->count);
}

struct widthratio_node {
	struct node node;
	struct expr value;
	struct expr max;
	struct expr width;
	struct span as; /* p NULL: print it */
};

/* Empty where the numbers are none. */
static size_t
ratio(const struct value *value, const struct value *max, int64_t width,
    char *out, size_t size)
{
	double a;
	double b;
	int n;

	if (tpl_number_float(value, &a) != NUMBER_OK ||
	    tpl_number_float(max, &b) != NUMBER_OK)
		return 0;
	a = b == 0 ? 0 : rint(a / b * (double)width);
	if (!isfinite(a))
		return 0;
	n = snprintf(out, size, "%.0f", a == 0 ? 0 : a);
	return n < 0 ? 0 : (size_t)n;
}

static bool
render_widthratio(struct render *r, const struct node *node)
{
	const struct widthratio_node *n = (const struct widthratio_node *)node;
	struct value value;
	struct value max;
	struct value width;
	struct span result;
	unsigned depth = r->depth;
	char text[400];
	int64_t w;

	if (!tpl_expr_eval(r, &n->value, MISSING_IS_TEXT, &value) ||
	    !tpl_expr_eval(r, &n->max, MISSING_IS_TEXT, &max) ||
	    !tpl_expr_eval(r, &n->width, MISSING_IS_TEXT, &width)) {
		if (r->fail == FAIL_MISSING)
			tpl_fail_forget(r, depth);
		return r->fail == FAIL_NONE;
	}
	if (!tpl_number_need_int(r, &width, "the last argument of 'widthratio'",
	        &w))
		return false;
	result =
	    (struct span){ text, ratio(&value, &max, w, text, sizeof(text)) };
	if (n->as.p == NULL)
		return tpl_out(r, result.p, result.len);
	if (!tpl_copy(r, result, &result))
		return false;
	value = tpl_value_str(result);
	return tpl_scope_set(r, n->as, &value);
}

TAG(widthratio)
{
	struct widthratio_node *n =
	    tpl_parse_node(p, tok, sizeof(*n), render_widthratio);
	struct words w;

	if (n == NULL || !tpl_parse_words(p, tok->text, &w))
		return false;
	if (w.n == 6 && span_eq(w.w[4], SPAN_LIT("as")))
		n->as = w.w[5];
	else if (w.n != 4)
		return tpl_parse_fail(p, tok->at,
		    "'widthratio' must have the form 'widthratio value max "
		    "width [as name]'");
	*out = &n->node;
	return tpl_expr_parse(p, w.w[1], &n->value) &&
	       tpl_expr_parse(p, w.w[2], &n->max) &&
	       tpl_expr_parse(p, w.w[3], &n->width);
}
