/* SPDX-License-Identifier: ISC */
/*
 * /etc/passwd is read first, as nsswitch.conf has it nearly everywhere: that
 * spares loading the modules of other services for those who are in it.
 */
#include "submit/caller.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "envelope/address.h"
#include "util/buf.h"
#include "util/span.h"

#define ENTRY_BYTES 4096

static const struct passwd *
find_in_file(uid_t uid, struct passwd *pw, char *room, size_t len)
{
	struct passwd *found = NULL;
	FILE *f = fopen("/etc/passwd", "re");

	if (f == NULL)
		return NULL;
	while (fgetpwent_r(f, pw, room, len, &found) == 0)
		if (found->pw_uid == uid)
			break;
		else
			found = NULL;
	(void)fclose(f);
	return found;
}

/* A login that can stand before the '@' as it is. */
static bool
is_atom(const char *s)
{
	const char *c;

	for (c = s; *c != '\0'; c++)
		if (!address_is_atext((unsigned char)*c) && *c != '.')
			return false;
	return c != s && s[0] != '.' && s[0] != '-' && c[-1] != '.' &&
	       strstr(s, "..") == NULL;
}

/* Up to the first comma; '&' is the login with a capital (finger(1)). */
static const char *
gecos_name(const char *gecos, const char *login, struct arena *arena)
{
	struct span s = span_of(gecos == NULL ? "" : gecos);
	struct buf name;
	char *copy;
	size_t i, at;
	bool ok = true;

	s = span_cut(&s, ',');
	buf_init(&name, ENTRY_BYTES);
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
	char room[ENTRY_BYTES], number[32];
	struct passwd entry;
	const struct passwd *pw;

	c->uid = getuid();
	pw = find_in_file(c->uid, &entry, room, sizeof(room));
	if (pw == NULL)
		pw = getpwuid(c->uid);
	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)c->uid);
	c->login = arena_strdup(arena,
	    pw != NULL && is_atom(pw->pw_name) ? pw->pw_name : number);
	c->full_name = pw == NULL || c->login == NULL
	                   ? ""
	                   : gecos_name(pw->pw_gecos, c->login, arena);
	if (c->login == NULL || c->full_name == NULL)
		return po_fail(err, PO_EOS, "no memory for the caller's name");
	return 0;
}
