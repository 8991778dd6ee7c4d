/* SPDX-License-Identifier: ISC */
/*
 * An entry is all from a line that begins with something to the next such line;
 * empty lines and comments do not end it (Postfix). That is all alias_next()
 * needs to know, so that a reader who looks for one name among ten thousand
 * pays for little more than the bytes.
 */
#include "envelope/alias.h"

#include <string.h>

#include "envelope/envelope.h"
#include "log/log.h"

#define SHOWN 60u

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ------------------------------------------------------------------ entries */

void
alias_reader_init(struct alias_reader *r, char *text, size_t len)
{
	*r = (struct alias_reader){ text, len, 1 };
}

static size_t
line_length(const struct alias_reader *r)
{
	const char *lf = memchr(r->at, '\n', r->len);

	return lf == NULL ? r->len : (size_t)(lf - r->at) + 1;
}

static void
skip_line(struct alias_reader *r, size_t n)
{
	r->at += n;
	r->len -= n;
	r->line++;
}

/* Has the line of `n` bytes nothing but a comment, or nothing? */
static bool
says_nothing(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && is_white(p[i]); i++)
		;
	return i == n || p[i] == '#';
}

/* Where the ':' behind the name stands, `n` when there is none. */
static size_t
find_colon(const char *p, size_t n)
{
	const char *colon;
	size_t i;

	if (p[0] != '"') {
		colon = memchr(p, ':', n);
		return colon == NULL ? n : (size_t)(colon - p);
	}
	for (i = 1; i < n && p[i] != '"'; i++)
		i += p[i] == '\\';
	for (i++; i < n && is_white(p[i]); i++)
		;
	return i < n && p[i] == ':' ? i : n;
}

bool
alias_next(struct alias_reader *r, struct alias_entry *e)
{
	size_t n = 0, colon;
	const char *begin;

	while (r->len > 0 && says_nothing(r->at, n = line_length(r)))
		skip_line(r, n);
	if (r->len == 0)
		return false;
	begin = r->at;
	colon = find_colon(begin, n);
	*e = (struct alias_entry){ .line = r->line };
	e->name = span_trim((struct span){ begin, colon > n ? n : colon });
	if (is_white(begin[0]))
		e->fault = "the line goes on, but nothing stands before it: "
		           "begin a name in the first column";
	else if (colon >= n)
		e->fault = "no ':' behind the name";
	else if (e->name.len == 0)
		e->fault = "no name before the ':'";
	e->targets = r->at + (colon < n ? colon + 1 : n);
	do {
		skip_line(r, n);
		n = line_length(r);
	} while (r->len > 0 && (is_white(r->at[0]) || r->at[0] == '#'));
	e->len = (size_t)(r->at - e->targets);
	return true;
}

const char *
alias_name_fold(struct span name, struct buf *out)
{
	struct address_list list;
	struct address a;
	struct po_err err;
	const char *fault = NULL;
	size_t i;
	bool ok = true;

	buf_reset(out);
	address_list_init(&list, name, NULL);
	if (address_next(&list, &a, &err) != 1)
		fault = "a name with special characters wants quotes";
	else if (a.qualified)
		fault = "a name has no domain";
	for (i = 0; fault == NULL && ok && i < a.len; i++)
		ok = buf_putc(out, (char)ascii_lower((unsigned char)a.text[i]));
	if (fault == NULL && (!ok || a.len == 0))
		fault = "a name that is too long, or empty";
	if (fault == NULL && address_next(&list, &a, NULL) != 0)
		fault = "more than one name: each wants its own line";
	address_list_clear(&list);
	return fault;
}

bool
alias_is_catch_all(struct span name)
{
	return span_eq(name, SPAN_LIT("*")) ||
	       span_eq(name, SPAN_LIT("default"));
}

/* ------------------------------------------------------------------ targets */

/* A '#' at the beginning of a line, or behind a blank, and outside of quotes
 * and parentheses, and all behind it in that line: blanks. */
static void
blank_comments(char *p, size_t n)
{
	bool quoted = false, fresh = true;
	size_t i, depth = 0;

	for (i = 0; i < n; i++) {
		if (p[i] == '#' && fresh && !quoted && depth == 0) {
			while (i < n && p[i] != '\n')
				p[i++] = ' ';
			continue;
		}
		fresh = is_white(p[i]);
		if (p[i] == '\\' && i + 1 < n && p[i + 1] != '\n')
			i++;
		else if (p[i] == '"' && depth == 0)
			quoted = !quoted;
		else if (p[i] == '(' && !quoted)
			depth++;
		else if (p[i] == ')' && !quoted && depth > 0)
			depth--;
	}
}

void
alias_targets_init(struct alias_targets *t, const struct alias_entry *e)
{
	blank_comments(e->targets, e->len);
	t->rest = (struct span){ e->targets, e->len };
	t->line = e->line;
	address_list_init(&t->list, t->rest, NULL);
}

void
alias_targets_clear(struct alias_targets *t)
{
	address_list_clear(&t->list);
}

/* Up to the next ',' outside of quotes, brackets and comments. */
static size_t
target_length(struct span s)
{
	bool quoted = false, angle = false;
	size_t i, depth = 0;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		else if (s.p[i] == '"' && depth == 0)
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')')
			depth -= depth > 0;
		else if (depth == 0 && (s.p[i] == '<' || s.p[i] == '>'))
			angle = s.p[i] == '<';
		else if (s.p[i] == ',' && depth == 0 && !angle)
			break;
	}
	return i;
}

static void
cut(struct span *s, size_t n, unsigned *line)
{
	size_t i;

	for (i = 0; i < n; i++)
		*line += s->p[i] == '\n';
	*s = (struct span){ s->p + n, s->len - n };
}

/* What a target is by its first bytes, a quote before them aside. */
static enum alias_kind
kind_of(struct span s)
{
	if (s.len > 0 && s.p[0] == '"')
		s = span_trim((struct span){ s.p + 1, s.len - 1 });
	if (s.len > 0 && s.p[0] == '|')
		return ALIAS_COMMAND;
	if (s.len > 0 && s.p[0] == '/')
		return ALIAS_FILE;
	if (span_has_prefix_nocase(s, SPAN_LIT(":include:")))
		return ALIAS_INCLUDE;
	return ALIAS_ADDRESS;
}

/* The target is none: why, behind what was written. */
static void
set_fault(struct alias_target *out, enum alias_kind kind, const char *why)
{
	struct buf shown;

	out->kind = kind;
	buf_init(&shown, SHOWN);
	(void)log_escape(&shown, out->raw, SHOWN);
	(void)po_fail(&out->fault, PO_EDATA, "%s %s", buf_str(&shown), why);
	buf_clear(&shown);
}

static void
read_address(struct alias_targets *t, struct span s, struct alias_target *out)
{
	int rc;

	t->list.rest = s;
	t->list.in_group = false;
	t->list.groups = 0;
	out->kind = ALIAS_ADDRESS;
	rc = address_next(&t->list, &out->address, &out->fault);
	if (rc == -1)
		out->kind = ALIAS_BAD;
	else if (t->list.groups > 0 || span_trim(t->list.rest).len > 0)
		set_fault(out, ALIAS_BAD,
		    "is no address: targets have commas between them");
	else if (rc == 0 || out->address.len == 0)
		set_fault(out, ALIAS_BAD, "is no address");
}

bool
alias_target_next(struct alias_targets *t, struct alias_target *out)
{
	static const char *const whys[] = {
		[ALIAS_COMMAND] = "delivers to a command, and po runs none: "
		                  "name an address",
		[ALIAS_FILE] = "delivers to a file, and po writes none: name "
		               "an address",
		[ALIAS_INCLUDE] = "includes a file, and po reads none: write "
		                  "the addresses here",
	};
	enum alias_kind kind;
	struct span s;
	size_t n;

	*out = (struct alias_target){ .fault = { PO_OK, 0, "" } };
	do {
		while (t->rest.len > 0 &&
		       (is_white(t->rest.p[0]) || t->rest.p[0] == ','))
			cut(&t->rest, 1, &t->line);
		if (t->rest.len == 0)
			return false;
		n = target_length(t->rest);
		s = span_trim((struct span){ t->rest.p, n });
		out->line = t->line;
		cut(&t->rest, n, &t->line);
	} while (s.len == 0);
	out->raw = s;
	out->literal = s.p[0] == '\\';
	if (out->literal)
		s = span_trim((struct span){ s.p + 1, s.len - 1 });
	kind = kind_of(s);
	read_address(t, s, out);
	/* "/c=de/s=joe/@gateway" is an address, though an old one. */
	if (kind == ALIAS_FILE && s.p[0] == '/' && out->kind == ALIAS_ADDRESS &&
	    out->address.qualified)
		kind = ALIAS_ADDRESS;
	if (kind != ALIAS_ADDRESS)
		set_fault(out, kind, whys[kind]);
	return true;
}
