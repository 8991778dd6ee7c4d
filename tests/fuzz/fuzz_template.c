/* SPDX-License-Identifier: ISC */
/*
 * Templates and contexts. An input is up to three parts with NUL between them:
 * the main template, the context (JSON), the template that goes by the name
 * "a"; the main one goes by "m". Whatever is in them: a render ends within its
 * limits, an error has a text, and what comes out is valid UTF-8.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compose/template.h"
#include "util/utf8.h"

static const struct template_limits limits = {
	.source_bytes = 1 << 16,
	.tag_depth = 50,
	.expr_depth = 50,
	.include_depth = 8,
	.output_bytes = 1 << 16,
	.memory_bytes = 4 << 20,
	.steps = 20000,
	.context_bytes = 1 << 16,
	.context_depth = 32,
};

struct others {
	const struct template *m;
	const struct template *a;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
get(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct others *o = ctx;

	(void)where;
	(void)err;
	if (span_eq(name, SPAN_LIT("m")))
		*out = o->m;
	else if (span_eq(name, SPAN_LIT("a")) && o->a != NULL)
		*out = o->a;
	else
		return 0;
	return 1;
}

static void
check_error(const struct po_err *err)
{
	assert(err->code == PO_EDATA || err->code == PO_EUNAVAILABLE);
	assert(err->text[0] != '\0');
}

static struct template *
compile(const char *name, struct span source)
{
	struct template *t = NULL;
	struct template_place where;
	struct po_err err;

	if (template_compile(name, source, &limits, &t, &where, &err) == 0)
		return t;
	check_error(&err);
	assert(where.line > 0 || err.code == PO_EUNAVAILABLE);
	return NULL;
}

static void
render(const struct others *o, const struct template_context *c, bool escape)
{
	struct others copy = *o;
	const struct template_options options = { .autoescape = escape,
		.now_us = 1773500966000000,
		.loader = { get, &copy },
		.limits = &limits };
	struct template_place where;
	struct po_err err;
	struct buf out;

	buf_init(&out, 1 << 20);
	if (template_render(o->m, c, &options, &out, &where, &err) == 0) {
		assert(out.len <= limits.output_bytes);
		assert(utf8_is_valid(buf_span(&out)));
	} else {
		check_error(&err);
		assert(out.len == 0 && where.line > 0);
	}
	buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	struct span source = span_cut(&rest, '\0');
	struct span json = span_cut(&rest, '\0');
	struct template *m = compile("m", source);
	struct template *a = rest.len > 0 ? compile("a", rest) : NULL;
	const struct others others = { m, a };
	struct template_context *c = NULL;
	struct po_err err;

	if (json.len > 0 &&
	    template_context_parse(json, &limits, &c, &err) == -1)
		check_error(&err);
	if (m != NULL) {
		render(&others, c, true);
		render(&others, c, false);
	}
	template_context_free(c);
	template_free(a);
	template_free(m);
	return 0;
}
