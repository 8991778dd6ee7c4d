/* SPDX-License-Identifier: ISC */
#include "compose/url.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "compose/idna.h"
#include "compose/quote.h"
#include "compose/render.h"
#include "compose/text.h"
#include "util/utf8.h"

#define RESERVED "!$&'()*+,;=:/?#[]@~" /* of RFC 3986, and the tilde */

static bool
unquoted(struct render *r, struct span s, bool plus, struct span *out)
{
	struct builder b;
	struct value v;

	tpl_build(&b, r, s.len);
	tpl_unquote_url(&b, s, plus);
	if (!tpl_build_done(&b, &v))
		return false;
	*out = tpl_value_span(&v);
	return true;
}

static void
requote(struct builder *b, struct span s)
{
	if (!unquoted(b->r, s, false, &s))
		b->failed = true;
	else
		tpl_quote_url(b, s, SPAN_LIT(RESERVED));
}

/* Blanks as "+". */
static void
put_query_part(struct builder *b, struct span s)
{
	struct span part;
	bool more;

	if (!unquoted(b->r, s, true, &s) || !unquoted(b->r, s, false, &s)) {
		b->failed = true;
		return;
	}
	do {
		more = s.len > 0 && memchr(s.p, ' ', s.len) != NULL;
		part = span_cut(&s, ' ');
		tpl_quote_url(b, part, SPAN_LIT(""));
		if (more)
			tpl_build_char(b, '+');
	} while (more);
}

static void
put_query(struct builder *b, struct span query)
{
	bool first = true;
	struct span pair;
	struct span name;

	while (query.len > 0) {
		pair = span_cut(&query, '&');
		if (pair.len == 0)
			continue;
		tpl_build_char(b, first ? '?' : '&');
		first = false;
		name = span_cut(&pair, '=');
		put_query_part(b, name);
		tpl_build_char(b, '=');
		put_query_part(b, pair);
	}
}

/* Take what is behind the first `c` off *s; empty where there is none. */
static struct span
cut_off(struct span *s, char c)
{
	struct span behind = *s;
	struct span before = span_cut(&behind, c);

	*s = before;
	return behind;
}

static size_t
host_end(struct span s)
{
	size_t i;

	for (i = 0; i < s.len && memchr("/?#", s.p[i], 3) == NULL; i++)
		;
	return i;
}

static bool
has_bracket(struct span s, char c)
{
	return s.len > 0 && memchr(s.p, c, s.len) != NULL;
}

static bool
is_hex(char c)
{
	unsigned char low = ascii_lower((unsigned char)c);

	return ascii_is_digit(low) || (low >= 'a' && low <= 'f');
}

/* [...] holds an IPv6 address, or "vX.something" (RFC 3986, 3.2.2). */
static bool
is_bracketed_host(struct span host)
{
	char text[INET6_ADDRSTRLEN + 1];
	unsigned char address[16];
	struct span rest = host;
	struct span part = span_cut(&rest, '%'); /* a zone may follow */
	size_t i;

	if (host.len > 0 && host.p[0] == 'v') {
		for (i = 1; i < host.len && is_hex(host.p[i]);)
			i++;
		return i > 1 && i + 1 < host.len && host.p[i] == '.';
	}
	if (part.len >= sizeof(text) ||
	    (part.len < host.len && rest.len == 0) || has_bracket(rest, '%'))
		return false;
	memcpy(text, part.p, part.len);
	text[part.len] = '\0';
	return strlen(text) == part.len &&
	       inet_pton(AF_INET6, text, address) == 1;
}

/* Brackets around the whole host, a port behind them or nothing. */
static bool
has_good_brackets(struct span host)
{
	const char *at;
	struct span name;

	if (has_bracket(host, '[') != has_bracket(host, ']'))
		return false;
	if (!has_bracket(host, '['))
		return true;
	at = memrchr(host.p, '@', host.len);
	if (at != NULL)
		host = (struct span){ at + 1,
			(size_t)(host.p + host.len - at) - 1 };
	if (!has_bracket(host, '['))
		return false;
	if (host.p[0] != '[')
		return false;
	host = (struct span){ host.p + 1, host.len - 1 };
	name = span_cut(&host, ']');
	return (host.len == 0 || host.p[0] == ':') && is_bracketed_host(name);
}

/* No character of the host becomes one that ends it when it is composed, as
 * U+2100 (a/c) would. */
static bool
is_safe_host(struct span host)
{
	uint8_t *nfkc;
	size_t len = 0;
	size_t marks = 0;
	size_t before = 0;
	size_t i;

	if (utf8_is_ascii(host))
		return true;
	nfkc = u8_normalize(UNINORM_NFKC, (const uint8_t *)host.p, host.len,
	    NULL, &len);
	if (nfkc == NULL)
		return false;
	for (i = 0; i < len; i++)
		marks += memchr("/?#@:", nfkc[i], 5) != NULL;
	for (i = 0; i < host.len; i++)
		before += memchr("/?#@:", host.p[i], 5) != NULL;
	free(nfkc);
	return marks == before;
}

/* The parts of "scheme://host/path?query#fragment"; false: it cannot be taken
 * apart. */
static bool
put_parts(struct builder *b, struct span url)
{
	struct span scheme = url;
	struct span rest = cut_off(&scheme, ':');
	struct span host;
	struct span fragment;
	struct span query;
	size_t i;

	rest = (struct span){ rest.p + 2,
		rest.len - 2 }; /* "//" is there: nothing else comes here */
	host = (struct span){ rest.p, host_end(rest) };
	rest = (struct span){ rest.p + host.len, rest.len - host.len };
	if (!has_good_brackets(host) || !is_safe_host(host))
		return false;
	fragment = cut_off(&rest, '#');
	query = cut_off(&rest, '?');
	for (i = 0; i < scheme.len; i++)
		tpl_build_char(b,
		    (char)ascii_lower((unsigned char)scheme.p[i]));
	tpl_build_str(b, "://");
	if (!tpl_idna_encode(b, host))
		return false;
	requote(b, rest);
	put_query(b, query);
	if (fragment.len > 0) {
		tpl_build_char(b, '#');
		requote(b, fragment);
	}
	return true;
}

void
tpl_url_quote(struct builder *b, struct span scheme, struct span rest)
{
	struct builder url;
	struct value v;
	size_t from = b->len;

	tpl_build(&url, b->r, scheme.len + rest.len);
	tpl_build_span(&url, scheme);
	tpl_build_span(&url, rest);
	if (!tpl_build_done(&url, &v)) {
		b->failed = true;
		return;
	}
	if (put_parts(b, tpl_value_span(&v)))
		return;
	if (b->failed)
		return;
	b->len = from;
	requote(b, tpl_value_span(&v));
}
