/* SPDX-License-Identifier: ISC */
#include "submit/orders.h"

#include "log/log.h"
#include "message/date.h"
#include "util/parse_num.h"
#include "util/utf8.h"

#define SHOWN 80u

/* "+2h", or RFC 3339. */
static bool
read_time(struct span s, int64_t now, int64_t *t)
{
	int64_t wait;

	if (s.len > 0 && s.p[0] == '+') {
		s = (struct span){ s.p + 1, s.len - 1 };
		if (!parse_duration(s, &wait))
			return false;
		*t = now + wait;
		return true;
	}
	return date_parse_rfc3339(s, t) && *t > 0;
}

/* One line of text for the envelope. */
static bool
read_word(struct span s, size_t max, struct arena *arena, const char **out)
{
	size_t i;

	if (s.len == 0 || s.len > max || !utf8_is_valid(s))
		return false;
	for (i = 0; i < s.len; i++)
		if (ascii_is_control((unsigned char)s.p[i]))
			return false;
	*out = arena_strndup(arena, s.p, s.len);
	return *out != NULL;
}

static bool
read_order(enum field_id id, struct span s, int64_t now, struct arena *arena,
    struct envelope *env)
{
	switch (id) {
	case FIELD_X_PO_PRIORITY:
		return priority_parse(s, &env->priority);
	case FIELD_X_PO_SCHEDULE:
		return read_time(s, now, &env->due);
	case FIELD_X_PO_EXPIRES:
		return read_time(s, now, &env->expires);
	case FIELD_X_PO_KEY:
		return read_word(s, ENVELOPE_MAX_KEY, arena, &env->key);
	case FIELD_X_PO_TAG:
		return read_word(s, ENVELOPE_MAX_TAG, arena, &env->tag);
	default:
		return true;
	}
}

static int
refuse(enum field_id id, struct span value, const char *why, struct po_err *err)
{
	struct buf shown;

	buf_init(&shown, SHOWN);
	(void)log_escape(&shown, value, SHOWN);
	(void)po_fail(err, PO_EDATA, "%s \"%s\": %s", field_name(id),
	    buf_str(&shown), why);
	buf_clear(&shown);
	return -1;
}

static const char *
wanted(enum field_id id)
{
	switch (id) {
	case FIELD_X_PO_PRIORITY:
		return "now, high, medium or low is wanted";
	case FIELD_X_PO_SCHEDULE:
	case FIELD_X_PO_EXPIRES:
		return "a time like 2026-11-24T06:00:00Z or +2h is wanted";
	default:
		return "one short line of text is wanted";
	}
}

int
orders_read(const struct header *h, int64_t now, struct arena *arena,
    struct envelope *env, struct po_err *err)
{
	const struct header_field *f;
	unsigned seen = 0;
	struct span value;
	size_t i;

	for (i = 0; i < h->n; i++) {
		f = &h->fields[i];
		if ((field_kind(f->id) & KIND_PO) == 0)
			continue;
		value = span_trim(header_value(h, f));
		if ((seen & (1u << f->id)) != 0)
			return refuse(f->id, value, "it stands there twice",
			    err);
		seen |= 1u << f->id;
		if (!read_order(f->id, value, now, arena, env))
			return refuse(f->id, value, wanted(f->id), err);
	}
	if (env->expires != 0 &&
	    (env->expires <= now || env->expires <= env->due))
		return po_fail(err, PO_EDATA,
		    "X-PO-Expires: the message would expire before it is due");
	return 0;
}
