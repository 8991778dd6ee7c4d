/* SPDX-License-Identifier: ISC */
/*
 * An element of a list is read twice: element_end() looks for its end and for
 * '<', then spec_read() takes the addr-spec apart. Both see tokens, and only
 * next_word() knows about comments (a counter, no recursion) and quoting.
 */
#include "envelope/address.h"

#include <string.h>

#include "envelope/envelope.h"
#include "log/log.h"
#include "util/utf8.h"

#define SHOWN 80u /* bytes of a bad address in an error text */
#define ENCODED_WORD 256u

enum token_kind {
	TOKEN_END,
	TOKEN_ATOM,
	TOKEN_QUOTED,  /* with its quotes */
	TOKEN_LITERAL, /* with its brackets */
	TOKEN_SPECIAL, /* one of < > @ , ; : . */
	TOKEN_BAD
};

struct token {
	enum token_kind kind;
	struct span raw;
	const char *fault; /* TOKEN_BAD */
};

/* Where one element of the list ends. */
struct element {
	struct span before; /* up to '<' or to the end of the element */
	struct span angle;  /* between < and >; p is NULL when there are none */
	char end;           /* ',' ';' ':' or 0 */
};

bool
address_is_atext(unsigned char c)
{
	return c >= 0x80 || ascii_is_alnum(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* ------------------------------------------------------------------ tokens */

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

/* The next token of *s, which moves behind it; `phrase`: of what may be a
 * name, with encoded words. */
static struct token
next_word(struct span *s, bool phrase)
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

static struct token
next_token(struct span *s)
{
	return next_word(s, false);
}

static bool
is_special(const struct token *t, char c)
{
	return t->kind == TOKEN_SPECIAL && t->raw.p[0] == c;
}

/* ------------------------------------------------------------------ domains */

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

/* ------------------------------------------------------------ addr-spec */

/* Append the content of a quoted string: without its quotes and backslashes,
 * unfolded (RFC 5322, 3.2.2: the line end of a fold is no part of it). */
static const char *
unquote(struct span quoted, struct buf *out)
{
	const char *why = "an address longer than this host accepts";
	size_t i;
	char c;

	for (i = 1; i + 1 < quoted.len; i++) {
		c = quoted.p[i];
		if (c == '\n' && ascii_is_blank((unsigned char)quoted.p[i + 1]))
			continue;
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
		t = next_token(s);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		*at = is_special(&t, '@');
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
		t = next_token(&s);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END)
			break;
		spec->len = (size_t)(t.raw.p + t.raw.len - spec->p);
		if (is_special(&t, '@'))
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

/* Read the addr-spec that is all of `s` into *a. */
static const char *
spec_read(struct address_list *l, struct span s, struct address *a)
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

/* ------------------------------------------------------------ elements */

/* In <...>: a source route (RFC 5322, 4.4) is passed over. */
static const char *
angle_read(struct address_list *l, struct span s, struct address *a)
{
	struct span ahead = s;
	struct token t = next_token(&ahead);

	if (t.kind == TOKEN_END) {
		buf_reset(&l->text);
		a->spec = (struct span){ s.p, 0 };
		a->qualified = true;
		return NULL;
	}
	if (!is_special(&t, '@'))
		return spec_read(l, s, a);
	do {
		t = next_token(&ahead);
		if (t.kind == TOKEN_END || t.kind == TOKEN_BAD)
			return t.kind == TOKEN_BAD ? t.fault
			                           : "a route without address";
	} while (!is_special(&t, ':'));
	return spec_read(l, ahead, a);
}

static const char *
angle_end(struct span *rest, struct span *angle)
{
	struct token t;

	angle->p = rest->p;
	do {
		t = next_token(rest);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END || is_special(&t, '<'))
			return "a '<' without '>'";
	} while (!is_special(&t, '>'));
	angle->len = (size_t)(t.raw.p - angle->p);
	return NULL;
}

/* Find the end of the element that *rest begins with, and move behind it. */
static const char *
element_end(struct span *rest, struct element *e)
{
	const char *fault;
	struct token t;
	bool at = false;

	*e = (struct element){ { rest->p, 0 }, { NULL, 0 }, '\0' };
	for (;;) {
		t = next_word(rest, true);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END)
			return NULL;
		if (is_special(&t, ',') || is_special(&t, ';') ||
		    (is_special(&t, ':') && !at && e->angle.p == NULL)) {
			e->end = t.raw.p[0];
			return NULL;
		}
		if (e->angle.p != NULL)
			return "text behind the '>'";
		at = at || is_special(&t, '@');
		if (is_special(&t, '<')) {
			fault = angle_end(rest, &e->angle);
			if (fault != NULL)
				return fault;
		} else if (is_special(&t, '>') || is_special(&t, ':')) {
			return "a special character that wants quotes";
		} else {
			e->before.len =
			    (size_t)(t.raw.p + t.raw.len - e->before.p);
		}
	}
}

static int
refuse(struct span s, size_t used, const char *fault, struct po_err *err)
{
	struct buf shown;

	if (used > 0 && used <= s.len)
		s.len = used;
	if (used > 0 && strchr(",;", s.p[used - 1]) != NULL)
		s.len--;
	buf_init(&shown, SHOWN);
	(void)log_escape(&shown, span_trim(s), SHOWN);
	(void)po_fail(err, PO_EDATA, "bad address \"%s\": %s", buf_str(&shown),
	    fault);
	buf_clear(&shown);
	return -1;
}

void
address_list_init(struct address_list *l, struct span s, const char *domain)
{
	*l = (struct address_list){ .rest = s, .domain = domain };
	/* Room for quotes and backslashes, so that the limit below decides. */
	buf_init(&l->text, (size_t)2 * ENVELOPE_MAX_ADDRESS + 600);
}

void
address_list_clear(struct address_list *l)
{
	buf_clear(&l->text);
}

/* An element that holds no address: nothing, a comment, a group's name. */
static const char *
no_address(struct address_list *l, const struct element *e, bool *none)
{
	*none = true;
	if (e->end == ':') {
		if (l->in_group)
			return "a group inside a group";
		if (e->before.len == 0)
			return "a group without a name";
		l->in_group = true;
		l->groups++;
		return NULL;
	}
	*none = e->before.len == 0 && e->angle.p == NULL;
	return NULL;
}

int
address_next(struct address_list *l, struct address *a, struct po_err *err)
{
	struct span begin;
	struct element e;
	const char *fault;
	bool none;

	do {
		begin = l->rest;
		fault = element_end(&l->rest, &e);
		if (fault == NULL)
			fault = no_address(l, &e, &none);
		if (fault != NULL)
			return refuse(begin, 0, fault, err);
		if (e.end == ';')
			l->in_group = false;
		if (none && e.end == '\0')
			return 0;
	} while (none);
	fault = e.angle.p == NULL ? spec_read(l, e.before, a)
	                          : angle_read(l, e.angle, a);
	if (fault == NULL && l->text.len > ENVELOPE_MAX_ADDRESS)
		fault = "an address longer than this host accepts";
	if (fault != NULL)
		return refuse(begin, (size_t)(l->rest.p - begin.p), fault, err);
	a->text = buf_str(&l->text);
	a->len = l->text.len;
	a->utf8 = !utf8_is_ascii(buf_span(&l->text));
	return 1;
}
