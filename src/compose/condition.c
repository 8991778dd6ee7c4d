/* SPDX-License-Identifier: ISC */
/*
 * A top-down operator precedence parser (Pratt, 1973), as Django has it. The
 * tree is evaluated by recursion, so its depth is limited: "a and b and ..."
 * leans to the left and grows by one for each operator.
 */
#include "compose/condition.h"

#include "compose/render.h"

enum operator{
	OP_EXPR,
	OP_OR,
	OP_AND,
	OP_NOT,
	OP_IN,
	OP_NOT_IN,
	OP_IS,
	OP_IS_NOT,
	OP_EQ,
	OP_NE,
	OP_GT,
	OP_GE,
	OP_LT,
	OP_LE,
	OP_END,
};

static const struct {
	const char *text;
	unsigned power;
} operators[] = {
	[OP_EXPR] = { "", 0 },
	[OP_OR] = { "or", 6 },
	[OP_AND] = { "and", 7 },
	[OP_NOT] = { "not", 8 },
	[OP_IN] = { "in", 9 },
	[OP_NOT_IN] = { "not in", 9 },
	[OP_IS] = { "is", 10 },
	[OP_IS_NOT] = { "is not", 10 },
	[OP_EQ] = { "==", 10 },
	[OP_NE] = { "!=", 10 },
	[OP_GT] = { ">", 10 },
	[OP_GE] = { ">=", 10 },
	[OP_LT] = { "<", 10 },
	[OP_LE] = { "<=", 10 },
	[OP_END] = { "", 0 },
};

struct condition {
	enum operator op;
	unsigned depth;
	struct condition *left;
	struct condition *right;
	struct expr expr;
};

struct reader {
	struct parser *p;
	const struct words *w;
	size_t next;
	unsigned depth;   /* of recursion */
	enum operator op; /* the current word's */
	struct span text;
};

static enum operator find_operator(struct span word)
{
	enum operator op;

	for (op = OP_OR; op < OP_END; op++)
		if (span_eq(word, span_of(operators[op].text)))
			return op;
	return OP_EXPR;
}

/* Go on to the next word; "not in" and "is not" are one. */
static void
advance(struct reader *rd)
{
	struct span second = { NULL, 0 };

	if (rd->next >= rd->w->n) {
		rd->op = OP_END;
		rd->text = (struct span){ NULL, 0 };
		return;
	}
	rd->text = rd->w->w[rd->next++];
	rd->op = find_operator(rd->text);
	if (rd->next < rd->w->n)
		second = rd->w->w[rd->next];
	if (rd->op == OP_IS && span_eq(second, SPAN_LIT("not"))) {
		rd->op = OP_IS_NOT;
		rd->next++;
	} else if (rd->op == OP_NOT && span_eq(second, SPAN_LIT("in"))) {
		rd->op = OP_NOT_IN;
		rd->next++;
	}
}

static struct condition *
new_condition(struct reader *rd, enum operator op, struct condition *left,
    struct condition *right)
{
	struct condition *c = tpl_parse_alloc(rd->p, 1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->op = op;
	c->left = left;
	c->right = right;
	c->depth = 1;
	if (left != NULL)
		c->depth = left->depth + 1;
	if (right != NULL && right->depth >= c->depth)
		c->depth = right->depth + 1;
	if (c->depth > rd->p->limits->expr_depth) {
		tpl_parse_fail_limit(rd->p, rd->text.p,
		    "the condition is deeper than the limit of %u operators",
		    rd->p->limits->expr_depth);
		return NULL;
	}
	return c;
}

static struct condition *expression(struct reader *rd, unsigned power);

static struct condition *
operand(struct reader *rd)
{
	struct condition *c;

	if (rd->op == OP_END) {
		tpl_parse_fail(rd->p, rd->text.p,
		    "the condition ends too early");
		return NULL;
	}
	if (rd->op == OP_NOT) {
		advance(rd);
		c = expression(rd, operators[OP_NOT].power);
		return c == NULL ? NULL : new_condition(rd, OP_NOT, c, NULL);
	}
	if (rd->op != OP_EXPR) {
		tpl_parse_fail(rd->p, rd->text.p, "'%s' is not expected here",
		    operators[rd->op].text);
		return NULL;
	}
	c = new_condition(rd, OP_EXPR, NULL, NULL);
	if (c == NULL || !tpl_expr_parse(rd->p, rd->text, &c->expr))
		return NULL;
	advance(rd);
	return c;
}

static struct condition *
expression(struct reader *rd, unsigned power)
{
	struct condition *left;
	struct condition *right;
	enum operator op;

	if (++rd->depth > rd->p->limits->expr_depth + 1) {
		tpl_parse_fail_limit(rd->p, rd->text.p,
		    "the condition is deeper than the limit of %u operators",
		    rd->p->limits->expr_depth);
		return NULL;
	}
	left = operand(rd);
	while (left != NULL && power < operators[rd->op].power) {
		op = rd->op;
		if (op == OP_NOT) {
			tpl_parse_fail(rd->p, rd->text.p,
			    "'not' is not expected here");
			return NULL;
		}
		advance(rd);
		right = expression(rd, operators[op].power);
		left =
		    right == NULL ? NULL : new_condition(rd, op, left, right);
	}
	rd->depth--;
	return left;
}

const struct condition *
tpl_condition_parse(struct parser *p, const struct words *w)
{
	struct reader rd = { .p = p, .w = w, .next = 1 };
	struct condition *c;

	advance(&rd);
	c = expression(&rd, 0);
	if (c != NULL && rd.op != OP_END) {
		tpl_parse_fail(p, rd.text.p,
		    "'%.*s' is left over at the end of the condition",
		    WORD(rd.text));
		return NULL;
	}
	return c;
}

static bool eval(struct render *r, const struct condition *c,
    struct value *out);

/* A failure that Python would raise ends at the next operator above it, which
 * is then false. */
static bool
forget(struct render *r, unsigned depth, struct value *out)
{
	tpl_fail_forget(r, depth);
	*out = tpl_value_bool(false);
	return r->fail == FAIL_NONE;
}

static bool
logic(struct render *r, const struct condition *c, struct value *out)
{
	if (!eval(r, c->left, out))
		return false;
	if (c->op == OP_NOT) {
		*out = tpl_value_bool(!tpl_value_truth(out));
		return true;
	}
	if (tpl_value_truth(out) == (c->op == OP_OR))
		return true;
	return eval(r, c->right, out);
}

static bool
compare(enum operator op, int cmp)
{
	switch (op) {
	case OP_GT:
		return cmp > 0 && cmp != ORDER_NONE;
	case OP_GE:
		return cmp >= 0 && cmp != ORDER_NONE;
	case OP_LT:
		return cmp < 0;
	default:
		return cmp <= 0;
	}
}

static bool
relation(struct render *r, const struct condition *c, struct value *out)
{
	struct value a;
	struct value b;
	bool yes = false;
	bool ok = true;
	int cmp = 0;

	if (!eval(r, c->left, &a) || !eval(r, c->right, &b))
		return false;
	switch (c->op) {
	case OP_IN:
	case OP_NOT_IN:
		ok = tpl_value_contains(r, &b, &a, &yes);
		yes = yes == (c->op == OP_IN);
		break;
	case OP_IS:
	case OP_IS_NOT:
		yes = tpl_value_same(&a, &b) == (c->op == OP_IS);
		break;
	case OP_EQ:
	case OP_NE:
		yes = tpl_value_equal(r, &a, &b) == (c->op == OP_EQ);
		break;
	default:
		ok = tpl_value_order(r, &a, &b, &cmp);
		yes = compare(c->op, cmp);
		break;
	}
	*out = tpl_value_bool(ok && yes);
	return r->fail == FAIL_NONE;
}

static bool
eval(struct render *r, const struct condition *c, struct value *out)
{
	unsigned depth = r->depth;
	bool ok;

	if (c->op == OP_EXPR)
		return tpl_expr_eval(r, &c->expr, MISSING_IS_NONE, out);
	ok = c->op <= OP_NOT ? logic(r, c, out) : relation(r, c, out);
	return ok || forget(r, depth, out);
}

bool
tpl_condition_eval(struct render *r, const struct condition *c, bool *truth)
{
	struct keep keep = tpl_keep_begin(r);
	unsigned depth = r->depth;
	struct value v;

	*truth = false;
	if (eval(r, c, &v))
		*truth = tpl_value_truth(&v);
	else if (r->fail == FAIL_MISSING)
		tpl_fail_forget(r, depth);
	else
		return false;
	tpl_keep_end(r, keep);
	return true;
}
