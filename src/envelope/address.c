/* SPDX-License-Identifier: ISC */
/*
 * An element of a list is read twice: element_end() looks for its end and for
 * '<', then address_spec_read() takes the addr-spec apart. Both see tokens.
 */
#include "envelope/address.h"

#include <string.h>

#include "envelope/address_spec.h"
#include "envelope/address_token.h"
#include "envelope/envelope.h"
#include "log/log.h"
#include "util/utf8.h"

#define SHOWN 80u /* bytes of a bad address in an error text */

/* Where one element of the list ends. */
struct element {
	struct span before; /* up to '<' or to the end of the element */
	struct span angle;  /* between < and >; p is NULL when there are none */
	char end;           /* ',' ';' ':' or 0 */
};

/* In <...>: a source route (RFC 5322, 4.4) is passed over. */
static const char *
angle_read(struct address_list *l, struct span s, struct address *a)
{
	struct span ahead = s;
	struct token t = address_token(&ahead);

	if (t.kind == TOKEN_END) {
		buf_reset(&l->text);
		a->spec = (struct span){ s.p, 0 };
		a->qualified = true;
		return NULL;
	}
	if (!token_is(&t, '@'))
		return address_spec_read(l, s, a);
	do {
		t = address_token(&ahead);
		if (t.kind == TOKEN_END || t.kind == TOKEN_BAD)
			return t.kind == TOKEN_BAD ? t.fault
			                           : "a route without address";
	} while (!token_is(&t, ':'));
	return address_spec_read(l, ahead, a);
}

static const char *
angle_end(struct span *rest, struct span *angle)
{
	struct token t;

	angle->p = rest->p;
	do {
		t = address_token(rest);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END || token_is(&t, '<'))
			return "a '<' without '>'";
	} while (!token_is(&t, '>'));
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
		t = address_word(rest, true);
		if (t.kind == TOKEN_BAD)
			return t.fault;
		if (t.kind == TOKEN_END)
			return NULL;
		if (token_is(&t, ',') || token_is(&t, ';') ||
		    (token_is(&t, ':') && !at && e->angle.p == NULL)) {
			e->end = t.raw.p[0];
			return NULL;
		}
		if (e->angle.p != NULL)
			return "text behind the '>'";
		at = at || token_is(&t, '@');
		if (token_is(&t, '<')) {
			fault = angle_end(rest, &e->angle);
			if (fault != NULL)
				return fault;
		} else if (token_is(&t, '>') || token_is(&t, ':')) {
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

struct span
address_domain(struct span address)
{
	size_t i = address.len;

	while (i > 0 && address.p[i - 1] != '@')
		i--;
	if (i == 0)
		i = address.len;
	return (struct span){ address.p + i, address.len - i };
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
	fault = e.angle.p == NULL ? address_spec_read(l, e.before, a)
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
