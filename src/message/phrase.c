/* SPDX-License-Identifier: ISC */
#include "message/phrase.h"

#include <string.h>

#include "envelope/address.h"
#include "util/utf8.h"

#define WORD_BEGIN "=?UTF-8?Q?"
#define WORD_END "?="
#define WORD_MAX 75u /* RFC 2047, 2 */

/* `name` without what has no place in a line of a header. */
static bool
cleaned(struct span name, struct buf *out)
{
	size_t n;
	bool ok = true;

	name = span_trim(name);
	while (ok && name.len > 0) {
		n = utf8_sequence(name.p, name.len);
		if (n == 0)
			ok = buf_putc(out, '?');
		else if (n == 1 && ascii_is_control((unsigned char)name.p[0]))
			ok = buf_putc(out, ' ');
		else
			ok = buf_put(out, name.p, n);
		n = n == 0 ? 1 : n;
		name.p += n;
		name.len -= n;
	}
	return ok;
}

static bool
is_atoms(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] != ' ' && !address_is_atext((unsigned char)s.p[i]))
			return false;
	return s.len > 0;
}

static bool
put_quoted(struct buf *out, struct span s)
{
	bool ok = buf_putc(out, '"');
	size_t i;

	for (i = 0; ok && i < s.len; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			ok = buf_putc(out, '\\');
		ok = ok && buf_putc(out, s.p[i]);
	}
	return ok && buf_putc(out, '"');
}

/* What may stand for itself in a Q word inside a phrase (RFC 2047, 5 (3)). */
static bool
is_plain(char c)
{
	return ascii_is_alnum((unsigned char)c) ||
	       (c != '\0' && strchr("!*+-/", c) != NULL);
}

/* One character of `n` bytes in Q; returns its length in `to` (at most 12). */
static size_t
encode_character(const char *p, size_t n, char to[13])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (is_plain(p[i]) || p[i] == ' ') {
			to[len++] = p[i] == ' ' ? '_' : p[i];
			continue;
		}
		to[len++] = '=';
		to[len++] = hex[(unsigned char)p[i] >> 4];
		to[len++] = hex[(unsigned char)p[i] & 15];
	}
	return len;
}

static bool
put_encoded(struct buf *out, struct span s, size_t before)
{
	size_t column = before + sizeof(WORD_BEGIN) - 1, n, len;
	bool ok = buf_puts(out, WORD_BEGIN);
	char word[13];

	while (ok && s.len > 0) {
		n = utf8_sequence(s.p, s.len);
		n = n == 0 ? 1 : n;
		len = encode_character(s.p, n, word);
		if (column + len > WORD_MAX - (sizeof(WORD_END) - 1)) {
			ok = buf_puts(out, WORD_END "\n " WORD_BEGIN);
			column = sizeof(WORD_BEGIN) - 1;
		}
		ok = ok && buf_put(out, word, len);
		column += len;
		s.p += n;
		s.len -= n;
	}
	return ok && buf_puts(out, WORD_END);
}

bool
phrase_put(struct buf *out, struct span name)
{
	struct buf clean;
	struct span s;
	bool ok;

	buf_init(&clean, name.len);
	ok = cleaned(name, &clean);
	s = buf_span(&clean);
	if (ok && !utf8_is_ascii(s))
		ok = put_encoded(out, s, 0);
	else if (ok)
		ok = is_atoms(s) ? buf_put_span(out, s) : put_quoted(out, s);
	buf_clear(&clean);
	return ok;
}

bool
unstructured_put(struct buf *out, struct span text, size_t column)
{
	struct buf clean;
	struct span s;
	bool ok;

	buf_init(&clean, text.len);
	ok = cleaned(text, &clean);
	s = buf_span(&clean);
	if (ok && (!utf8_is_ascii(s) || memmem(s.p, s.len, "=?", 2) != NULL))
		ok = put_encoded(out, s, column < 40 ? column : 40);
	else if (ok)
		ok = buf_put_span(out, s);
	buf_clear(&clean);
	return ok;
}
