/* SPDX-License-Identifier: ISC */
/*
 * A lexer for comments, strings and words; every word that begins like a
 * number and has no '.' or exponent is an integer. libconfig's integers: 32
 * bits, or 64 with L or LL behind; hexadecimal with 0x.
 */
#include "conf/scan.h"

#include <stdint.h>

#include "util/parse_num.h"

struct scan {
	struct span text;
	size_t at;
	unsigned line;
	const char *file;
};

static int
peek(const struct scan *s, size_t ahead)
{
	if (s->at + ahead >= s->text.len)
		return -1;
	return (unsigned char)s->text.p[s->at + ahead];
}

static void
step(struct scan *s)
{
	if (peek(s, 0) == '\n')
		s->line++;
	s->at++;
}

static void
skip_line(struct scan *s)
{
	while (peek(s, 0) != -1 && peek(s, 0) != '\n')
		step(s);
}

static void
skip_comment(struct scan *s)
{
	step(s);
	step(s);
	while (peek(s, 0) != -1 && !(peek(s, 0) == '*' && peek(s, 1) == '/'))
		step(s);
	s->at += peek(s, 0) == -1 ? 0 : 2;
}

static int
skip_string(struct scan *s, struct po_err *err)
{
	step(s);
	while (peek(s, 0) != -1 && peek(s, 0) != '"') {
		if (peek(s, 0) == '\\') {
			if ((peek(s, 1) == 'x' || peek(s, 1) == 'X') &&
			    peek(s, 2) == '0' && peek(s, 3) == '0')
				return po_fail(err, PO_ECONFIG,
				    "%s:%u: \\x00 would end the string",
				    s->file, s->line);
			step(s);
		}
		if (peek(s, 0) != -1)
			step(s);
	}
	if (peek(s, 0) == '"')
		step(s);
	return 0;
}

static bool
is_word(int c)
{
	return c != -1 && (ascii_is_alnum((unsigned char)c) || c == '_' ||
	                      c == '.' || c == '*' || c == '+' || c == '-');
}

static bool
is_float(struct span w)
{
	size_t i;

	for (i = 0; i < w.len; i++)
		if (w.p[i] == '.' || w.p[i] == 'e' || w.p[i] == 'E')
			return true;
	return false;
}

static bool
fits_hex(struct span digits, bool wide)
{
	uint64_t v;

	return parse_hex64(digits, wide ? INT64_MAX : INT32_MAX, &v);
}

static bool
fits_decimal(struct span digits, bool negative, bool wide)
{
	uint64_t max = wide ? INT64_MAX : INT32_MAX, v;

	return parse_u64(digits, 0, max + negative, &v);
}

static int
check_integer(const struct scan *s, struct span w, struct po_err *err)
{
	bool negative = w.p[0] == '-', wide = false, hex;
	struct span d = w;

	if (d.p[0] == '-' || d.p[0] == '+')
		d = (struct span){ d.p + 1, d.len - 1 };
	while (d.len > 0 && d.p[d.len - 1] == 'L') {
		d.len--;
		wide = true;
	}
	hex = d.len > 2 && d.p[0] == '0' &&
	      ascii_lower((unsigned char)d.p[1]) == 'x';
	if (!hex && is_float(d))
		return 0;
	if (!hex && d.len > 1 && d.p[0] == '0')
		return po_fail(err, PO_ECONFIG,
		    "%s:%u: %.*s: an integer with a leading zero is read as "
		    "decimal: write it without",
		    s->file, s->line, (int)(w.len > 40 ? 40 : w.len), w.p);
	if (hex ? fits_hex((struct span){ d.p + 2, d.len - 2 }, wide)
	        : fits_decimal(d, negative, wide))
		return 0;
	return po_fail(err, PO_ECONFIG,
	    "%s:%u: %.*s: not an integer of %d bits", s->file, s->line,
	    (int)(w.len > 40 ? 40 : w.len), w.p, wide ? 64 : 32);
}

static int
scan_word(struct scan *s, struct po_err *err)
{
	size_t start = s->at, first = 0;
	struct span w;

	while (is_word(peek(s, 0)))
		step(s);
	w = (struct span){ s->text.p + start, s->at - start };
	if (w.len > 1 && (w.p[0] == '-' || w.p[0] == '+'))
		first = 1;
	if (!ascii_is_digit((unsigned char)w.p[first]))
		return 0;
	return check_integer(s, w, err);
}

int
conf_scan(struct span text, const char *file, struct po_err *err)
{
	struct scan s = { text, 0, 1, file };
	int c, rc = 0;

	while (rc == 0 && (c = peek(&s, 0)) != -1) {
		if (c == '\0')
			return po_fail(err, PO_ECONFIG, "%s:%u: NUL byte", file,
			    s.line);
		if (c == '#' || (c == '/' && peek(&s, 1) == '/'))
			skip_line(&s);
		else if (c == '/' && peek(&s, 1) == '*')
			skip_comment(&s);
		else if (c == '"')
			rc = skip_string(&s, err);
		else if (is_word(c))
			rc = scan_word(&s, err);
		else
			step(&s);
	}
	return rc;
}
