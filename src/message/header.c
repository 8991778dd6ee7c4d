/* SPDX-License-Identifier: ISC */
/*
 * One state per place in a line; header_write() looks at each byte once, and
 * runs of a value are taken whole.
 */
#include "message/header.h"

#include <stdlib.h>
#include <string.h>

#include "message/fold.h"

static const struct {
	const char *name;
	unsigned kind;
} known[FIELD_IDS] = {
	[FIELD_OTHER] = { "", 0 },
	[FIELD_BCC] = { "Bcc",
	    KIND_ADDRESSES | KIND_RECIPIENTS | KIND_DROPPED },
	[FIELD_CC] = { "Cc", KIND_ADDRESSES | KIND_RECIPIENTS },
	[FIELD_DATE] = { "Date", 0 },
	[FIELD_FROM] = { "From", KIND_ADDRESSES },
	[FIELD_MESSAGE_ID] = { "Message-ID", 0 },
	[FIELD_RECEIVED] = { "Received", 0 },
	[FIELD_REPLY_TO] = { "Reply-To", KIND_ADDRESSES },
	[FIELD_RESENT_BCC] = { "Resent-Bcc",
	    KIND_ADDRESSES | KIND_RECIPIENTS | KIND_RESENT | KIND_DROPPED },
	[FIELD_RESENT_CC] = { "Resent-Cc",
	    KIND_ADDRESSES | KIND_RECIPIENTS | KIND_RESENT },
	[FIELD_RESENT_DATE] = { "Resent-Date", KIND_RESENT },
	[FIELD_RESENT_FROM] = { "Resent-From", KIND_ADDRESSES | KIND_RESENT },
	[FIELD_RESENT_MESSAGE_ID] = { "Resent-Message-ID", KIND_RESENT },
	[FIELD_RESENT_REPLY_TO] = { "Resent-Reply-To",
	    KIND_ADDRESSES | KIND_RESENT },
	[FIELD_RESENT_SENDER] = { "Resent-Sender",
	    KIND_ADDRESSES | KIND_RESENT },
	[FIELD_RESENT_TO] = { "Resent-To",
	    KIND_ADDRESSES | KIND_RECIPIENTS | KIND_RESENT },
	[FIELD_RETURN_PATH] = { "Return-Path", KIND_DROPPED },
	[FIELD_SENDER] = { "Sender", KIND_ADDRESSES },
	[FIELD_TO] = { "To", KIND_ADDRESSES | KIND_RECIPIENTS },
	[FIELD_X_PO_EXPIRES] = { "X-PO-Expires", KIND_PO | KIND_DROPPED },
	[FIELD_X_PO_KEY] = { "X-PO-Key", KIND_PO | KIND_DROPPED },
	[FIELD_X_PO_PRIORITY] = { "X-PO-Priority", KIND_PO | KIND_DROPPED },
	[FIELD_X_PO_SCHEDULE] = { "X-PO-Schedule", KIND_PO | KIND_DROPPED },
	[FIELD_X_PO_TAG] = { "X-PO-Tag", KIND_PO | KIND_DROPPED },
};

const char *
field_name(enum field_id id)
{
	return known[id].name;
}

unsigned
field_kind(enum field_id id)
{
	return known[id].kind;
}

static enum field_id
id_of(struct span name)
{
	unsigned i;

	for (i = FIELD_OTHER + 1; i < FIELD_IDS; i++)
		if (span_eq_nocase(name, span_of(known[i].name)))
			return (enum field_id)i;
	return FIELD_OTHER;
}

void
header_init(struct header *h, size_t max_bytes)
{
	*h = (struct header){ .state = HEADER_LINE };
	buf_init(&h->text, max_bytes);
}

void
header_clear(struct header *h)
{
	buf_clear(&h->text);
	free(h->fields);
	h->fields = NULL;
	h->n = h->cap = 0;
	h->state = HEADER_LINE;
	h->line = 0;
}

static int
put(struct header *h, const char *p, size_t len, struct po_err *err)
{
	if (buf_put(&h->text, p, len))
		return 0;
	if (h->text.len + len <= h->text.max)
		return po_fail(err, PO_EOS, "no memory for the header");
	return po_fail(err, PO_EDATA, "the header is larger than %zu bytes",
	    h->text.max);
}

/* The ':' of a field was just put: note the field. */
static int
add_field(struct header *h, struct po_err *err)
{
	struct header_field *f;
	size_t cap = h->cap == 0 ? 32 : h->cap * 2;
	struct span name = { h->text.p + h->line, h->text.len - 1 - h->line };

	if (h->n == HEADER_MAX_FIELDS)
		return po_fail(err, PO_EDATA,
		    "the header has more than %u fields", HEADER_MAX_FIELDS);
	if (h->n == h->cap) {
		f = realloc(h->fields, cap * sizeof(*f));
		if (f == NULL)
			return po_fail(err, PO_EOS, "no memory for the header");
		h->fields = f;
		h->cap = cap;
	}
	h->fields[h->n++] = (struct header_field){ id_of(span_trim(name)),
		(uint32_t)h->line, (uint32_t)h->text.len - 1, 0 };
	return 0;
}

static void
end_line(struct header *h)
{
	h->line = h->text.len;
	if (h->n > 0)
		h->fields[h->n - 1].end = (uint32_t)h->text.len;
	h->state = HEADER_LINE;
}

/* A From_ line, known by what stands before its first blank, and only before
 * the first field ("From : a@x" is a field: the caller has seen no ':'). */
static bool
is_mbox(const struct header *h)
{
	struct span s = { buf_str(&h->text) + h->line, h->text.len - h->line };

	s = span_trim(s);
	return h->n == 0 && h->state == HEADER_SPACE &&
	       (span_eq(s, SPAN_LIT("From")) || span_eq(s, SPAN_LIT(">From")));
}

/* Is the line in hand, in HEADER_NAME or HEADER_SPACE, with `c` behind it,
 * still the beginning of a field? Moves on; false when it is text. */
static bool
name_goes_on(struct header *h, char c)
{
	if (h->text.len - h->line > FIELD_NAME_MAX)
		return false;
	if (c == ':') {
		h->state = HEADER_VALUE;
		return h->text.len > h->line;
	}
	if (ascii_is_blank((unsigned char)c)) {
		h->state = HEADER_SPACE;
		return h->text.len > h->line;
	}
	return h->state != HEADER_SPACE && c > ' ' && c <= '~';
}

static int
done(struct header *h, struct span *text)
{
	h->state = HEADER_DONE;
	*text = (struct span){ h->text.p == NULL ? "" : h->text.p + h->line,
		h->text.len - h->line };
	return 1;
}

/* Take the first byte of a line, or one more of a name. 1: the block ends
 * before it, or with it when it is the empty line's LF (*eaten). */
static int
take_byte(struct header *h, char c, bool *eaten, struct span *text,
    struct po_err *err)
{
	bool begins = h->state == HEADER_LINE;

	*eaten = begins && c == '\n';
	if (*eaten)
		return done(h, text);
	if (begins && h->n > 0 && ascii_is_blank((unsigned char)c)) {
		h->state = HEADER_VALUE;
	} else {
		h->state = begins ? HEADER_NAME : h->state;
		if (!name_goes_on(h, c)) {
			if (!is_mbox(h))
				return done(h, text);
			buf_reset(&h->text);
			h->state = HEADER_MBOX;
			return 0;
		}
	}
	*eaten = true;
	if (put(h, &c, 1, err) == -1)
		return -1;
	return c == ':' && h->state == HEADER_VALUE ? add_field(h, err) : 0;
}

int
header_write(struct header *h, const char *p, size_t len, size_t *used,
    struct span *text, struct po_err *err)
{
	const char *nl;
	bool eaten;
	size_t i = 0, n;
	int rc = 0;

	while (i < len && rc == 0) {
		if (h->state == HEADER_VALUE || h->state == HEADER_MBOX) {
			nl = memchr(p + i, '\n', len - i);
			n = nl == NULL ? len - i : (size_t)(nl - p) + 1 - i;
			if (h->state == HEADER_VALUE)
				rc = put(h, p + i, n, err);
			if (nl != NULL)
				end_line(h);
			i += n;
		} else {
			rc = take_byte(h, p[i], &eaten, text, err);
			i += eaten;
		}
	}
	*used = i;
	return rc;
}

int
header_end(struct header *h, struct span *text, struct po_err *err)
{
	*text = (struct span){ "", 0 };
	if (h->state == HEADER_DONE)
		return 0;
	if (h->state == HEADER_VALUE) {
		if (put(h, "\n", 1, err) == -1)
			return -1;
		end_line(h);
	}
	(void)done(h, text);
	return 0;
}

struct span
header_name(const struct header *h, const struct header_field *f)
{
	return span_trim((struct span){ h->text.p + f->at, f->colon - f->at });
}

struct span
header_value(const struct header *h, const struct header_field *f)
{
	return (struct span){ h->text.p + f->colon + 1, f->end - f->colon - 1 };
}

struct span
header_raw(const struct header *h, const struct header_field *f)
{
	return (struct span){ h->text.p + f->at, f->end - f->at };
}

const struct header_field *
header_find(const struct header *h, enum field_id id)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->fields[i].id == id &&
		    span_trim(header_value(h, &h->fields[i])).len > 0)
			return &h->fields[i];
	return NULL;
}

struct span
header_cut_field(struct span *rest)
{
	struct span raw = *rest;
	const char *lf;
	size_t i = 0;

	do {
		lf = memchr(raw.p + i, '\n', raw.len - i);
		i = lf == NULL ? raw.len : (size_t)(lf - raw.p) + 1;
	} while (i < raw.len && ascii_is_blank((unsigned char)raw.p[i]));
	*rest = (struct span){ raw.p + i, raw.len - i };
	raw.len = i;
	return raw;
}
