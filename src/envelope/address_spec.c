/* SPDX-License-Identifier: ISC */
#include "envelope/address_spec.h"

#include <string.h>

#include "envelope/address_token.h"
#include "envelope/envelope.h"
#include "util/utf8.h"

static const char *
literal_fault(struct span s)
{
	size_t i;

	for (i = 1; i + 1 < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' ||
		    strchr("[]\\", s.p[i]) != NULL)
			return "a bad character in the domain literal";
	return s.len < 3 ? "an empty domain literal" : NULL;
}

static const char *
label_fault(struct span label)
{
	unsigned char c;
	size_t i;

	if (label.len == 0)
		return "an empty label in the domain";
	if (label.len > 63)
		return "a label of the domain longer than 63 bytes";
	for (i = 0; i < label.len; i++) {
		c = (unsigned char)label.p[i];
		if (!ascii_is_alnum(c) && c != '-' && c != '_' && c < 0x80)
			return "a bad character in the domain";
	}
	return NULL;
}

/* C1 controls are what some terminals obey; no name has them. */
static const char *
utf8_fault(struct span s)
{
	size_t i;

	if (!utf8_is_valid(s))
		return "bytes that are not UTF-8";
	for (i = 1; i < s.len; i++)
		if ((unsigned char)s.p[i - 1] == 0xc2 &&
		    (unsigned char)s.p[i] < 0xa0)
			return "a control character";
	return NULL;
}

const char *
address_domain_fault(struct span s)
{
	const char *fault = utf8_fault(s);

	if (fault != NULL)
		return fault;
	if (s.len == 0)
		return "no domain behind the '@'";
	if (s.len > 255)
		return "a domain longer than 255 bytes";
	if (s.p[0] == '[')
		return s.p[s.len - 1] == ']' ? literal_fault(s)
		                             : "a bad domain literal";
	if (s.p[s.len - 1] == '.')
		return "an empty label in the domain";
	while (s.len > 0) {
		fault = label_fault(span_cut(&s, '.'));
		if (fault != NULL)
			return fault;
	}
	return NULL;
}

/*
 * Append the content of a quoted string: without its quotes and backslashes,
 * unfolded (RFC 5322, 3.2.2: the line end of a fold is no part of it). SMTP has
 * no tab in a local part (RFC 5321, 4.1.2): behind a fold, where programs write
 * one for a blank, it becomes a blank; any other names what cannot be reached.
 */
static const char *
unquote(struct span quoted, struct buf *out)
{
	const char *why = "an address longer than this host accepts";
	bool folded = false;
	size_t i;
	char c;

	for (i = 1; i + 1 < quoted.len; i++) {
		c = quoted.p[i];
		if (c == '\n' &&
		    ascii_is_blank((unsigned char)quoted.p[i + 1])) {
			folded = true;
			continue;
		}
		folded = folded && ascii_is_blank((unsigned char)c);
		if (folded)
			c = ' ';
		if (c == '\\')
			c = quoted.p[++i];
		if (ascii_is_control((unsigned char)c))
			return "a control character";
		if (!buf_putc(out, c))
			return why;
	}
	return NULL;
}

static bool
is_dot_string(struct span s)
{
	size_t i;
	bool dot = true;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '.' && dot)
			return false;
		dot = s.p[i] == '.';
		if (!dot && !address_is_atext((unsigned char)s.p[i]))
			return false;
	}
	return !dot;
}

/* Put quotes around the local part in `b`, where it needs them. */
static bool
quote_local(struct buf *b)
{
	char bare[ENVELOPE_MAX_ADDRESS + 1];
	size_t i, n = b->len;
	bool ok;

	if (is_dot_string(buf_span(b)))
		return true;
	if (n > ENVELOPE_MAX_ADDRESS)
		return false;
	if (n > 0)
		memcpy(bare, b->p, n);
	buf_reset(b);
	ok = buf_putc(b, '"');
	for (i = 0; ok && i < n; i++) {
		if (bare[i] == '"' || bare[i] == '\\')
			ok = buf_putc(b, '\\');
		ok = ok && buf_putc(b, bare[i]);
	}
	return ok && buf_putc(b, '"');
}

/* The local part, up to '@' (eaten, *at is true) or the end of `s`. */
static const char *
local_read(struct span *s, struct buf *out, struct span *spec, bool *at)
{
	const char *fault = NULL;
	struct token t;
	bool word = false, any = false;
	size_t i;

	for (*at = false; fault == NULL; any = true) {
		t = address_token(s);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		*at = token_is(&t, '@');
		if (t.kind == TOKEN_END || *at)
			break;
		spec->p = any ? spec->p : t.raw.p;
		spec->len = (size_t)(t.raw.p + t.raw.len - spec->p);
		if (t.kind == TOKEN_LITERAL ||
		    (t.kind == TOKEN_SPECIAL && t.raw.p[0] != '.'))
			return "a special character that wants quotes";
		if (t.kind != TOKEN_SPECIAL && word)
			return "two words without a dot between them";
		word = t.kind != TOKEN_SPECIAL;
		for (i = 0; t.kind == TOKEN_ATOM && i < t.raw.len; i++)
			if (!address_is_atext((unsigned char)t.raw.p[i]))
				return "a special character that wants quotes";
		if (t.kind == TOKEN_QUOTED)
			fault = unquote(t.raw, out);
		else if (!buf_put_span(out, t.raw))
			fault = "an address longer than this host accepts";
	}
	if (fault == NULL && !any)
		fault = *at ? "nothing before the '@'" : "no address";
	return fault;
}

static const char *
domain_read(struct span s, struct buf *out, struct span *spec)
{
	struct span domain;
	struct token t;
	size_t begin = out->len;
	bool word = false;

	for (;;) {
		t = address_token(&s);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END)
			break;
		spec->len = (size_t)(t.raw.p + t.raw.len - spec->p);
		if (token_is(&t, '@'))
			return "a second '@'";
		if (t.kind == TOKEN_QUOTED ||
		    (t.kind == TOKEN_SPECIAL && t.raw.p[0] != '.'))
			return "a bad character in the domain";
		if (t.kind != TOKEN_SPECIAL && word)
			return "two words without a dot between them";
		word = t.kind != TOKEN_SPECIAL;
		if (!buf_put_span(out, t.raw))
			return "an address longer than this host accepts";
	}
	domain = (struct span){ buf_str(out) + begin, out->len - begin };
	/* The root's dot is right in DNS and wrong in SMTP. */
	if (domain.len > 1 && domain.p[domain.len - 1] == '.') {
		out->p[--out->len] = '\0';
		domain.len--;
	}
	return address_domain_fault(domain);
}

const char *
address_spec_read(struct address_list *l, struct span s, struct address *a)
{
	struct buf *out = &l->text;
	const char *fault;
	bool at;

	buf_reset(out);
	a->spec = (struct span){ s.p, 0 };
	fault = local_read(&s, out, &a->spec, &at);
	if (fault != NULL)
		return fault;
	if (!quote_local(out))
		return "an address longer than this host accepts";
	a->qualified = at;
	if (at && !buf_putc(out, '@'))
		return "an address longer than this host accepts";
	if (at)
		fault = domain_read(s, out, &a->spec);
	else if (l->domain != NULL &&
	         (!buf_putc(out, '@') || !buf_puts(out, l->domain)))
		fault = "an address longer than this host accepts";
	return fault != NULL ? fault : utf8_fault(buf_span(out));
}
