/* SPDX-License-Identifier: ISC */
#include "compose/tags.h"

#include <stdlib.h>
#include <string.h>

#define WEB "needs a web application and is not supported in mail templates"
#define LIBRARY                                                                \
	"belongs to a library of Django that is not supported in mail "        \
	"templates"

/* Sorted by name. */
static const struct tag tags[] = {
	{ "autoescape", tpl_tag_autoescape, NULL },
	{ "block", tpl_tag_block, NULL },
	{ "blocktrans", NULL, LIBRARY },
	{ "blocktranslate", NULL, LIBRARY },
	{ "cache", NULL, LIBRARY },
	{ "comment", tpl_tag_comment, NULL },
	{ "csrf_token", NULL, WEB },
	{ "cycle", tpl_tag_cycle, NULL },
	{ "debug", NULL, WEB },
	{ "extends", tpl_tag_extends, NULL },
	{ "filter", tpl_tag_filter, NULL },
	{ "firstof", tpl_tag_firstof, NULL },
	{ "for", tpl_tag_for, NULL },
	{ "get_static_prefix", NULL, LIBRARY },
	{ "if", tpl_tag_if, NULL },
	{ "ifchanged", tpl_tag_ifchanged, NULL },
	{ "ifequal", tpl_tag_ifequal, NULL },
	{ "ifnotequal", tpl_tag_ifnotequal, NULL },
	{ "include", tpl_tag_include, NULL },
	{ "language", NULL, LIBRARY },
	{ "load", NULL,
	    "loads code of a web application and is not supported in mail "
	    "templates" },
	{ "localize", NULL, LIBRARY },
	{ "localtime", NULL, LIBRARY },
	{ "lorem", tpl_tag_lorem, NULL },
	{ "now", tpl_tag_now, NULL },
	{ "regroup", tpl_tag_regroup, NULL },
	{ "resetcycle", tpl_tag_resetcycle, NULL },
	{ "spaceless", tpl_tag_spaceless, NULL },
	{ "static", NULL, LIBRARY },
	{ "templatetag", tpl_tag_templatetag, NULL },
	{ "timezone", NULL, LIBRARY },
	{ "trans", NULL, LIBRARY },
	{ "translate", NULL, LIBRARY },
	{ "url", NULL, WEB },
	{ "verbatim", tpl_tag_verbatim, NULL },
	{ "widthratio", tpl_tag_widthratio, NULL },
	{ "with", tpl_tag_with, NULL },
};

static int
compare(const void *key, const void *row)
{
	const struct span *name = key;
	const char *other = ((const struct tag *)row)->name;
	size_t len = strlen(other);
	int c = memcmp(name->p, other, name->len < len ? name->len : len);

	return c != 0 ? c : name->len < len ? -1 : name->len > len;
}

const struct tag *
tpl_tag_find(struct span name)
{
	return bsearch(&name, tags, sizeof(tags) / sizeof(tags[0]),
	    sizeof(tags[0]), compare);
}
