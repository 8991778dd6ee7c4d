/* SPDX-License-Identifier: ISC */
/* Comments are counted, not descended into: 120,000 '(' cost no stack. */
#include "envelope/address_token.h"

#include "envelope/address.h"

#define ENCODED_WORD 256u

bool
address_is_atext(unsigned char c)
{
	return c >= 0x80 || ascii_is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
is_white(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
advance(struct span *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

/* Skip white space and comments; false when a comment does not end. */
static bool
skip_cfws(struct span *s)
{
	size_t depth = 0;
	char c;

	while (s->len > 0) {
		c = s->p[0];
		if (c == '(')
			depth++;
		else if (depth == 0 && !is_white((unsigned char)c))
			break;
		else if (c == ')')
			depth--;
		else if (c == '\\' && depth > 0 && s->len > 1)
			advance(s, 1);
		advance(s, 1);
	}
	return depth == 0;
}

/* Bytes up to and with the closing `close`, 0 when it is not there. */
static size_t
quoted_length(struct span s, char close)
{
	size_t i;

	for (i = 1; i < s.len; i++) {
		if (s.p[i] == close)
			return i + 1;
		if (s.p[i] == '\\')
			i++;
	}
	return 0;
}

/* =?charset?encoding?text?= with nothing white in it: in a phrase one atom,
 * whatever specials a careless program left inside; an address has none (RFC
 * 2047, section 5). */
static size_t
encoded_word_length(struct span s)
{
	size_t i, marks = 0, end = s.len < ENCODED_WORD ? s.len : ENCODED_WORD;

	if (s.len < 2 || s.p[0] != '=' || s.p[1] != '?')
		return 0;
	for (i = 2; i < end && (unsigned char)s.p[i] > ' '; i++) {
		if (s.p[i] != '?')
			continue;
		marks++;
		if (marks == 3)
			return i + 1 < end && s.p[i + 1] == '=' ? i + 2 : 0;
	}
	return 0;
}

static size_t
atom_length(struct span s, bool phrase)
{
	size_t i = phrase ? encoded_word_length(s) : 0;

	if (i > 0)
		return i;
	for (i = 0; i < s.len; i++)
		if (is_white((unsigned char)s.p[i]) ||
		    ascii_is_control((unsigned char)s.p[i]) ||
		    strchr("()<>[\"@,;:.", s.p[i]) != NULL)
			break;
	return i;
}

static struct token
bad_token(const char *fault)
{
	return (struct token){ TOKEN_BAD, { "", 0 }, fault };
}

struct token
address_word(struct span *s, bool phrase)
{
	struct token t = { TOKEN_END, { "", 0 }, NULL };
	unsigned char c;

	if (!skip_cfws(s))
		return bad_token("a comment does not end");
	if (s->len == 0)
		return t;
	c = (unsigned char)s->p[0];
	t.raw = (struct span){ s->p, 1 };
	if (ascii_is_control(c))
		return bad_token("a control character");
	if (c == '"' || c == '[') {
		t.kind = c == '"' ? TOKEN_QUOTED : TOKEN_LITERAL;
		t.raw.len = quoted_length(*s, c == '"' ? '"' : ']');
		if (t.raw.len == 0)
			return bad_token(c == '"'
			                     ? "a quoted string does not end"
			                     : "a '[' without ']'");
	} else if (c == ')') {
		return bad_token("a ')' without '('");
	} else if (strchr("<>@,;:.", c) != NULL) {
		t.kind = TOKEN_SPECIAL;
	} else {
		t.kind = TOKEN_ATOM;
		t.raw.len = atom_length(*s, phrase);
	}
	advance(s, t.raw.len);
	return t;
}
