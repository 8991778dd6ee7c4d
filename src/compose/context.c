/* SPDX-License-Identifier: ISC */
/* Contexts: JSON, checked before anything looks at it. */
#include <stdlib.h>

#include "compose/render.h"
#include "compose/template.h"

struct template_context {
	json_t *root;
};

/* Depth is limited by the text before anything recurses over it: no list or
 * object opens past the limit. */
static bool
too_deep(struct span json, unsigned limit)
{
	bool quoted = false;
	unsigned depth = 0;
	size_t i;

	for (i = 0; i < json.len; i++) {
		char c = json.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > limit)
			return true;
	}
	return false;
}

int
template_context_parse(struct span json, const struct template_limits *limits,
    struct template_context **out, struct po_err *err)
{
	struct template_context *c;
	json_error_t why;
	json_t *root;

	if (limits == NULL)
		limits = &template_limits_default;
	if (json.len > limits->context_bytes)
		return po_fail(err, PO_EUNAVAILABLE,
		    "the context is larger than the limit of %zu bytes",
		    limits->context_bytes);
	if (too_deep(json, limits->context_depth))
		return po_fail(err, PO_EUNAVAILABLE,
		    "the context is nested deeper than the limit of %u",
		    limits->context_depth);
	root = json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, &why);
	if (root == NULL)
		return po_fail(err, PO_EDATA,
		    "the context, line %d, column %d: %s", why.line, why.column,
		    why.text);
	c = json_is_object(root) ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL) {
		enum po_code code = json_is_object(root) ? PO_EOS : PO_EDATA;

		json_decref(root);
		return po_fail(err, code,
		    code == PO_EOS ? "no memory for the context"
		                   : "the context is no JSON object");
	}
	c->root = root;
	*out = c;
	return 0;
}

void
template_context_free(struct template_context *c)
{
	if (c == NULL)
		return;
	json_decref(c->root);
	free(c);
}

json_t *
tpl_context_root(const struct template_context *c)
{
	return c == NULL ? NULL : c->root;
}
