/* SPDX-License-Identifier: ISC */
/*
 * striptags. What counts as a tag is what Python's html.parser takes for one
 * (with its oddities: text in script and style that is not closed is dropped,
 * "&T " becomes "&T; "), since templates were written against it. It is run
 * until no tag is left, at most DEPTH_MAX times.
 *
 * The parser looks for ends that may not be there, again and again: each
 * search is paid in steps, so that hostile text meets that limit.
 */
#include <string.h>

#include "compose/builder.h"
#include "compose/filter_table.h"
#include "compose/text.h"

#define PASSES_MAX 50
#define OPEN_TAG_MAX 1000 /* characters without ">" in which ... */
#define OPEN_TAGS_MAX 50  /* ... so many "<" are an attack */

#define NOT_CLOSED SIZE_MAX

struct strip {
	struct builder b;
	struct span s;
	size_t i;
	struct span raw; /* the element whose content is no markup: script,
	                    style; p NULL: none */
	bool end;        /* no more text comes */
	bool broken;     /* Python raises an error */
};

static size_t
space_at(struct span s, size_t i)
{
	const char *p = s.p + i;

	if (i >= s.len || !tpl_text_is_space(tpl_text_next(&p, s.p + s.len)))
		return 0;
	return (size_t)(p - s.p) - i;
}

static size_t
skip_spaces(struct span s, size_t i)
{
	size_t n;

	while ((n = space_at(s, i)) > 0)
		i += n;
	return i;
}

static bool
is_at(struct span s, size_t i, const char *text)
{
	size_t len = strlen(text);

	return i <= s.len && s.len - i >= len &&
	       memcmp(s.p + i, text, len) == 0;
}

static bool
letter_at(struct span s, size_t i)
{
	return i < s.len && ascii_is_alpha((unsigned char)s.p[i]);
}

/* The place of `c` at or behind i, NOT_CLOSED where there is none. */
static size_t
find(struct span s, size_t i, char c)
{
	const char *p = i >= s.len ? NULL : memchr(s.p + i, c, s.len - i);

	return p == NULL ? NOT_CLOSED : (size_t)(p - s.p);
}

static void
data(struct strip *t, size_t from, size_t to)
{
	tpl_build_put(&t->b, t->s.p + from, to - from);
}

/* Behind a tag's name, which begins at i. */
static size_t
name_end(struct span s, size_t i)
{
	while (i < s.len && memchr("\t\n\r\f />\0", s.p[i], 8) == NULL)
		i++;
	return i;
}

/* Blanks, and slashes that do not stand before ">". */
static size_t
skip_between(struct span s, size_t i)
{
	size_t n;

	for (;;) {
		n = space_at(s, i);
		if (n == 0 && i < s.len && s.p[i] == '/' && !is_at(s, i, "/>"))
			n = 1;
		if (n == 0)
			return i;
		i += n;
	}
}

static bool
can_begin_attribute(struct span s, size_t i)
{
	const char *p = s.p + i;
	char before = s.p[i - 1];

	if (i >= s.len || s.p[i] == '/' || s.p[i] == '>' || space_at(s, i) > 0)
		return false;
	return before == '\'' || before == '"' || before == '/' ||
	       tpl_text_is_space(tpl_text_previous(s.p, &p));
}

static size_t
bare_value_end(struct span s, size_t i)
{
	while (i < s.len && s.p[i] != '>' && space_at(s, i) == 0)
		i++;
	return i;
}

/* Behind "= value" at i, or i where there is none. A quote that is not closed
 * is no value. */
static size_t
value_end(struct span s, size_t i)
{
	size_t equals = skip_spaces(s, i);
	size_t behind = equals;
	size_t value;
	size_t close;

	while (behind < s.len && s.p[behind] == '=')
		behind++;
	if (behind == equals)
		return i;
	value = skip_spaces(s, behind);
	if (value == s.len || (s.p[value] != '"' && s.p[value] != '\''))
		return bare_value_end(s, value);
	close = find(s, value + 1, s.p[value]);
	if (close != NOT_CLOSED)
		return close + 1;
	if (value > behind)
		return value; /* an empty value, and a blank */
	return behind - equals > 1 ? bare_value_end(s, behind - 1) : i;
}

static size_t
attributes_end(struct span s, size_t i)
{
	while (can_begin_attribute(s, i)) {
		const char *p = s.p + i;

		(void)tpl_text_next(&p, s.p + s.len);
		i = (size_t)(p - s.p);
		while (i < s.len && memchr("/=>", s.p[i], 3) == NULL &&
		       space_at(s, i) == 0)
			i++;
		i = skip_between(s, value_end(s, i));
	}
	return i;
}

/* Behind the start tag at i, NOT_CLOSED where it has no end. */
static size_t
start_tag_end(struct span s, size_t i)
{
	size_t k = name_end(s, i + 1);
	size_t n;

	while ((n = space_at(s, k)) > 0 || (k < s.len && s.p[k] == '/'))
		k += n > 0 ? n : 1;
	k = skip_spaces(s, attributes_end(s, k));
	if (k == s.len)
		return NOT_CLOSED;
	if (s.p[k] == '>')
		return k + 1;
	if (s.p[k] == '/')
		return is_at(s, k, "/>") ? k + 2 : NOT_CLOSED;
	return s.p[k] == '=' || ascii_is_alpha((unsigned char)s.p[k])
	           ? NOT_CLOSED
	           : k;
}

static size_t
parse_start_tag(struct strip *t)
{
	struct span name = { t->s.p + t->i + 1,
		name_end(t->s, t->i + 1) - t->i - 1 };
	size_t end = start_tag_end(t->s, t->i);
	struct span rest;
	size_t k;

	if (end == NOT_CLOSED)
		return NOT_CLOSED;
	k = skip_between(t->s, t->i + 1 + name.len);
	if (k < end)
		k = attributes_end(t->s, k);
	rest = k < end ? tpl_text_strip((struct span){ t->s.p + k, end - k })
	               : (struct span){ NULL, 0 };
	if (span_eq(rest, SPAN_LIT(">"))) {
		if (span_eq_nocase(name, SPAN_LIT("script")) ||
		    span_eq_nocase(name, SPAN_LIT("style")))
			t->raw = name;
	} else if (!span_eq(rest, SPAN_LIT("/>"))) {
		data(t, t->i, end);
	}
	return end;
}

/* Behind "</name>" at i with the name, or NOT_CLOSED. */
static size_t
plain_end_tag(struct span s, size_t i, struct span *name)
{
	size_t k = skip_spaces(s, i + 2);

	name->p = s.p + k;
	if (!letter_at(s, k))
		return NOT_CLOSED;
	while (k < s.len && (ascii_is_alnum((unsigned char)s.p[k]) ||
	                        memchr("-.:_", s.p[k], 4) != NULL))
		k++;
	name->len = (size_t)(s.p + k - name->p);
	k = skip_spaces(s, k);
	return k < s.len && s.p[k] == '>' ? k + 1 : NOT_CLOSED;
}

static size_t
parse_end_tag(struct strip *t)
{
	size_t close = find(t->s, t->i + 1, '>');
	struct span name;
	size_t end;

	if (close == NOT_CLOSED)
		return NOT_CLOSED;
	end = plain_end_tag(t->s, t->i, &name);
	if (end == NOT_CLOSED) {
		if (t->raw.p != NULL)
			data(t, t->i, close + 1);
		return close + 1;
	}
	if (t->raw.p != NULL && !span_eq_nocase(name, t->raw))
		data(t, t->i, end);
	else
		t->raw.p = NULL;
	return end;
}

/* Behind the next `first`, blanks, `second`, ... */
static size_t
find_close(struct span s, size_t i, const char *marks)
{
	const char *m;
	size_t k;

	for (; (i = find(s, i, marks[0])) != NOT_CLOSED; i++) {
		k = i + 1;
		for (m = marks + 1; *m != '\0'; m++) {
			if (marks[0] == ']' || *m == '>')
				k = skip_spaces(s, k);
			if (k >= s.len || s.p[k] != *m)
				break;
			k++;
		}
		if (*m == '\0')
			return k;
	}
	return NOT_CLOSED;
}

static size_t
parse_section(struct strip *t)
{
	static const char *const standard[] = { "temp", "cdata", "ignore",
		"include", "rcdata" };
	static const char *const office[] = { "if", "else", "endif" };
	struct span s = t->s;
	size_t from = t->i + 3;
	size_t k = from;
	struct span name;
	size_t i;

	if (k == s.len)
		return NOT_CLOSED;
	if (letter_at(s, k))
		while (k < s.len && (ascii_is_alnum((unsigned char)s.p[k]) ||
		                        memchr("-_.", s.p[k], 3) != NULL))
			k++;
	name = (struct span){ s.p + from, k - from };
	if (name.len > 0 && skip_spaces(s, k) == s.len)
		return NOT_CLOSED;
	for (i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (span_eq_nocase(name, span_of(standard[i])))
			return find_close(s, from, "]]>");
	for (i = 0; i < sizeof(office) / sizeof(office[0]); i++)
		if (span_eq_nocase(name, span_of(office[i])))
			return find_close(s, from, "]>");
	t->broken = true;
	return NOT_CLOSED;
}

static size_t
parse_declaration(struct strip *t)
{
	size_t from = t->i + 2;
	size_t close;

	if (is_at(t->s, t->i, "<!["))
		return parse_section(t);
	if (t->s.len - t->i >= 9 &&
	    span_eq_nocase((struct span){ t->s.p + t->i, 9 },
	        SPAN_LIT("<!doctype")))
		from = t->i + 9;
	close = find(t->s, from, '>');
	return close == NOT_CLOSED ? NOT_CLOSED : close + 1;
}

static size_t
parse_markup(struct strip *t, bool *stop)
{
	size_t close;

	if (letter_at(t->s, t->i + 1))
		return parse_start_tag(t);
	if (is_at(t->s, t->i, "</"))
		return parse_end_tag(t);
	if (is_at(t->s, t->i, "<!--"))
		return find_close(t->s, t->i + 4, "-->");
	if (is_at(t->s, t->i, "<?")) {
		close = find(t->s, t->i + 2, '>');
		return close == NOT_CLOSED ? NOT_CLOSED : close + 1;
	}
	if (is_at(t->s, t->i, "<!"))
		return parse_declaration(t);
	if (t->i + 1 == t->s.len) {
		*stop = true;
		return t->i;
	}
	data(t, t->i, t->i + 1);
	return t->i + 1;
}

/* Markup that does not end, and no more text comes: it is text up to the next
 * ">" or "<". */
static size_t
give_up(struct strip *t)
{
	size_t k = find(t->s, t->i + 1, '>');

	if (k != NOT_CLOSED)
		k++;
	else
		k = find(t->s, t->i + 1, '<');
	if (k == NOT_CLOSED)
		k = t->i + 1;
	data(t, t->i, k);
	return k;
}

/* "&#...": false: stop here. */
static bool
character_reference(struct strip *t)
{
	struct span s = t->s;
	size_t k = t->i + 2;
	size_t from = k;
	bool hex = k < s.len && (s.p[k] == 'x' || s.p[k] == 'X');

	if (hex)
		from = ++k;
	while (k < s.len &&
	       (ascii_is_digit((unsigned char)s.p[k]) ||
	           (hex && ascii_lower((unsigned char)s.p[k]) >= 'a' &&
	               ascii_lower((unsigned char)s.p[k]) <= 'f')))
		k++;
	if (k == from || k == s.len ||
	    (ascii_lower((unsigned char)s.p[k]) >= 'a' &&
	        ascii_lower((unsigned char)s.p[k]) <= 'f')) {
		if (find(s, t->i, ';') != NOT_CLOSED) {
			data(t, t->i, t->i + 2);
			t->i += 2;
		}
		return false;
	}
	data(t, t->i, k);
	tpl_build_char(&t->b, ';');
	t->i = s.p[k] == ';' ? k + 1 : k;
	return true;
}

/* "&name": false: stop here. */
static bool
named_reference(struct strip *t)
{
	struct span s = t->s;
	size_t k = t->i + 1;

	while (letter_at(s, t->i + 1) && k < s.len &&
	       (ascii_is_alnum((unsigned char)s.p[k]) || s.p[k] == '-' ||
	           s.p[k] == '.'))
		k++;
	while (k == s.len ||
	       (k > t->i + 1 && ascii_is_alnum((unsigned char)s.p[k])))
		k--; /* something that is no letter must follow: a "-" or "." of
		        the name may be it */
	if (k > t->i + 1 && k < s.len &&
	    !ascii_is_alnum((unsigned char)s.p[k])) {
		data(t, t->i, k);
		tpl_build_char(&t->b, ';');
		t->i = s.p[k] == ';' ? k + 1 : k;
		return true;
	}
	if (letter_at(s, t->i + 1)) {
		if (t->end && s.len - t->i == 2)
			t->i++;
		return false;
	}
	if (t->i + 1 == s.len)
		return false;
	data(t, t->i, t->i + 1);
	t->i++;
	return true;
}

/* Where the next markup or reference may be; s.len: nowhere. */
static size_t
next_interesting(const struct strip *t)
{
	struct span name;
	size_t i = t->i;

	if (t->raw.p == NULL) {
		while (i < t->s.len && t->s.p[i] != '<' && t->s.p[i] != '&')
			i++;
		return i;
	}
	for (; (i = find(t->s, i, '<')) != NOT_CLOSED; i++)
		if (is_at(t->s, i, "</") &&
		    plain_end_tag(t->s, i, &name) != NOT_CLOSED &&
		    span_eq_nocase(name, t->raw))
			return i;
	return t->s.len;
}

static bool
go(struct strip *t)
{
	struct render *r = t->b.r;
	bool stop = false;
	size_t j;

	while (t->i < t->s.len && !stop && !t->broken && !t->b.failed) {
		j = next_interesting(t);
		if (!tpl_step(r, 1 + (j - t->i) / 64))
			return false;
		if (j == t->s.len && t->raw.p != NULL)
			break;
		data(t, t->i, j);
		t->i = j;
		if (j == t->s.len)
			break;
		if (t->s.p[j] == '&') {
			stop = is_at(t->s, j, "&#") ? !character_reference(t)
			                            : !named_reference(t);
			continue;
		}
		j = parse_markup(t, &stop);
		if (!tpl_step(r,
		        ((j == NOT_CLOSED ? t->s.len : j) - t->i) / 64))
			return false;
		if (j == NOT_CLOSED && !t->end)
			break;
		t->i = j == NOT_CLOSED ? give_up(t) : j;
	}
	if (t->end && t->i < t->s.len && t->raw.p == NULL)
		data(t, t->i, t->s.len);
	return !t->b.failed && !t->broken;
}

static bool
strip_once(struct render *r, struct span s, struct span *out)
{
	struct strip t = { .s = s };
	struct value v;

	tpl_build(&t.b, r, s.len);
	if (go(&t)) {
		t.end = true;
		(void)go(&t);
	}
	if (t.broken)
		return tpl_fail(r, FAIL_VALUE,
		    "striptags meets a section that it does not know");
	if (r->fail != FAIL_NONE || !tpl_build_done(&t.b, &v))
		return false;
	*out = tpl_value_span(&v);
	return true;
}

static size_t
count(struct span s, char c)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < s.len; i++)
		n += s.p[i] == c;
	return n;
}

/* Django's guard against text of tags that all do not end. */
static bool
is_attack(struct span s)
{
	size_t from = 0;
	size_t end = 0;
	struct span open;

	while ((from = find(s, from, '<')) != NOT_CLOSED) {
		if (!letter_at(s, from + 1)) {
			from++;
			continue;
		}
		if (end <= from) {
			end = find(s, from, '>');
			end = end == NOT_CLOSED ? s.len : end;
		}
		open = (struct span){ s.p + from, end - from };
		if (open.len < OPEN_TAG_MAX + 2 ||
		    tpl_text_count(open) < OPEN_TAG_MAX + 2) {
			from++;
			continue;
		}
		if (count(open, '<') >= OPEN_TAGS_MAX)
			return true;
		from = end;
	}
	return false;
}

FILTER(striptags)
{
	struct span s = tpl_value_span(v);
	struct span next = { "", 0 };
	unsigned passes;

	(void)arg;
	if (is_attack(s))
		return tpl_fail(r, FAIL_VALUE,
		    "striptags refuses text with too many open tags");
	for (passes = 0; count(s, '<') > 0 && count(s, '>') > 0; passes++) {
		if (passes == PASSES_MAX)
			return tpl_fail(r, FAIL_VALUE,
			    "striptags refuses text with tags within tags");
		if (!strip_once(r, s, &next))
			return false;
		if (count(next, '<') == count(s, '<'))
			break;
		s = next;
	}
	*v = tpl_value_str(s);
	return true;
}
