/* SPDX-License-Identifier: ISC */
#include "compose/html_token.h"

#include "compose/entities.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static void
skip(struct span *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

bool
html_is(const struct html_token *t, const char *name)
{
	return span_eq_nocase(t->name, span_of(name));
}

/* Behind the '>' that ends the tag, quoted values passed over; all of it when
 * there is none. */
static size_t
tag_length(struct span s)
{
	char quote = '\0';
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (quote != '\0')
			quote = s.p[i] == quote ? '\0' : quote;
		else if (s.p[i] == '>')
			return i + 1;
		else if ((s.p[i] == '"' || s.p[i] == '\'') && i > 0 &&
		         (s.p[i - 1] == '=' || is_space(s.p[i - 1])))
			quote = s.p[i];
	}
	return s.len;
}

static size_t
behind(struct span s, const char *what)
{
	const char *p = memmem(s.p, s.len, what, strlen(what));

	return p == NULL ? s.len : (size_t)(p - s.p) + strlen(what);
}

/* "<!" or "<?" at s: how long it is. */
static size_t
declaration_length(struct span s)
{
	struct span rest = { s.p + 4, s.len < 4 ? 0 : s.len - 4 };

	if (s.len < 4 || memcmp(s.p, "<!--", 4) != 0)
		return behind(s, ">");
	if (rest.len > 0 && rest.p[0] == '>') /* an empty comment */
		return 5;
	return 4 + behind(rest, "-->");
}

/* Elements whose content is no text of the document. */
static bool
is_raw(const struct html_token *t)
{
	return html_is(t, "script") || html_is(t, "style") ||
	       html_is(t, "title") || html_is(t, "template");
}

/* Up to the end tag of that name, which is left. */
static void
skip_raw(struct span *rest, struct span name)
{
	const char *p;

	while ((p = memmem(rest->p, rest->len, "</", 2)) != NULL) {
		skip(rest, (size_t)(p - rest->p));
		if (rest->len >= 2 + name.len &&
		    span_eq_nocase((struct span){ rest->p + 2, name.len },
		        name))
			return;
		skip(rest, 2);
	}
	skip(rest, rest->len);
}

/* A tag at *rest; false when '<' is only text there. */
static bool
take_tag(struct span *rest, struct html_token *t)
{
	size_t from = rest->len > 1 && rest->p[1] == '/' ? 2 : 1, i, len;

	if (rest->len <= from || !ascii_is_alpha((unsigned char)rest->p[from]))
		return false;
	len = tag_length(*rest);
	for (i = from; i < len && !is_space(rest->p[i]) && rest->p[i] != '/' &&
	               rest->p[i] != '>';
	     i++)
		;
	t->kind = from == 2 ? HTML_CLOSE : HTML_OPEN;
	t->name = (struct span){ rest->p + from, i - from };
	t->attributes = (struct span){ rest->p + i,
		len - i - (len > i && rest->p[len - 1] == '>') };
	skip(rest, len);
	if (t->kind == HTML_OPEN && is_raw(t))
		skip_raw(rest, t->name);
	return true;
}

void
html_next(struct span *rest, struct html_token *t)
{
	const char *p;

	memset(t, 0, sizeof(*t));
	for (;;) {
		if (rest->len == 0) {
			t->kind = HTML_END;
			return;
		}
		if (rest->p[0] == '<') {
			if (take_tag(rest, t))
				return;
			if (rest->len > 1 &&
			    (rest->p[1] == '!' || rest->p[1] == '?' ||
			        rest->p[1] == '/')) {
				skip(rest, declaration_length(*rest));
				continue;
			}
		}
		p = memchr(rest->p + 1, '<', rest->len - 1);
		t->kind = HTML_TEXT;
		t->text = (struct span){ rest->p,
			p == NULL ? rest->len : (size_t)(p - rest->p) };
		skip(rest, t->text.len);
		return;
	}
}

bool
html_unescape(struct span s, struct buf *out)
{
	struct span text = { "", 0 };
	char room[4];
	size_t n;
	const char *p;

	while (s.len > 0) {
		p = memchr(s.p, '&', s.len);
		n = p == NULL ? s.len : (size_t)(p - s.p);
		if (!buf_put(out, s.p, n))
			return false;
		skip(&s, n);
		if (s.len == 0)
			break;
		skip(&s, 1);
		n = tpl_reference(s, &text, room);
		if (n == 0 ? !buf_putc(out, '&') : !buf_put_span(out, text))
			return false;
		skip(&s, n);
	}
	return true;
}

/* ------------------------------------------------------------------
 * attributes */

/* The next "name", "name=value", "name='value'" of *rest. */
static bool
next_attribute(struct span *rest, struct span *name, struct span *value)
{
	size_t i = 0, from;

	while (i < rest->len && (is_space(rest->p[i]) || rest->p[i] == '/'))
		i++;
	from = i;
	while (i < rest->len && !is_space(rest->p[i]) && rest->p[i] != '/' &&
	       (rest->p[i] != '=' || i == from))
		i++;
	*name = (struct span){ rest->p + from, i - from };
	*value = (struct span){ "", 0 };
	while (i < rest->len && is_space(rest->p[i]))
		i++;
	if (i < rest->len && rest->p[i] == '=') {
		for (i++; i < rest->len && is_space(rest->p[i]); i++)
			;
		if (i < rest->len &&
		    (rest->p[i] == '"' || rest->p[i] == '\'')) {
			char quote = rest->p[i++];

			from = i;
			while (i < rest->len && rest->p[i] != quote)
				i++;
			*value = (struct span){ rest->p + from, i - from };
			i += i < rest->len;
		} else {
			from = i;
			while (i < rest->len && !is_space(rest->p[i]))
				i++;
			*value = (struct span){ rest->p + from, i - from };
		}
	}
	skip(rest, i);
	return name->len > 0;
}

bool
html_attribute(const struct html_token *t, const char *name, struct buf *out)
{
	struct span rest = t->attributes, key, value;
	size_t from = out->len, i, to = out->len;

	while (next_attribute(&rest, &key, &value)) {
		if (!span_eq_nocase(key, span_of(name)))
			continue;
		if (!html_unescape(value, out))
			return false;
		for (i = from; i < out->len; i++)
			if (!ascii_is_control((unsigned char)out->p[i]))
				out->p[to++] = out->p[i];
		out->len = to;
		return true;
	}
	return false;
}
