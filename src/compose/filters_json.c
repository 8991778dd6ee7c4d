/* SPDX-License-Identifier: ISC */
/* json_script: the value as ASCII JSON within a script element, nothing in it
 * that could end the element. */
#include <math.h>
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/number.h"
#include "compose/text.h"

static void
put_code(struct builder *b, uint32_t c)
{
	if (c >= 0x10000) {
		c -= 0x10000;
		tpl_build_printf(b, "\\u%04x\\u%04x",
		    0xd800 | (unsigned)(c >> 10),
		    0xdc00 | (unsigned)(c & 0x3ff));
	} else if (c == '<' || c == '>' || c == '&') {
		tpl_build_printf(b, "\\u%04X", (unsigned)c);
	} else {
		tpl_build_printf(b, "\\u%04x", (unsigned)c);
	}
}

static void
put_text(struct builder *b, struct span s)
{
	static const char named[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *end = s.p + s.len;
	const char *p = s.p;
	const char *found;
	uint32_t c;

	tpl_build_char(b, '"');
	while (p < end) {
		c = tpl_text_next(&p, end);
		found = c > 0 && c < 0x80 ? strchr(named, (int)c) : NULL;
		if (found != NULL) {
			tpl_build_char(b, '\\');
			tpl_build_char(b, letters[found - named]);
		} else if (c < 0x20 || c > 0x7e || c == '<' || c == '>' ||
		           c == '&') {
			put_code(b, c);
		} else {
			tpl_build_char(b, (char)c);
		}
	}
	tpl_build_char(b, '"');
}

static bool put_json(struct builder *b, const struct value *v);

static bool
put_list(struct builder *b, const struct value *v)
{
	const struct seq *s = tpl_value_list(b->r, v);
	size_t i;

	if (s == NULL)
		return false;
	tpl_build_char(b, '[');
	for (i = 0; i < s->n; i++) {
		tpl_build_str(b, i == 0 ? "" : ", ");
		if (!put_json(b, &s->items[i]))
			return false;
	}
	tpl_build_char(b, ']');
	return true;
}

static bool
put_dict(struct builder *b, const struct value *v)
{
	struct value pairs;
	size_t i;

	if (!tpl_value_items(b->r, v, &pairs))
		return false;
	tpl_build_char(b, '{');
	for (i = 0; i < pairs.seq->n; i++) {
		const struct value *pair = pairs.seq->items[i].seq->items;

		tpl_build_str(b, i == 0 ? "" : ", ");
		put_text(b, tpl_value_span(&pair[0]));
		tpl_build_str(b, ": ");
		if (!put_json(b, &pair[1]))
			return false;
	}
	tpl_build_char(b, '}');
	return true;
}

static void
put_float(struct builder *b, double f)
{
	char text[NUMBER_REPR];

	if (isfinite(f))
		tpl_build_put(b, text, tpl_number_repr(f, text));
	else
		tpl_build_str(b, isnan(f) ? "NaN"
		                 : f < 0  ? "-Infinity"
		                          : "Infinity");
}

static bool
put_json(struct builder *b, const struct value *v)
{
	bool ok = true;

	if (!tpl_enter(b->r) || !tpl_step(b->r, 1))
		return false;
	if (v->kind == VAL_NONE)
		tpl_build_str(b, "null");
	else if (v->kind == VAL_BOOL)
		tpl_build_str(b, v->b ? "true" : "false");
	else if (v->kind == VAL_INT)
		tpl_build_repr(b, v);
	else if (v->kind == VAL_FLOAT)
		put_float(b, v->f);
	else if (v->kind == VAL_STR)
		put_text(b, tpl_value_span(v));
	else if (v->kind == VAL_DICT || v->kind == VAL_LOOP)
		ok = put_dict(b, v);
	else if (tpl_value_is_sequence(v))
		ok = put_list(b, v);
	else
		ok = tpl_fail(b->r, FAIL_VALUE,
		    "json_script cannot write this value");
	tpl_leave(b->r);
	return ok && !b->failed;
}

FILTER(json_script)
{
	struct builder b;

	tpl_build(&b, r, 0);
	tpl_build_str(&b, "<script id=\"");
	tpl_build_conditional(&b, arg);
	tpl_build_str(&b, "\" type=\"application/json\">");
	if (!put_json(&b, v))
		return false;
	tpl_build_str(&b, "</script>");
	if (!tpl_build_done(&b, v))
		return false;
	v->safe = true;
	return true;
}
