/* SPDX-License-Identifier: ISC */
#include "spool/templates_version.h"

#include <stdio.h>

#include "util/crc32c.h"
#include "util/parse_num.h"
#include "util/utf8.h"

#define MAGIC "po-template 1 "
#define FIRST_LINE_BYTES (sizeof(MAGIC) + 8) /* with its LF */
#define TIME_MAX INT64_C(253402300799)       /* the year 9999 */

void
templates_version_init(struct templates_version *v)
{
	memset(v, 0, sizeof(*v));
	buf_init(&v->text, TEMPLATES_FILE_MAX);
}

void
templates_version_clear(struct templates_version *v)
{
	buf_clear(&v->text);
}

static bool
same_part(const struct mail_source *a, const struct mail_source *b, int i)
{
	return a->has[i] == b->has[i] &&
	       (!a->has[i] || span_eq(a->part[i], b->part[i]));
}

bool
templates_version_same(const struct templates_version *a,
    const struct templates_version *b)
{
	int i;

	for (i = 0; i < MAIL_PARTS; i++)
		if (!same_part(&a->source, &b->source, i))
			return false;
	return a->source.text_auto == b->source.text_auto &&
	       span_eq(a->description, b->description);
}

/* ------------------------------------------------------------------ write */

static int
check(const struct templates_version *v, struct po_err *err)
{
	const struct mail_source *s = &v->source;
	int i;

	if (v->description.len > TEMPLATES_DESCRIPTION_MAX ||
	    !utf8_is_valid(v->description))
		return po_fail(err, PO_EDATA,
		    "the description is longer than %u bytes, or no UTF-8",
		    TEMPLATES_DESCRIPTION_MAX);
	for (i = 0; i < MAIL_PARTS; i++) {
		if (!s->has[i])
			continue;
		if (s->part[i].len > TEMPLATES_PART_MAX)
			return po_fail(err, PO_EUNAVAILABLE,
			    "the %s is larger than the limit of %u bytes",
			    mail_part_names[i], TEMPLATES_PART_MAX);
		if (!utf8_is_valid(s->part[i]))
			return po_fail(err, PO_EDATA, "the %s is no UTF-8",
			    mail_part_names[i]);
	}
	if (s->text_auto && (s->has[PART_TEXT] || !s->has[PART_HTML]))
		return po_fail(err, PO_EDATA,
		    "a text made from html needs html, and no text beside it");
	return 0;
}

static bool
put_size(struct buf *b, const struct mail_source *s, int i)
{
	if (i == PART_TEXT && s->text_auto)
		return buf_puts(b, "text=auto\n");
	if (!s->has[i])
		return buf_printf(b, "%s=-\n", mail_part_names[i]);
	return buf_printf(b, "%s=%zu\n", mail_part_names[i], s->part[i].len);
}

int
templates_version_encode(const struct templates_version *v, struct buf *out,
    struct po_err *err)
{
	const struct mail_source *s = &v->source;
	char crc[9];
	size_t start = out->len;
	bool ok;
	int i;

	if (check(v, err) == -1)
		return -1;
	ok = buf_puts(out, MAGIC "00000000\n") &&
	     buf_printf(out,
	         "name=%s\nlang=%s\nversion=%u\ncreated=%lld\nupdated=%lld\n"
	         "description=%zu\n",
	         v->id.folder, v->id.lang, v->id.version, (long long)v->created,
	         (long long)v->updated, v->description.len);
	for (i = 0; i < MAIL_PARTS; i++)
		ok = ok && put_size(out, s, i);
	ok = ok && buf_putc(out, '\n') && buf_put_span(out, v->description);
	for (i = 0; i < MAIL_PARTS; i++)
		ok = ok && (!s->has[i] || buf_put_span(out, s->part[i]));
	if (!ok)
		return po_fail(err, PO_EOS, "no memory for a template");
	(void)snprintf(crc, sizeof(crc), "%08x",
	    crc32c(0, out->p + start + FIRST_LINE_BYTES,
	        out->len - start - FIRST_LINE_BYTES));
	memcpy(out->p + start + sizeof(MAGIC) - 1, crc, 8);
	return 0;
}

/* ------------------------------------------------------------------ read */

/* The next line must be "KEY=..."; its value. */
static bool
take(struct span *rest, const char *key, struct span *value)
{
	size_t len = strlen(key);

	*value = span_cut(rest, '\n');
	if (value->len <= len || memcmp(value->p, key, len) != 0 ||
	    value->p[len] != '=')
		return false;
	value->p += len + 1;
	value->len -= len + 1;
	return true;
}

static bool
take_time(struct span *rest, const char *key, int64_t *t)
{
	struct span v;

	return take(rest, key, &v) && parse_i64(v, 0, TIME_MAX, t);
}

static bool
take_size(struct span *rest, const char *key, uint64_t max, size_t *size)
{
	struct span v;
	uint64_t n;

	if (!take(rest, key, &v) || !parse_u64(v, 0, max, &n))
		return false;
	*size = (size_t)n;
	return true;
}

static bool
take_part(struct span *rest, struct mail_source *s, int i)
{
	struct span line = *rest, v;

	if (!take(&line, mail_part_names[i], &v))
		return false;
	if (span_eq(v, SPAN_LIT("-")) ||
	    (i == PART_TEXT && span_eq(v, SPAN_LIT("auto")))) {
		*rest = line;
		s->text_auto = s->text_auto || v.p[0] == 'a';
		return true;
	}
	s->has[i] = true;
	return take_size(rest, mail_part_names[i], TEMPLATES_PART_MAX,
	    &s->part[i].len);
}

static bool
take_bytes(struct span *rest, struct span *part)
{
	if (part->len > rest->len)
		return false;
	part->p = rest->p;
	rest->p += part->len;
	rest->len -= part->len;
	return true;
}

static bool
take_id(struct span *rest, struct templates_version *v)
{
	struct span folder, lang, version;

	if (!take(rest, "name", &folder) || !take(rest, "lang", &lang) ||
	    !take(rest, "version", &version) ||
	    folder.len >= sizeof(v->id.folder))
		return false;
	memcpy(v->id.folder, folder.p, folder.len);
	v->id.folder[folder.len] = '\0';
	return templates_name_decode(v->id.folder, v->name) &&
	       templates_lang(lang, v->id.lang) &&
	       span_eq(lang, span_of(v->id.lang)) &&
	       templates_version_parse(version, &v->id.version);
}

static bool
decode(struct templates_version *v)
{
	struct span rest = buf_span(&v->text), first = span_cut(&rest, '\n');
	struct mail_source *s = &v->source;
	uint64_t crc;
	bool ok;
	int i;

	if (first.len != FIRST_LINE_BYTES - 1 ||
	    memcmp(first.p, MAGIC, sizeof(MAGIC) - 1) != 0 ||
	    !parse_hex64((struct span){ first.p + sizeof(MAGIC) - 1, 8 },
	        UINT32_MAX, &crc) ||
	    crc != crc32c(0, rest.p, rest.len))
		return false;
	memset(s, 0, sizeof(*s));
	ok = take_id(&rest, v) && take_time(&rest, "created", &v->created) &&
	     take_time(&rest, "updated", &v->updated) &&
	     take_size(&rest, "description", TEMPLATES_DESCRIPTION_MAX,
	         &v->description.len);
	for (i = 0; i < MAIL_PARTS; i++)
		ok = ok && take_part(&rest, s, i);
	ok = ok && span_cut(&rest, '\n').len == 0 &&
	     take_bytes(&rest, &v->description);
	for (i = 0; i < MAIL_PARTS; i++)
		ok = ok && (!s->has[i] || take_bytes(&rest, &s->part[i]));
	return ok && rest.len == 0;
}

int
templates_version_decode(struct templates_version *v, struct po_err *err)
{
	return decode(v) ? 0
	                 : po_fail(err, PO_ECORRUPT,
	                       "damaged, or of another version of po");
}
