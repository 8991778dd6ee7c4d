/* SPDX-License-Identifier: ISC */
#include "deliver/expand.h"

#include <stdio.h>
#include <string.h>

static const char *const names[EXPAND_NAMES] = {
	[EXPAND_SENDER] = "sender",
	[EXPAND_RECIPIENT] = "recipient",
	[EXPAND_ORIGINAL_RECIPIENT] = "original_recipient",
	[EXPAND_USER] = "user",
	[EXPAND_EXTENSION] = "extension",
	[EXPAND_MAILBOX] = "mailbox",
	[EXPAND_DOMAIN] = "domain",
	[EXPAND_NEXTHOP] = "nexthop",
	[EXPAND_QUEUE_ID] = "queue_id",
	[EXPAND_SIZE] = "size",
};

/* ------------------------------------------------------------------ address */

static void
fold(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)ascii_lower((unsigned char)*s);
}

/* The local part as it is meant: "a\"b" in quotes is a"b. */
static void
unquote(const char *s, size_t len, char *out)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && s[i] == '\\' && i + 1 < len)
			i++;
		*out++ = s[i];
	}
	*out = '\0';
}

bool
expand_split(const char *address, const char *delimiters, bool fold_user,
    bool fold_domain, struct expand_parts *out)
{
	const char *at = strrchr(address, '@');
	size_t local = at == NULL ? strlen(address) : (size_t)(at - address);
	size_t n;

	*out = (struct expand_parts){ .domain = "" };
	if (strlen(address) >= EXPAND_PART)
		return false;
	unquote(address, local, out->mailbox);
	if (at != NULL)
		memcpy(out->domain, at + 1, strlen(at + 1) + 1);
	if (fold_user)
		fold(out->mailbox);
	if (fold_domain)
		fold(out->domain);
	n = out->mailbox[0] == '\0' ? 0
	                            : 1 + strcspn(out->mailbox + 1, delimiters);
	memcpy(out->user, out->mailbox, n);
	if (out->mailbox[n] != '\0')
		memcpy(out->extension, out->mailbox + n + 1,
		    strlen(out->mailbox + n + 1) + 1);
	return true;
}

void
expand_set_parts(struct expand_values *v, const struct expand_parts *p)
{
	v->value[EXPAND_USER] = p->user;
	v->value[EXPAND_EXTENSION] = p->extension;
	v->value[EXPAND_MAILBOX] = p->mailbox;
	v->value[EXPAND_DOMAIN] = v->value[EXPAND_NEXTHOP] = p->domain;
}

/* ------------------------------------------------------------------ text */

/* The name behind the dollar at `s`; *end is behind all of it. Empty: there is
 * none, or its brace is not closed. */
static struct span
name_at(const char *s, const char **end)
{
	bool brace = s[1] == '{';
	const char *p = s + (brace ? 2 : 1);
	struct span name = { p, 0 };

	while (ascii_is_alpha((unsigned char)p[name.len]) || p[name.len] == '_')
		name.len++;
	*end = p + name.len;
	if (brace && **end == '}')
		(*end)++;
	else if (brace)
		name.len = 0;
	return name;
}

static enum expand_name
find_name(struct span name)
{
	unsigned i;

	for (i = 0; i < EXPAND_NAMES; i++)
		if (span_eq(name, span_of(names[i])))
			break;
	return (enum expand_name)i;
}

bool
expand_check(const char *text, unsigned allowed, char *why, size_t max)
{
	struct span name;
	const char *end;
	unsigned which;

	for (; *text != '\0'; text = end) {
		end = text + 1;
		if (*text != '$')
			continue;
		if (text[1] == '$') {
			end++;
			continue;
		}
		name = name_at(text, &end);
		which = find_name(name);
		if (name.len > 0 && which < EXPAND_NAMES &&
		    (allowed & 1u << which) != 0)
			continue;
		(void)snprintf(why, max,
		    "\"%.40s\" begins with no placeholder that may stand "
		    "there ($$ is a dollar)",
		    text);
		return false;
	}
	return true;
}

bool
expand_has(const char *text)
{
	for (; (text = strchr(text, '$')) != NULL; text += 2)
		if (text[1] != '$')
			return true;
	return false;
}

bool
expand(const char *text, const struct expand_values *v, struct buf *out)
{
	const char *end, *value;
	bool ok = true;

	for (; ok && *text != '\0'; text = end) {
		end = text + 1;
		if (*text != '$') {
			ok = buf_putc(out, *text);
		} else if (text[1] == '$') {
			end++;
			ok = buf_putc(out, '$');
		} else {
			value = v->value[find_name(name_at(text, &end))];
			ok = value == NULL || buf_puts(out, value);
		}
	}
	return ok;
}
