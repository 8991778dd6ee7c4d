/* SPDX-License-Identifier: ISC */
#include "compose/names.h"

#include <stdio.h>

static bool
begins(struct span s, struct span with)
{
	return s.len >= with.len && memcmp(s.p, with.p, with.len) == 0;
}

bool
tpl_name_is_relative(struct span name)
{
	return begins(name, SPAN_LIT("./")) || begins(name, SPAN_LIT("../"));
}

/* Drop the last part of path[0, len). */
static size_t
parent(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

bool
tpl_name_resolve(struct span from, struct span name, char *path,
    struct span *out, char *why, size_t why_size)
{
	struct span rest = name;
	struct span part;
	size_t len;

	while (from.len > 0 && from.p[0] == '/')
		from = (struct span){ from.p + 1, from.len - 1 };
	memcpy(path, from.p, from.len);
	len = parent(path, from.len);
	while (rest.len > 0) {
		part = span_cut(&rest, '/');
		if (part.len == 0 || span_eq(part, SPAN_LIT(".")))
			continue;
		if (span_eq(part, SPAN_LIT(".."))) {
			if (len == 0) {
				(void)snprintf(why, why_size,
				    "the name '%.*s' leads out of the "
				    "templates",
				    (int)(name.len > 80 ? 80 : name.len),
				    name.p);
				return false;
			}
			len = parent(path, len);
			continue;
		}
		if (len > 0)
			path[len++] = '/';
		memcpy(path + len, part.p, part.len);
		len += part.len;
	}
	*out = (struct span){ path, len };
	if (!span_eq(*out, from))
		return true;
	(void)snprintf(why, why_size, "the name '%.*s' is the template itself",
	    (int)(name.len > 80 ? 80 : name.len), name.p);
	return false;
}
