/* SPDX-License-Identifier: ISC */
/*
 * Field by field: a field without bytes above 0x7f stays as it is. Addresses
 * are read as far as is needed to tell names and comments, which can be
 * encoded, from addresses, which cannot.
 */
#include "deliver/seven.h"

#include "message/header.h"
#include "message/phrase.h"
#include "util/utf8.h"

enum result { FULL = -1, ADDRESS = 0, DONE = 1 };

static enum result
done(bool ok)
{
	return ok ? DONE : FULL;
}

/* Where the quoted string, comment or angle that begins at `i` ends: behind its
 * last byte. */
static size_t
skip(struct span s, size_t i)
{
	char begin = s.p[i], end = begin == '('   ? ')'
	                           : begin == '<' ? '>'
	                                          : '"';
	size_t depth = 1;

	for (i++; i < s.len && depth > 0; i++) {
		if (s.p[i] == '\\' && begin != '<')
			i++;
		else if (s.p[i] == end)
			depth--;
		else if (s.p[i] == '(' && begin == '(')
			depth++;
	}
	return i < s.len ? i : s.len;
}

static struct span
part(struct span s, size_t from, size_t to)
{
	return (struct span){ s.p + from, to - from };
}

/* A phrase without the quotes around its words. */
static bool
put_phrase(struct buf *out, struct span s)
{
	struct buf plain;
	size_t i;
	bool ok = true;

	buf_init(&plain, s.len + 1);
	for (i = 0; ok && i < s.len; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		else if (s.p[i] == '"')
			continue;
		ok = buf_putc(&plain, s.p[i]);
	}
	ok = ok && buf_putc(out, ' ') && phrase_put(out, buf_span(&plain)) &&
	     buf_putc(out, ' ');
	buf_clear(&plain);
	return ok;
}

static enum result
put_name(struct buf *out, struct span s)
{
	return done(
	    utf8_is_ascii(s) ? buf_put_span(out, s) : put_phrase(out, s));
}

static enum result
put_comment(struct buf *out, struct span s)
{
	struct span inner = part(s, 1, s.len);

	if (utf8_is_ascii(s))
		return done(buf_put_span(out, s));
	if (inner.len > 0 && inner.p[inner.len - 1] == ')')
		inner.len--;
	return done(buf_putc(out, '(') && unstructured_put(out, inner, 40) &&
	            buf_putc(out, ')'));
}

static enum result
put_address(struct buf *out, struct span s)
{
	return utf8_is_ascii(s) ? done(buf_put_span(out, s)) : ADDRESS;
}

/* name <address> (comment), name: address, ...; */
static enum result
put_addresses(struct buf *out, struct span s)
{
	enum result r = DONE;
	size_t begin = 0, i = 0, next;

	while (i < s.len && r == DONE) {
		char c = s.p[i];

		if (c == '"') {
			i = skip(s, i);
			continue;
		}
		if (strchr("<(,;:", c) == NULL || c == '\0') {
			i++;
			continue;
		}
		next = c == '<' || c == '(' ? skip(s, i) : i + 1;
		r = c == '<' || c == ':' ? put_name(out, part(s, begin, i))
		                         : put_address(out, part(s, begin, i));
		if (r == DONE)
			r = c == '(' ? put_comment(out, part(s, i, next))
			             : put_address(out, part(s, i, next));
		begin = i = next;
	}
	return r == DONE ? put_address(out, part(s, begin, s.len)) : r;
}

/* RFC 2231, 4: the value of a parameter. */
static bool
put_extended(struct buf *out, struct span value)
{
	size_t i;
	bool ok = buf_puts(out,
	    utf8_is_valid(value) ? "*=UTF-8''" : "*=unknown-8bit''");

	for (i = 0; ok && i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '\\' && i + 1 < value.len)
			c = (unsigned char)value.p[++i];
		ok = ascii_is_alnum(c) || c == '.' || c == '-' || c == '_'
		         ? buf_putc(out, (char)c)
		         : buf_printf(out, "%%%02X", c);
	}
	return ok;
}

/* One "name=value" of Content-Type and the like, or what else stands between
 * two ";". */
static bool
put_parameter(struct buf *out, struct span s)
{
	struct span value = s, name = span_cut(&value, '=');

	if (utf8_is_ascii(s))
		return buf_put_span(out, s);
	value = span_trim(value);
	if (value.len == 0 || !utf8_is_ascii(name))
		return buf_puts(out, " x=unreadable");
	if (value.p[0] == '"')
		value = part(value, 1,
		    value.len > 1 && value.p[value.len - 1] == '"'
		        ? value.len - 1
		        : value.len);
	return buf_puts(out, "\n ") && buf_put_span(out, span_trim(name)) &&
	       put_extended(out, value);
}

static bool
put_parameters(struct buf *out, struct span s)
{
	size_t begin = 0, i = 0;
	bool ok = true;

	while (ok && i <= s.len) {
		if (i < s.len && s.p[i] == '"') {
			i = skip(s, i);
			continue;
		}
		if (i == s.len || s.p[i] == ';') {
			ok = put_parameter(out, part(s, begin, i)) &&
			     (i == s.len || buf_putc(out, ';'));
			begin = i + 1;
		}
		i++;
	}
	return ok;
}

static bool
is_address_field(struct span name)
{
	unsigned i;

	for (i = FIELD_OTHER + 1; i < FIELD_IDS; i++)
		if (span_eq_nocase(name, span_of(field_name(i))))
			return (field_kind(i) & KIND_ADDRESSES) != 0;
	return false;
}

static enum result
put_value(struct buf *out, struct span name, struct span value)
{
	static const struct span content = { "Content-", 8 };

	if (is_address_field(name))
		return put_addresses(out, value);
	if (span_has_prefix_nocase(name, content) &&
	    !span_eq_nocase(name, SPAN_LIT("Content-Description")))
		return done(put_parameters(out, value));
	return done(unstructured_put(out, value, name.len + 2));
}

static enum result
put_field(struct buf *out, struct span raw)
{
	struct span value = raw, name = span_trim(span_cut(&value, ':')), line;
	enum result r = DONE;
	struct buf unfolded;

	if (!utf8_is_ascii(name))
		return DONE; /* no field at all: nobody can read it */
	/* RFC 5322, 2.2.3: the line end goes, the blank behind it stays. */
	buf_init(&unfolded, raw.len);
	value = span_trim(value);
	while (value.len > 0 && r == DONE) {
		line = span_cut(&value, '\n');
		r = done(buf_put_span(&unfolded, line));
	}
	if (r == DONE)
		r = done(buf_put_span(out, name) && buf_puts(out, ": "));
	if (r == DONE)
		r = put_value(out, name, buf_span(&unfolded));
	buf_clear(&unfolded);
	return r == DONE ? done(buf_putc(out, '\n')) : r;
}

int
seven_header(struct span block, struct buf *out)
{
	enum result r = DONE;
	struct span raw;

	while (block.len > 0 && r == DONE) {
		raw = header_cut_field(&block);
		r = utf8_is_ascii(raw) ? done(buf_put_span(out, raw))
		                       : put_field(out, raw);
	}
	return r;
}
