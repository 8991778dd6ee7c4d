/* SPDX-License-Identifier: ISC */
/* Python's str() and repr() of values. */
#include <string.h>

#include "compose/builder.h"
#include "compose/node.h"
#include "compose/number.h"
#include "compose/render.h"
#include "compose/text.h"

static void
put_char(struct builder *b, uint32_t c, const char *p, size_t len, char quote)
{
	if (c == (unsigned char)quote || c == '\\') {
		tpl_build_char(b, '\\');
		tpl_build_char(b, (char)c);
	} else if (c == '\n') {
		tpl_build_str(b, "\\n");
	} else if (c == '\r') {
		tpl_build_str(b, "\\r");
	} else if (c == '\t') {
		tpl_build_str(b, "\\t");
	} else if (tpl_text_is_printable(c)) {
		tpl_build_put(b, p, len);
	} else {
		tpl_build_printf(b,
		    c < 0x100     ? "\\x%02x"
		    : c < 0x10000 ? "\\u%04x"
		                  : "\\U%08x",
		    (unsigned)c);
	}
}

static void
repr_text(struct builder *b, struct span s)
{
	const char *end = s.p + s.len;
	const char *p = s.p;
	const char *from;
	char quote = '\'';
	uint32_t c;

	if (s.len > 0 && memchr(s.p, '\'', s.len) != NULL &&
	    memchr(s.p, '"', s.len) == NULL)
		quote = '"';
	tpl_build_char(b, quote);
	while (p < end) {
		from = p;
		c = tpl_text_next(&p, end);
		put_char(b, c, from, (size_t)(p - from), quote);
	}
	tpl_build_char(b, quote);
}

static void
repr_dict(struct builder *b, const struct value *v)
{
	void *it = v->json == NULL ? NULL : json_object_iter(v->json);
	const char *comma = "";
	struct value item;

	tpl_build_char(b, '{');
	for (; it != NULL && !b->failed;
	     it = json_object_iter_next(v->json, it)) {
		tpl_build_str(b, comma);
		comma = ", ";
		repr_text(b, (struct span){ json_object_iter_key(it),
		                 json_object_iter_key_len(it) });
		tpl_build_str(b, ": ");
		tpl_value_from_json(&item, json_object_iter_value(it));
		tpl_build_repr(b, &item);
	}
	tpl_build_char(b, '}');
}

static void
repr_loop(struct builder *b, const struct loop *l)
{
	struct value item;
	struct span name;
	size_t i;

	for (i = 0; i < LOOP_KEYS; i++) {
		tpl_loop_key(l, i, &name, &item);
		tpl_build_str(b, i == 0 ? "{" : ", ");
		repr_text(b, name);
		tpl_build_str(b, ": ");
		tpl_build_repr(b, &item);
	}
	tpl_build_char(b, '}');
}

static void
repr_list(struct builder *b, json_t *list)
{
	struct value item;
	size_t i;

	tpl_build_char(b, '[');
	for (i = 0; i < json_array_size(list) && !b->failed; i++) {
		tpl_build_str(b, i == 0 ? "" : ", ");
		tpl_value_from_json(&item, json_array_get(list, i));
		tpl_build_repr(b, &item);
	}
	tpl_build_char(b, ']');
}

static void
repr_seq(struct builder *b, const struct seq *s)
{
	static const struct {
		const char *open, *close;
	} marks[] = {
		[SEQ_LIST] = { "[", "]" },
		[SEQ_TUPLE] = { "(", ")" },
		[SEQ_GROUP] = { "GroupedResult(grouper=", ")" },
		[SEQ_ITEMS] = { "dict_items([", "])" },
		[SEQ_KEYS] = { "dict_keys([", "])" },
		[SEQ_VALUES] = { "dict_values([", "])" },
	};
	const char *comma = s->kind == SEQ_GROUP ? ", list=" : ", ";
	size_t i;

	tpl_build_str(b, marks[s->kind].open);
	for (i = 0; i < s->n && !b->failed; i++) {
		tpl_build_str(b, i == 0 ? "" : comma);
		tpl_build_repr(b, &s->items[i]);
	}
	if (s->kind == SEQ_TUPLE && s->n == 1)
		tpl_build_char(b, ',');
	tpl_build_str(b, marks[s->kind].close);
}

void
tpl_build_repr(struct builder *b, const struct value *v)
{
	char number[NUMBER_REPR];

	if (b->failed)
		return;
	if (!tpl_enter(b->r) || !tpl_step(b->r, 1)) {
		b->failed = true;
		return;
	}
	switch (v->kind) {
	case VAL_NONE:
		tpl_build_str(b, "None");
		break;
	case VAL_BOOL:
		tpl_build_str(b, v->b ? "True" : "False");
		break;
	case VAL_INT:
		tpl_build_number(b, v->i, 1);
		break;
	case VAL_FLOAT:
		tpl_build_put(b, number, tpl_number_repr(v->f, number));
		break;
	case VAL_STR:
		repr_text(b, tpl_value_span(v));
		break;
	case VAL_LIST:
		repr_list(b, v->json);
		break;
	case VAL_DICT:
		repr_dict(b, v);
		break;
	case VAL_SEQ:
		repr_seq(b, v->seq);
		break;
	case VAL_LOOP:
		repr_loop(b, v->loop);
		break;
	case VAL_BLOCK:
		tpl_build_str(b, "<Block Node: ");
		tpl_build_span(b, v->block->name);
		tpl_build_str(b, ">");
		break;
	}
	tpl_leave(b->r);
}

void
tpl_build_value(struct builder *b, const struct value *v)
{
	if (v->kind == VAL_STR)
		tpl_build_span(b, tpl_value_span(v));
	else
		tpl_build_repr(b, v);
}
