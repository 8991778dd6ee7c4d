/* SPDX-License-Identifier: ISC */
#include "submit/caller.h"

#include <stdio.h>
#include <unistd.h>

#include "envelope/address.h"
#include "submit/account.h"
#include "util/buf.h"
#include "util/span.h"

#define LOGIN_BYTES 256u
#define NAME_BYTES 4096u

/* A login that can stand before the '@' as it is. */
static bool
is_atom(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!address_is_atext((unsigned char)s.p[i]) &&
		    (s.p[i] != '.' || (i > 0 && s.p[i - 1] == '.')))
			return false;
	return s.len > 0 && s.len < LOGIN_BYTES && s.p[0] != '.' &&
	       s.p[0] != '-' && s.p[s.len - 1] != '.';
}

/* Up to the first comma; '&' is the login with a capital (finger(1)). */
static const char *
gecos_name(struct span gecos, const char *login, struct arena *arena)
{
	struct span s = span_cut(&gecos, ',');
	struct buf name;
	char *copy;
	size_t i, at;
	bool ok = true;

	buf_init(&name, NAME_BYTES);
	for (i = 0; ok && i < s.len; i++) {
		at = name.len;
		ok = s.p[i] == '&' ? buf_puts(&name, login)
		                   : buf_putc(&name, s.p[i]);
		if (ok && s.p[i] == '&' && name.p[at] >= 'a' &&
		    name.p[at] <= 'z')
			name.p[at] = (char)(name.p[at] - ('a' - 'A'));
	}
	copy = arena_strndup(arena, buf_str(&name), name.len);
	buf_clear(&name);
	return copy;
}

int
caller_find(struct caller *c, struct arena *arena, struct po_err *err)
{
	struct account a = { { "", 0 }, { "", 0 } };
	struct buf line;
	char number[32];

	c->uid = getuid();
	buf_init(&line, ACCOUNT_LINE_BYTES);
	(void)account_find("/etc/passwd", "/usr/bin/getent", c->uid, &line, &a);
	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)c->uid);
	c->login = is_atom(a.login)
	               ? arena_strndup(arena, a.login.p, a.login.len)
	               : arena_strdup(arena, number);
	c->full_name =
	    c->login == NULL ? NULL : gecos_name(a.gecos, c->login, arena);
	buf_clear(&line);
	if (c->login == NULL || c->full_name == NULL)
		return po_fail(err, PO_EOS, "no memory for the caller's name");
	return 0;
}
