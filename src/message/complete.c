/* SPDX-License-Identifier: ISC */
#include "message/complete.h"

#include <errno.h>

#include "envelope/address.h"
#include "message/fold.h"

static bool
is_empty(const struct header *h, const struct header_field *f)
{
	return span_trim(header_value(h, f)).len == 0;
}

_Static_assert(FIELD_IDS <= 32, "resent_set.has is a set of field ids");

struct resent_set
header_resent(const struct header *h)
{
	struct resent_set set = { h->n, h->n, 0 };
	enum field_id id;
	size_t i;

	for (i = 0; i < h->n; i++) {
		id = h->fields[i].id;
		if (set.has != 0 &&
		    (id == FIELD_RECEIVED || id == FIELD_RETURN_PATH ||
		        (set.has & (1u << id)) != 0))
			break;
		if ((field_kind(id) & KIND_RESENT) == 0 ||
		    is_empty(h, &h->fields[i]))
			continue;
		if (set.has == 0)
			set.first = i;
		set.has |= 1u << id;
	}
	set.end = set.has == 0 ? h->n : i;
	return set;
}

bool
header_wants_from(const struct header *h)
{
	unsigned has = header_resent(h).has;

	return header_find(h, FIELD_FROM) == NULL ||
	       (has != 0 && (has & (1u << FIELD_RESENT_FROM)) == 0);
}

/* Append `raw`, whose value begins at `value_at`, with its addresses qualified.
 * A field that is no address list stays as it is: it is for people to read
 * then. */
static bool
qualify(struct span raw, size_t value_at, const char *domain, struct buf *out)
{
	struct address_list list;
	struct address a;
	struct buf line;
	const char *from = raw.p;
	bool ok = true;
	int rc;

	buf_init(&line, out->max);
	address_list_init(&list,
	    (struct span){ raw.p + value_at, raw.len - value_at }, NULL);
	while (ok && (rc = address_next(&list, &a, NULL)) == 1) {
		if (a.qualified)
			continue;
		ok = buf_put(&line, from,
		         (size_t)(a.spec.p + a.spec.len - from)) &&
		     buf_putc(&line, '@') && buf_puts(&line, domain);
		from = a.spec.p + a.spec.len;
	}
	if (ok && rc == 0 && line.len > 0)
		ok = buf_put(&line, from, (size_t)(raw.p + raw.len - from)) &&
		     fold_field(buf_span(&line), out);
	else if (ok)
		ok = buf_put_span(out, raw);
	address_list_clear(&list);
	buf_clear(&line);
	return ok;
}

/* Folding takes lines of white space away, and may so change what a quoted
 * string is: what is read is what is sent. */
static bool
put_qualified(const struct header *h, const struct header_field *f,
    const char *domain, struct buf *out)
{
	size_t value_at = (size_t)(f->colon + 1 - f->at);
	struct buf folded;
	bool ok;

	buf_init(&folded, out->max);
	ok = fold_field(header_raw(h, f), &folded) &&
	     qualify(buf_span(&folded), value_at, domain, out);
	buf_clear(&folded);
	return ok;
}

static bool
is_left_out(const struct header *h, const struct header_field *f,
    const struct completion *c)
{
	unsigned kind = field_kind(f->id);
	bool bcc = f->id == FIELD_BCC || f->id == FIELD_RESENT_BCC;

	if (bcc && c->keep_bcc)
		return false;
	if ((kind & KIND_DROPPED) != 0)
		return true;
	return is_empty(h, f) &&
	       ((kind & KIND_ADDRESSES) != 0 || f->id == FIELD_DATE ||
	           f->id == FIELD_MESSAGE_ID);
}

static bool
put_field(const struct header *h, const struct header_field *f,
    const struct completion *c, struct buf *out)
{
	if (is_left_out(h, f, c))
		return true;
	if (c->domain != NULL && (field_kind(f->id) & KIND_ADDRESSES) != 0)
		return put_qualified(h, f, c->domain, out);
	return fold_field(header_raw(h, f), out);
}

static bool
put_new(enum field_id id, const char *value, struct buf *out)
{
	return buf_puts(out, field_name(id)) && buf_puts(out, ": ") &&
	       buf_puts(out, value) && buf_putc(out, '\n');
}

static bool
put_resent(const struct resent_set *set, const struct completion *c,
    struct buf *out)
{
	const struct {
		enum field_id id;
		const char *value;
	} wanted[] = {
		{ FIELD_RESENT_MESSAGE_ID, c->message_id },
		{ FIELD_RESENT_DATE, c->date },
		{ FIELD_RESENT_FROM, c->from },
	};
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if ((set->has & (1u << wanted[i].id)) == 0 &&
		    !put_new(wanted[i].id, wanted[i].value, out))
			return false;
	return true;
}

static bool
put_missing(const struct header *h, enum field_id id, const char *value,
    struct buf *out)
{
	return header_find(h, id) != NULL || put_new(id, value, out);
}

int
header_complete(const struct header *h, const struct completion *c,
    struct buf *out, struct po_err *err)
{
	struct resent_set set = header_resent(h);
	bool ok = true;
	size_t i, n = 0;

	if (c->received != NULL)
		ok = put_new(FIELD_RECEIVED, c->received, out);
	for (i = 0; ok && i < h->n; i++) {
		if (set.has != 0 && i == set.first)
			ok = put_resent(&set, c, out);
		if (n < c->n_changes && c->changes[n].field == i)
			ok = ok && buf_put_span(out, c->changes[n++].lines);
		else
			ok = ok && put_field(h, &h->fields[i], c, out);
	}
	ok = ok && put_missing(h, FIELD_FROM, c->from, out) &&
	     put_missing(h, FIELD_DATE, c->date, out) &&
	     put_missing(h, FIELD_MESSAGE_ID, c->message_id, out);
	if (!ok && errno == ENOMEM)
		return po_fail(err, PO_EOS, "no memory for the header");
	if (!ok)
		return po_fail(err, PO_EDATA,
		    "the completed header is larger than %zu bytes", out->max);
	return 0;
}
