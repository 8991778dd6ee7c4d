/* SPDX-License-Identifier: ISC */
/* Addresses are read from the folded field, because that is what is sent. */
#include "submit/identity_header.h"

#include <stdio.h>

#include "envelope/address.h"
#include "envelope/envelope.h"
#include "log/log.h"
#include "message/fold.h"

#define MAX_CHANGES 64u /* fields; more of them are refused */
#define SHOWN 80u

/* A field on its way: as it will be, and as it was but with domains. */
struct field {
	enum field_id id;
	struct buf folded, changed, qualified;
	bool differs, rewritten, reply_to;
};

static int
no_memory(struct po_err *err)
{
	return po_fail(err, PO_EDATA,
	    "the header is too large, or there is no memory for it");
}

/* Copy up to the address, then the address. */
static bool
put_address(struct field *f, const char *from, const struct address *a,
    struct span address)
{
	size_t before = (size_t)(a->spec.p - from);

	return buf_put(&f->changed, from, before) &&
	       buf_put_span(&f->changed, address) &&
	       buf_put(&f->qualified, from, before) &&
	       (a->qualified ? buf_put_span(&f->qualified, a->spec)
	                     : buf_puts(&f->qualified, a->text));
}

static int
take_address(struct identity *id, struct field *f, const char *from,
    const struct address *a, struct po_err *err)
{
	struct identity_result r;
	char text[ENVELOPE_MAX_ADDRESS + 1];
	bool same;

	(void)snprintf(text, sizeof(text), "%s", a->text);
	if (identity_believe(id, text, err) == -1 ||
	    identity_map(id, text, true, &r, err) == -1)
		return -1;
	same = strcmp(r.address, text) == 0;
	f->differs |= !same;
	f->rewritten |= r.rewritten;
	f->reply_to |= r.rewritten && r.reply_to;
	return put_address(f, from, a,
	           same && a->qualified ? a->spec : span_of(r.address))
	           ? 0
	           : no_memory(err);
}

/* What cannot be read, or names nobody ("boss:;", "Boss <>"): it is not
 * believed, and a rule for everything replaces all of it. */
static int
take_unreadable(struct identity *id, struct field *f, struct span value,
    struct po_err *err)
{
	struct identity_result r;
	struct buf shown;

	if (id->conf->from_policy == FROM_TABLE) {
		buf_init(&shown, SHOWN);
		(void)log_escape(&shown, span_trim(value), SHOWN);
		(void)po_fail(err, PO_EPERM,
		    "%s: \"%s\" is no address, so nobody may send as that "
		    "(from_policy)",
		    field_name(f->id), buf_str(&shown));
		buf_clear(&shown);
		return -1;
	}
	if (identity_map(id, "", true, &r, err) == -1)
		return -1;
	f->differs = f->rewritten = r.address[0] != '\0';
	f->reply_to = false;
	buf_reset(&f->changed);
	return !f->differs || (buf_puts(&f->changed, field_name(f->id)) &&
	                          buf_puts(&f->changed, ": ") &&
	                          buf_puts(&f->changed, r.address) &&
	                          buf_putc(&f->changed, '\n'))
	           ? 0
	           : no_memory(err);
}

static int
read_field(struct identity *id, struct field *f, size_t value_at,
    struct po_err *err)
{
	struct span raw = buf_span(&f->folded), value;
	const char *from = raw.p, *end = raw.p + raw.len;
	struct address_list list;
	struct address a;
	bool named = false;
	int rc, failed = 0;

	value = (struct span){ raw.p + value_at, raw.len - value_at };
	address_list_init(&list, value, id->host->domain);
	while (failed == 0 && (rc = address_next(&list, &a, NULL)) == 1) {
		named = a.len > 0;
		if (!named)
			break;
		failed = take_address(id, f, from, &a, err);
		from = a.spec.p + a.spec.len;
	}
	address_list_clear(&list);
	if (failed == -1)
		return -1;
	if (rc == -1 || !named)
		return take_unreadable(id, f, value, err);
	return buf_put(&f->changed, from, (size_t)(end - from)) &&
	               buf_put(&f->qualified, from, (size_t)(end - from))
	           ? 0
	           : no_memory(err);
}

/* The lines: X-Original-From, Reply-To, From. */
static bool
put_lines(const struct header *h, const struct field *f, size_t value_at,
    struct buf *lines, struct buf *line)
{
	struct span was = buf_span(&f->folded), full = buf_span(&f->qualified);

	if (f->rewritten &&
	    (!buf_puts(line, "X-Original-") ||
	        !buf_puts(line, field_name(f->id)) ||
	        !buf_put(line, was.p + value_at - 1, was.len - value_at + 1) ||
	        !fold_field(buf_span(line), lines)))
		return false;
	buf_reset(line);
	if (f->reply_to && f->id == FIELD_FROM &&
	    header_find(h, FIELD_REPLY_TO) == NULL &&
	    (!buf_puts(line, field_name(FIELD_REPLY_TO)) ||
	        !buf_put(line, full.p + value_at - 1,
	            full.len - value_at + 1) ||
	        !fold_field(buf_span(line), lines)))
		return false;
	return fold_field(buf_span(&f->changed), lines);
}

/* *out is {0, ""} when the field stays. */
static int
change_field(struct identity *id, const struct header *h,
    const struct header_field *from, struct span *out, struct po_err *err)
{
	size_t value_at = (size_t)(from->colon + 1 - from->at);
	struct field f = { .id = from->id };
	struct buf lines, line;
	int rc = -1;

	*out = (struct span){ "", 0 };
	buf_init(&f.folded, h->text.max + 65536);
	buf_init(&f.changed, h->text.max * 2);
	buf_init(&f.qualified, h->text.max * 2);
	buf_init(&lines, h->text.max * 4);
	buf_init(&line, h->text.max * 2);
	if (!fold_field(header_raw(h, from), &f.folded)) {
		(void)no_memory(err);
		goto out;
	}
	if (read_field(id, &f, value_at, err) == -1)
		goto out;
	rc = 0;
	if (!f.differs)
		goto out;
	if (put_lines(h, &f, value_at, &lines, &line))
		out->p = arena_strndup(id->arena, lines.p, lines.len);
	out->len = lines.len;
	if (out->p == NULL || lines.len == 0)
		rc = no_memory(err);
out:
	buf_clear(&f.folded);
	buf_clear(&f.changed);
	buf_clear(&f.qualified);
	buf_clear(&lines);
	buf_clear(&line);
	return rc;
}

/* Older sets of Resent- fields are history. */
static bool
is_sender(const struct header *h, size_t i, const struct resent_set *set)
{
	enum field_id id = h->fields[i].id;

	if (span_trim(header_value(h, &h->fields[i])).len == 0)
		return false;
	return id == FIELD_FROM || id == FIELD_SENDER ||
	       ((id == FIELD_RESENT_FROM || id == FIELD_RESENT_SENDER) &&
	           i >= set->first && i < set->end);
}

int
identity_header(struct identity *id, const struct header *h,
    const struct header_change **changes, size_t *n, struct po_err *err)
{
	struct resent_set set = header_resent(h);
	struct header_change found[MAX_CHANGES], *copy;
	struct span lines;
	size_t i;

	*n = 0;
	for (i = 0; i < h->n; i++) {
		if (!is_sender(h, i, &set))
			continue;
		if (*n == MAX_CHANGES)
			return po_fail(err, PO_EDATA,
			    "more than %u fields say who sends this",
			    MAX_CHANGES);
		if (change_field(id, h, &h->fields[i], &lines, err) == -1)
			return -1;
		if (lines.len > 0)
			found[(*n)++] = (struct header_change){ i, lines };
	}
	copy = arena_alloc(id->arena, (*n + 1) * sizeof(*copy));
	if (copy == NULL)
		return po_fail(err, PO_EOS, "no memory for the header");
	memcpy(copy, found, *n * sizeof(*copy));
	*changes = copy;
	return 0;
}
