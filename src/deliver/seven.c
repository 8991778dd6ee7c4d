/* SPDX-License-Identifier: ISC */
/*
 * The same walk is made twice: once to learn what each part needs, which is
 * noted in the order of the parts, and then, as often as the content is wanted,
 * to write it. The walk goes by lines, of which it sees pieces; the line end
 * before a boundary belongs to the boundary (RFC 2046, 5.1.1), so a line end is
 * taken only when something follows it.
 */
#include "deliver/seven.h"

#include <stdio.h>
#include <stdlib.h>

#include "deliver/content.h"
#include "deliver/seven_encode.h"
#include "deliver/seven_kind.h"
#include "message/header.h"
#include "util/fd.h"
#include "util/grow.h"
#include "util/utf8.h"
#include "util/xalloc.h"

#define RAW_BYTES ((size_t)16384)
#define PIECE_BYTES ((size_t)2048)
#define OUT_BYTES ((size_t)4 << 20) /* a header, rewritten, and a block */
#define HEADER_BYTES ((size_t)1 << 20)
#define DEPTH 30
#define MOST_PARTS ((size_t)100000)

/* What a part is to become. */
enum means {
	MEANS_NONE, /* it has no 8-bit bytes */
	MEANS_QP,
	MEANS_BASE64,
	MEANS_ESCAPE, /* quoted-printable already: its 8-bit bytes alone */
	MEANS_DROP    /* base64 already: they are no part of it */
};

enum where {
	IN_HEADER,
	IN_LEAF,
	IN_TEXT /* before, between and behind parts */
};

struct level {
	char boundary[SEVEN_BOUNDARY_BYTES + 1];
	size_t len;
	bool digest; /* its parts are messages where they do not say (RFC 2046,
	                5.1.5) */
	bool sealed; /* signed: nothing inside may change */
};

/* Of the part in hand, in the first walk. */
struct found {
	bool has_8bit, fixed, other; /* other: not UTF-8 */
	enum seven_encoding encoding;
	uint64_t qp, base64; /* bytes that it would have */
	unsigned tail;       /* continuation bytes to come, for UTF-8 */
};

struct note {
	unsigned char means, utf8;
};

struct seven {
	struct deliver_message m;
	bool bodies;
	bool writing; /* the second walk */
	struct note *notes;
	size_t n_notes, cap_notes;
	uint64_t length;

	/* the walk */
	uint64_t at; /* bytes read */
	bool after_cr, line_begins;
	enum where where;
	bool top; /* in the first header of a message */
	struct buf header;
	struct level levels[DEPTH];
	size_t depth;
	size_t note; /* of the part in hand */
	struct found found;
	bool line_end; /* of a part: not yet taken */
	bool ended;

	struct encoder encoder;
	struct buf out;
	size_t out_at;
	const char *refused; /* why it cannot be converted */
	const char *status;
	char *raw; /* RAW_BYTES */
};

static bool
refuse(struct seven *s, const char *status, const char *why)
{
	if (s->refused == NULL) {
		s->refused = why;
		s->status = status;
	}
	return false;
}

static bool
put(struct seven *s, const char *p, size_t len)
{
	return !s->writing || buf_put(&s->out, p, len);
}

/* ------------------------------------------------------------ leaves */

static enum means
means_of(const struct seven *s)
{
	return (enum means)s->notes[s->note].means;
}

static void
look_at_byte(struct found *f, unsigned char c)
{
	if (c >= 0x80)
		f->has_8bit = true;
	if (f->tail > 0) {
		if ((c & 0xc0) != 0x80)
			f->other = true;
		f->tail = (c & 0xc0) == 0x80 ? f->tail - 1 : 0;
	} else if (c >= 0x80) {
		f->tail = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (c < 0xc2 || c > 0xf4)
			f->other = true;
	}
	f->qp += c >= 0x7f || c == '=' ? 3 : 1;
	f->base64++;
}

static bool
leaf_line_end(struct seven *s)
{
	if (!s->writing) {
		s->found.qp++;
		s->found.base64 += 2;
		return true;
	}
	return means_of(s) == MEANS_BASE64
	           ? encode_base64(&s->encoder, SPAN_LIT("\r\n"), &s->out)
	           : encode_qp_end(&s->encoder, true, &s->out);
}

static bool
leaf_write(struct seven *s, struct span line)
{
	size_t i;

	if (s->line_end) {
		s->line_end = false;
		if (!leaf_line_end(s))
			return false;
	}
	if (!s->writing) {
		for (i = 0; i < line.len; i++)
			look_at_byte(&s->found, (unsigned char)line.p[i]);
		return true;
	}
	switch (means_of(s)) {
	case MEANS_QP:
		return encode_qp(&s->encoder, line, &s->out);
	case MEANS_BASE64:
		return encode_base64(&s->encoder, line, &s->out);
	case MEANS_ESCAPE:
		return encode_8bit(line, true, &s->out);
	case MEANS_DROP:
		return encode_8bit(line, false, &s->out);
	case MEANS_NONE:
		break;
	}
	return put(s, line.p, line.len);
}

static bool
is_sealed(const struct seven *s)
{
	size_t i;

	for (i = 0; i < s->depth; i++)
		if (s->levels[i].sealed)
			return true;
	return false;
}

static bool
decide(struct seven *s)
{
	const struct found *f = &s->found;
	enum means means = MEANS_NONE;

	if (f->has_8bit && s->bodies) {
		if (is_sealed(s) || f->fixed)
			return refuse(s, "5.6.3",
			    is_sealed(s) ? "it is signed"
			                 : "it has a multipart without "
			                   "boundary");
		switch (f->encoding) {
		case ENC_PLAIN:
			means = f->qp <= f->base64 / 3 * 4 ? MEANS_QP
			                                   : MEANS_BASE64;
			break;
		case ENC_QP:
			means = MEANS_ESCAPE;
			break;
		case ENC_BASE64:
			means = MEANS_DROP;
			break;
		case ENC_OTHER:
			return refuse(s, "5.6.3",
			    "a part has an encoding that is not known");
		}
	}
	s->notes[s->note].means = (unsigned char)means;
	s->notes[s->note].utf8 = !f->other && f->tail == 0;
	return true;
}

/* The part ends, before a boundary or with the message. */
static bool
leaf_end(struct seven *s, bool boundary)
{
	bool ok = true;

	if (s->where != IN_LEAF)
		return true;
	s->where = IN_TEXT;
	if (!s->writing)
		return decide(s);
	if (means_of(s) == MEANS_BASE64) {
		/* At the end of the message the line end is the content's. */
		if (s->line_end && !boundary)
			ok = encode_base64(&s->encoder, SPAN_LIT("\r\n"),
			    &s->out);
		ok = ok && encode_base64_end(&s->encoder, &s->out);
	} else {
		ok = encode_qp_end(&s->encoder, s->line_end, &s->out);
	}
	s->line_end = false;
	return ok;
}

/* ------------------------------------------------------------ headers */

/* The fields of the header; an encoding that holds no longer is left out. */
static bool
put_fields(struct seven *s, bool drop_encoding)
{
	struct span rest = buf_span(&s->header), raw;
	int rc = 1;

	while (rest.len > 0 && rc == 1) {
		raw = header_cut_field(&rest);
		if (drop_encoding &&
		    seven_is_field(raw, SPAN_LIT("Content-Transfer-Encoding")))
			continue;
		if (!utf8_is_ascii(raw) && is_sealed(s)) {
			if (s->bodies)
				return refuse(s, "5.6.3", "it is signed");
			rc = put(s, raw.p, raw.len) ? 1 : -1;
		} else if (s->writing || !utf8_is_ascii(raw)) {
			rc = seven_header(raw, &s->out);
			if (!s->writing)
				buf_reset(&s->out);
		}
	}
	return rc == 0 ? refuse(s, "5.6.7", "an address is not in ASCII")
	               : rc == 1;
}

static bool
put_leaf_fields(struct seven *s, const struct seven_kind *k)
{
	enum means means = s->writing ? means_of(s) : MEANS_NONE;
	bool encoded = means == MEANS_QP || means == MEANS_BASE64, ok;

	ok = put_fields(s, encoded);
	if (!encoded)
		return ok;
	if (s->top && !k->mime_version)
		ok = ok && buf_puts(&s->out, "MIME-Version: 1.0\n");
	if (!k->has_type)
		ok = ok &&
		     buf_printf(&s->out,
		         "Content-Type: text/plain; charset=%s\n",
		         s->notes[s->note].utf8 ? "utf-8" : "unknown-8bit");
	return ok && buf_printf(&s->out, "Content-Transfer-Encoding: %s\n",
	                 means == MEANS_QP ? "quoted-printable" : "base64");
}

static bool
begin_leaf(struct seven *s, const struct seven_kind *k)
{
	struct note *notes;

	if (s->writing) {
		s->note = s->n_notes++;
	} else {
		notes = s->n_notes == MOST_PARTS
		            ? NULL
		            : grow_array(s->notes, s->n_notes, &s->cap_notes,
		                  sizeof(*s->notes));
		if (notes == NULL)
			return refuse(s, "5.6.3", "it has too many parts");
		s->notes = notes;
		s->note = s->n_notes++;
		s->notes[s->note] = (struct note){ MEANS_NONE, 0 };
	}
	s->found =
	    (struct found){ .encoding = k->encoding, .fixed = k->multipart };
	s->encoder = (struct encoder){ .column = 0 };
	s->line_end = false;
	s->where = IN_LEAF;
	return put_leaf_fields(s, k);
}

static bool
begin_multipart(struct seven *s, const struct seven_kind *k)
{
	struct level *l = &s->levels[s->depth];

	if (!put_fields(s, s->bodies && k->encoding == ENC_PLAIN))
		return false;
	memcpy(l->boundary, k->boundary.p, k->boundary.len);
	l->len = k->boundary.len;
	l->digest = k->digest;
	l->sealed = k->sealed;
	s->depth++;
	s->where = IN_TEXT;
	return true;
}

/* The header is complete; `empty`: with the line that ends it. */
static bool
header_ends(struct seven *s, bool empty)
{
	char space[SEVEN_SPACE_BYTES];
	struct seven_kind k;
	bool ok;

	seven_kind_read(buf_span(&s->header),
	    !s->top && s->depth > 0 && s->levels[s->depth - 1].digest, space,
	    &k);
	if (k.multipart && k.boundary.len > 0 && s->depth < DEPTH)
		ok = begin_multipart(s, &k);
	else if (k.message && k.encoding == ENC_PLAIN)
		ok = put_fields(s, s->bodies);
	else
		ok = begin_leaf(s, &k);
	buf_reset(&s->header);
	s->top = s->where == IN_HEADER; /* of the message in it */
	return ok && (!empty || put(s, "\n", 1));
}

/* ------------------------------------------------------------ the walk */

/* Does this line end or begin a part? Then *level is whose, and *closes. */
static bool
is_boundary(const struct seven *s, struct span line, size_t *level,
    bool *closes)
{
	size_t i;

	if (line.len < 3 || line.p[0] != '-' || line.p[1] != '-')
		return false;
	line = (struct span){ line.p + 2, line.len - 2 };
	for (i = s->depth; i-- > 0;) {
		const struct level *l = &s->levels[i];
		struct span rest = { line.p + l->len, line.len - l->len };

		if (line.len < l->len ||
		    memcmp(line.p, l->boundary, l->len) != 0)
			continue;
		*closes = rest.len >= 2 && memcmp(rest.p, "--", 2) == 0;
		if (*closes)
			rest = (struct span){ rest.p + 2, rest.len - 2 };
		*level = i;
		if (span_trim(rest).len == 0)
			return true;
	}
	return false;
}

static bool
take_boundary(struct seven *s, size_t level, bool closes)
{
	if (s->where == IN_HEADER && !header_ends(s, false))
		return false;
	if (!leaf_end(s, true))
		return false;
	s->depth = closes ? level : level + 1;
	s->where = closes ? IN_TEXT : IN_HEADER;
	s->top = false;
	return true;
}

static bool
take_text(struct seven *s, struct span line)
{
	size_t i;

	if (s->writing && !utf8_is_ascii(line) && s->bodies) {
		for (i = 0; i < line.len; i++)
			if (!put(s,
			        (unsigned char)line.p[i] < 0x80 ? line.p + i
			                                        : "?",
			        1))
				return false;
		return true;
	}
	if (is_sealed(s) && !utf8_is_ascii(line) && s->bodies)
		return refuse(s, "5.6.3", "it is signed");
	return put(s, line.p, line.len);
}

/* A line or a piece of one; `ends`: its LF follows. */
static bool
take(struct seven *s, struct span line, bool ends)
{
	bool begins = s->line_begins, closes, ok;
	size_t level;

	s->line_begins = ends;
	if (begins && is_boundary(s, line, &level, &closes)) {
		ok = take_boundary(s, level, closes);
		return ok && put(s, line.p, line.len) &&
		       (!ends || put(s, "\n", 1));
	}
	switch (s->where) {
	case IN_HEADER:
		if (begins && ends && line.len == 0)
			return header_ends(s, true);
		if (buf_put_span(&s->header, line) &&
		    (!ends || buf_putc(&s->header, '\n')))
			return true;
		return refuse(s, "5.6.3", "a header in it is too large");
	case IN_LEAF:
		ok = leaf_write(s, line);
		s->line_end = ends;
		return ok;
	case IN_TEXT:
		break;
	}
	return take_text(s, line) && (!ends || put(s, "\n", 1));
}

static bool
take_block(struct seven *s, const char *p, size_t len)
{
	const char *end = p + len, *lf;
	size_t n;

	while (p < end) {
		n = (size_t)(end - p) < PIECE_BYTES ? (size_t)(end - p)
		                                    : PIECE_BYTES;
		lf = memchr(p, '\n', n);
		n = lf == NULL ? n : (size_t)(lf - p);
		if (!take(s, (struct span){ p, n }, lf != NULL))
			return false;
		p += n + (lf != NULL);
	}
	return true;
}

static bool
end_walk(struct seven *s)
{
	s->ended = true;
	if (s->where == IN_HEADER && !header_ends(s, false))
		return false;
	return leaf_end(s, false);
}

/* One block more. 1; 0 it cannot be converted; -1. A line that is cut between
 * two blocks is no boundary, so what has no LF yet is read again. */
static int
step(struct seven *s, struct po_err *err)
{
	uint64_t left = s->m.length - s->at;
	size_t want = left < RAW_BYTES ? (size_t)left : RAW_BYTES, n = want;

	if (content_read(&s->m, s->at, s->raw, want, err) == -1)
		return -1;
	if (want < left) {
		while (n > 0 && s->raw[n - 1] != '\n')
			n--;
		n = n == 0 ? want : n;
	}
	s->at += n;
	n = content_clean(s->raw, n, &s->after_cr);
	if (!take_block(s, s->raw, n) ||
	    (s->at == s->m.length && !end_walk(s))) {
		if (s->refused == NULL)
			return po_fail(err, PO_EOS, "no memory to convert it");
		return 0;
	}
	return 1;
}

void
seven_rewind(struct seven *s)
{
	s->at = 0;
	s->after_cr = s->ended = s->line_end = false;
	s->line_begins = s->top = true;
	s->where = IN_HEADER;
	s->depth = s->out_at = 0;
	if (s->writing)
		s->n_notes = 0;
	buf_reset(&s->header);
	buf_reset(&s->out);
}

ssize_t
seven_read(struct seven *s, char *out, size_t max, bool *last,
    struct po_err *err)
{
	size_t n;
	int rc;

	while (s->out_at == s->out.len && !s->ended) {
		s->out_at = 0;
		buf_reset(&s->out);
		rc = step(s, err);
		if (rc == 0)
			return po_fail(err, PO_EIO, "the message has changed");
		if (rc == -1)
			return -1;
	}
	n = s->out.len - s->out_at < max ? s->out.len - s->out_at : max;
	if (n > 0)
		memcpy(out, s->out.p + s->out_at, n);
	s->out_at += n;
	*last = s->ended && s->out_at == s->out.len;
	return (ssize_t)n;
}

static int
look_through(struct seven *s, struct po_err *err)
{
	bool last = false;
	ssize_t n;
	int rc = 1;

	seven_rewind(s);
	while (rc == 1 && !s->ended)
		rc = step(s, err);
	if (rc != 1)
		return rc;
	s->writing = true;
	seven_rewind(s);
	while (!last) {
		/* What is counted is not kept. */
		n = seven_read(s, s->raw, 0, &last, err);
		if (n == -1)
			return -1;
		s->length += s->out.len - s->out_at;
		s->out_at = s->out.len;
		last = s->ended;
	}
	seven_rewind(s);
	return 1;
}

int
seven_new(const struct deliver_message *m, bool bodies, struct seven **out,
    struct delivery *why, struct po_err *err)
{
	struct seven *s = xcalloc(1, sizeof(*s));
	int rc;

	s->m = *m;
	s->bodies = bodies;
	s->raw = xcalloc(1, RAW_BYTES);
	buf_init(&s->header, HEADER_BYTES);
	buf_init(&s->out, OUT_BYTES);
	rc = look_through(s, err);
	*out = s;
	if (rc == 1)
		return 1;
	if (rc == 0)
		delivery_set(why, DELIVERY_FAILED, PHASE_MAIL, s->status,
		    "the server takes no %s, and the message cannot be "
		    "converted: %s",
		    bodies ? "8-bit text" : "UTF-8 in the header", s->refused);
	seven_free(s);
	*out = NULL;
	return rc;
}

uint64_t
seven_length(const struct seven *s)
{
	return s->length;
}

void
seven_free(struct seven *s)
{
	if (s == NULL)
		return;
	buf_clear(&s->header);
	buf_clear(&s->out);
	free(s->notes);
	free(s->raw);
	free(s);
}
