/* SPDX-License-Identifier: ISC */
/* urlize, urlizetrunc: words that look like a URL, a host or a mail address
 * become links. */
#include <string.h>

#include "compose/builder.h"
#include "compose/entities.h"
#include "compose/filter_table.h"
#include "compose/idna.h"
#include "compose/number.h"
#include "compose/text.h"
#include "compose/truncate.h"
#include "compose/url.h"

#define URL_MAX 2048 /* characters; what is longer is no link */
#define DOMAIN_MAX 63

struct urlize {
	struct builder b;
	bool escape;
	bool limited;
	int64_t limit; /* characters of a URL that are shown */
};

/* A word, and the punctuation around it that does not belong to the link. */
struct word {
	struct span lead;
	struct span middle;
	struct span trail;
};

static bool
unescape(struct render *r, struct span s, struct span *out)
{
	struct builder b;
	struct value v;

	*out = s;
	if (memchr(s.p, '&', s.len) == NULL)
		return true;
	tpl_build(&b, r, s.len);
	tpl_unescape_html(&b, s);
	if (!tpl_build_done(&b, &v))
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

/* Put `s` before the trail. */
static bool
prepend(struct render *r, struct word *w, struct span s)
{
	char *p = tpl_alloc(r, s.len + w->trail.len);

	if (p == NULL)
		return false;
	memcpy(p, s.p, s.len);
	memcpy(p + s.len, w->trail.p, w->trail.len);
	w->trail = (struct span){ p, s.len + w->trail.len };
	return true;
}

static bool
trim_brackets(struct render *r, struct word *w, char open, char close,
    bool *trimmed)
{
	struct span *m = &w->middle;

	if (m->len > 0 && m->p[0] == open) {
		m->p++;
		m->len--;
		w->lead.len++; /* the lead lies before the middle in the word */
		*trimmed = true;
	}
	if (m->len == 0 || m->p[m->len - 1] != close ||
	    count(*m, close) != count(*m, open) + 1)
		return true;
	*trimmed = true;
	m->len--;
	return prepend(r, w, (struct span){ m->p + m->len, 1 });
}

/*
 * Punctuation at the end. References are resolved first, since they end in
 * ";". The lengths of the resolved text cut the unresolved one, as in Django.
 */
static bool
trim_end(struct render *r, struct word *w, bool *trimmed)
{
	struct span plain;
	struct span kept;
	struct span tail;
	size_t cut;

	if (!unescape(r, w->middle, &plain))
		return false;
	for (kept = plain;
	     kept.len > 0 && strchr(".,:;!", kept.p[kept.len - 1]) != NULL;)
		kept.len--;
	if (kept.len == plain.len)
		return true;
	*trimmed = true;
	tail.p = tpl_text_skip(w->middle, tpl_text_count(kept));
	tail.len = (size_t)(w->middle.p + w->middle.len - tail.p);
	cut = plain.len - kept.len; /* ASCII: as many characters as bytes */
	while (cut > 0 && w->middle.len > 0) {
		const char *p = w->middle.p + w->middle.len;

		(void)tpl_text_previous(w->middle.p, &p);
		w->middle.len = (size_t)(p - w->middle.p);
		cut--;
	}
	return prepend(r, w, tail);
}

static bool
trim(struct render *r, struct word *w)
{
	bool trimmed = true;

	while (trimmed) {
		trimmed = false;
		if (!tpl_step(r, 1 + w->middle.len / 64 + w->trail.len / 64) ||
		    !trim_brackets(r, w, '(', ')', &trimmed) ||
		    !trim_brackets(r, w, '[', ']', &trimmed) ||
		    !trim_end(r, w, &trimmed))
			return false;
	}
	return true;
}

static bool
word_at(struct span s, size_t i)
{
	const char *p = s.p + i;

	return i < s.len && tpl_text_is_word(tpl_text_next(&p, s.p + s.len));
}

/* http:// or https:// and something behind it */
static bool
is_url(struct span s)
{
	size_t i = 4;

	if (!span_has_prefix_nocase(s, SPAN_LIT("http")))
		return false;
	if (i < s.len && ascii_lower((unsigned char)s.p[i]) == 's')
		i++;
	if (!span_has_prefix_nocase((struct span){ s.p + i, s.len - i },
	        SPAN_LIT("://")))
		return false;
	i += 3;
	if (i < s.len && s.p[i] == '[')
		i++;
	return word_at(s, i);
}

/* www.something, or something.com and the like with or without a path */
static bool
is_host(struct span s)
{
	static const char *const ends[] = { "com", "edu", "gov", "int", "mil",
		"net", "org" };
	const char *second;
	size_t i;
	size_t k;

	if (span_has_prefix_nocase(s, SPAN_LIT("www.")))
		return true;
	if (span_has_prefix_nocase(s, SPAN_LIT("http")) || !word_at(s, 0))
		return false;
	second = tpl_text_skip(s, 1);
	for (i = (size_t)(second - s.p); i < s.len && s.p[i] != '@'; i++) {
		if (s.p[i] != '.' || s.p + i == second || s.len - i < 4 ||
		    (s.len - i > 4 && s.p[i + 4] != '/'))
			continue;
		for (k = 0; k < sizeof(ends) / sizeof(ends[0]); k++)
			if (span_eq_nocase((struct span){ s.p + i + 1, 3 },
			        span_of(ends[k])))
				return true;
	}
	return false;
}

static bool
is_mail_address(struct span s)
{
	struct span domain = s;
	struct span local = span_cut(&domain, '@');

	if (memchr(s.p, ':', s.len) != NULL || local.len == 0 ||
	    domain.len == 0 || local.len == s.len ||
	    memchr(domain.p, '@', domain.len) != NULL)
		return false;
	return tpl_text_count(domain) <= DOMAIN_MAX && domain.p[0] != '.' &&
	       memchr(domain.p, '.', domain.len) != NULL;
}

enum link { LINK_NONE, LINK_WEB, LINK_MAIL, LINK_BROKEN };

static enum link
make_url(struct render *r, struct span middle, struct span *url)
{
	bool shown = tpl_text_count(middle) <= URL_MAX;
	enum link link = LINK_NONE;
	struct span plain;
	struct span domain;
	struct builder b;
	struct value v;

	tpl_build(&b, r, middle.len + 32);
	if (shown && (is_url(middle) || is_host(middle))) {
		if (!unescape(r, middle, &plain))
			return LINK_NONE;
		tpl_url_quote(&b,
		    is_url(middle) ? SPAN_LIT("") : SPAN_LIT("http://"), plain);
		link = LINK_WEB;
	} else if (is_mail_address(middle)) {
		domain = middle;
		plain = span_cut(&domain, '@');
		tpl_build_str(&b, "mailto:");
		tpl_build_span(&b, plain);
		tpl_build_char(&b, '@');
		link = tpl_idna_encode(&b, domain) ? LINK_MAIL : LINK_BROKEN;
	}
	if (link != LINK_NONE && link != LINK_BROKEN) {
		if (!tpl_build_done(&b, &v))
			return LINK_NONE;
		*url = tpl_value_span(&v);
	}
	return link;
}

static void
put(struct urlize *u, struct span s)
{
	if (u->escape)
		tpl_build_escaped(&u->b, s);
	else
		tpl_build_span(&u->b, s);
}

static void
put_shown(struct urlize *u, struct span middle)
{
	size_t keep = u->limit > 0 ? (size_t)u->limit - 1 : 0;

	if (!u->limited || (int64_t)tpl_text_count(middle) <= u->limit) {
		put(u, middle);
		return;
	}
	put(u, (struct span){ middle.p,
	           (size_t)(tpl_text_skip(middle, keep) - middle.p) });
	tpl_build_str(&u->b, TRUNCATED);
}

static bool
put_word(struct urlize *u, struct span s)
{
	struct word w = { { s.p, 0 }, s, { "", 0 } };
	struct span url = { "", 0 };
	enum link link = LINK_NONE;

	if (memchr(s.p, '.', s.len) != NULL ||
	    memchr(s.p, '@', s.len) != NULL ||
	    memchr(s.p, ':', s.len) != NULL) {
		if (!trim(u->b.r, &w))
			return false;
		link = make_url(u->b.r, w.middle, &url);
		if (u->b.r->fail != FAIL_NONE)
			return false;
	}
	if (link == LINK_BROKEN) {
		tpl_build_span(&u->b, s);
	} else if (link == LINK_NONE) {
		put(u, s);
	} else {
		put(u, w.lead);
		tpl_build_str(&u->b, "<a href=\"");
		tpl_build_escaped(&u->b, url);
		tpl_build_str(&u->b,
		    link == LINK_WEB ? "\" rel=\"nofollow\">" : "\">");
		put_shown(u, w.middle);
		tpl_build_str(&u->b, "</a>");
		put(u, w.trail);
	}
	return !u->b.failed;
}

static bool
is_separator(const char *p, const char *end, size_t *len)
{
	const char *q = p;
	uint32_t c = tpl_text_next(&q, end);

	*len = (size_t)(q - p);
	return c == '<' || c == '>' || c == '"' || c == '\'' ||
	       tpl_text_is_space(c);
}

static bool
urlize(struct urlize *u, struct value *v)
{
	const char *end = v->s + v->len;
	const char *from = v->s;
	const char *p;
	size_t len;
	bool separator;

	u->escape = u->b.r->autoescape && !v->safe;
	while (from < end) {
		separator = is_separator(from, end, &len);
		for (p = from + len;
		     p < end && is_separator(p, end, &len) == separator;
		     p += len)
			;
		if (separator)
			put(u, (struct span){ from, (size_t)(p - from) });
		else if (!put_word(u,
		             (struct span){ from, (size_t)(p - from) }))
			return false;
		from = p;
	}
	if (!tpl_build_done(&u->b, v))
		return false;
	v->safe = true;
	return true;
}

FILTER(urlize)
{
	struct urlize u = { .limited = false };

	(void)arg;
	tpl_build(&u.b, r, v->len + 64);
	return urlize(&u, v);
}

FILTER(urlizetrunc)
{
	struct urlize u = { .limited = true };

	if (!tpl_number_need_int(r, arg, "the argument of urlizetrunc",
	        &u.limit))
		return false;
	tpl_build(&u.b, r, v->len + 64);
	return urlize(&u, v);
}
