/* SPDX-License-Identifier: ISC */
#include "queue/select.h"

#include <string.h>

#include "envelope/envelope.h"

#define ADDRESSES_AT_ONCE 64u /* in memory */
#define ARENA_BYTES (1u << 20)

const char *
select_field_name(enum select_field field)
{
	static const char *const names[SELECT_FIELDS] = {
		[SELECT_ID] = "id",
		[SELECT_RECIPIENT] = "recipient",
		[SELECT_SENDER] = "sender",
	};

	return names[field];
}

int
selection_add(struct selection *s, enum select_field field, struct span text,
    struct po_err *err)
{
	bool negate = text.len > 0 && text.p[0] == '!';

	if (negate)
		text = (struct span){ text.p + 1, text.len - 1 };
	if (text.len == 0 || memchr(text.p, '\n', text.len) != NULL)
		return po_fail(err, PO_EUSAGE,
		    "--%s wants a text of one line that is not empty",
		    select_field_name(field));
	if (s->n == SELECT_MAX)
		return po_fail(err, PO_EUSAGE, "more than %d selectors",
		    SELECT_MAX);
	s->terms[s->n++] = (struct select_term){ field, negate, text };
	return 0;
}

bool
selection_put(const struct selection *s, struct buf *out)
{
	const struct select_term *term;
	size_t i;

	for (i = 0; i < s->n; i++) {
		term = &s->terms[i];
		if (!buf_printf(out, "match-%s=%s",
		        select_field_name(term->field),
		        term->negate ? "!" : "") ||
		    !buf_put_span(out, term->text) || !buf_putc(out, '\n'))
			return false;
	}
	return true;
}

int
selection_take(struct selection *s, struct span name, struct span text)
{
	static const struct span prefix = { "match-", 6 };
	int i;

	if (name.len < prefix.len || memcmp(name.p, prefix.p, prefix.len) != 0)
		return 0;
	name = (struct span){ name.p + prefix.len, name.len - prefix.len };
	for (i = 0; i < SELECT_FIELDS; i++)
		if (span_eq(name,
		        span_of(select_field_name((enum select_field)i))))
			return selection_add(s, (enum select_field)i, text,
			           NULL) == 0
			           ? 1
			           : -1;
	return -1;
}

/* In linear time (memmem(3)): both texts are anybody's. */
static bool
contains(const char *in, const struct select_term *term)
{
	char text[ENVELOPE_MAX_ADDRESS], wanted[ENVELOPE_MAX_ADDRESS];
	size_t len = strlen(in), i;
	bool fold = term->field != SELECT_ID;

	if (term->text.len > len || len > sizeof(text))
		return false;
	for (i = 0; i < len; i++)
		text[i] =
		    fold ? (char)ascii_lower((unsigned char)in[i]) : in[i];
	for (i = 0; i < term->text.len; i++)
		wanted[i] =
		    fold ? (char)ascii_lower((unsigned char)term->text.p[i])
		         : term->text.p[i];
	return memmem(text, len, wanted, term->text.len) != NULL;
}

/* A message may have 100,000 recipients, so few of them are in memory. */
static int
a_recipient_contains(const struct select_term *term, struct index_tx *tx,
    const struct index_message *m, struct po_err *err)
{
	bool all = message_is_final(m->state);
	struct index_recipient r;
	struct arena arena;
	int rc = 0, found = 0;
	uint32_t n;

	arena_init(&arena, ARENA_BYTES);
	for (n = 0; n < m->n_recipients && found == 0 && rc != -1; n++) {
		if (n % ADDRESSES_AT_ONCE == 0)
			arena_clear(&arena);
		rc = index_recipient_get(tx, &m->id, n, &arena, &r, err);
		if (rc == 1 && (all || !slot_is_final(r.state)))
			found = contains(r.address, term);
	}
	arena_clear(&arena);
	return rc == -1 ? -1 : found;
}

static int
term_holds(const struct select_term *term, struct index_tx *tx,
    const struct index_message *m, struct po_err *err)
{
	int found;

	if (term->field == SELECT_RECIPIENT)
		found = a_recipient_contains(term, tx, m, err);
	else
		found =
		    contains(term->field == SELECT_ID ? m->id.text : m->sender,
		        term);
	return found == -1 ? -1 : found != term->negate;
}

int
selection_matches(const struct selection *s, struct index_tx *tx,
    const struct index_message *m, struct po_err *err)
{
	bool asked[SELECT_FIELDS] = { false }, holds[SELECT_FIELDS] = { false };
	size_t i;
	int rc;

	for (i = 0; i < s->n; i++) {
		asked[s->terms[i].field] = true;
		if (holds[s->terms[i].field])
			continue;
		rc = term_holds(&s->terms[i], tx, m, err);
		if (rc == -1)
			return -1;
		holds[s->terms[i].field] = rc == 1;
	}
	for (i = 0; i < SELECT_FIELDS; i++)
		if (asked[i] && !holds[i])
			return 0;
	return 1;
}
