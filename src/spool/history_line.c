/* SPDX-License-Identifier: ISC */
/*
 * "v=1 t=... id=... n=... to=... a=... s=... code=... dsn=... ms=... phase=...
 * relay=... text=...": all keys, always, in this order. In values every byte
 * but printable ASCII, and '%' itself, is written as %XX; so a line has
 * blanks only between fields.
 */
#include "spool/history.h"
#include "spool/record.h"
#include "util/parse_num.h"

#define LINE_VERSION "1"

static bool
put_value(struct buf *out, const char *key, const char *value, size_t max)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	if (!buf_putc(out, ' ') || !buf_puts(out, key) || !buf_putc(out, '='))
		return false;
	for (i = 0; i < max && value[i] != '\0'; i++) {
		unsigned char c = (unsigned char)value[i];
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };

		if (c > ' ' && c < 0x7f && c != '%' ? !buf_putc(out, value[i])
		                                    : !buf_put(out, escaped, 3))
			return false;
	}
	return true;
}

bool
history_put_line(struct buf *out, const struct history_row *row)
{
	const struct index_attempt *a = &row->a;
	size_t before = out->len;

	if (buf_printf(out, "v=" LINE_VERSION " t=%lld id=%s n=%u",
	        (long long)a->time, row->id.text, a->recipient) &&
	    put_value(out, "to", row->address, ENVELOPE_MAX_ADDRESS) &&
	    buf_printf(out, " a=%u s=%c code=%03d", a->attempt,
	        slot_state_letter(a->state), a->reply_code) &&
	    put_value(out, "dsn", a->status, sizeof(a->status) - 1) &&
	    buf_printf(out, " ms=%u", a->delay_ms) &&
	    put_value(out, "phase", a->phase, RECORD_MAX_PHASE) &&
	    put_value(out, "relay", a->relay, RECORD_MAX_RELAY) &&
	    put_value(out, "text", a->text, RECORD_MAX_TEXT) &&
	    buf_putc(out, '\n'))
		return true;
	out->len = before;
	return false;
}

/* ------------------------------------------------------------- reading */

/* The value of the next field, which must be `key`'s. */
static bool
take(struct span *rest, const char *key, struct span *value)
{
	struct span field = span_cut(rest, ' ');
	struct span name = span_cut(&field, '=');

	*value = field;
	return span_eq(name, span_of(key));
}

static bool
take_u32(struct span *rest, const char *key, uint32_t *n)
{
	struct span v;
	uint64_t wide;

	if (!take(rest, key, &v) || !parse_u64(v, 0, UINT32_MAX, &wide))
		return false;
	*n = (uint32_t)wide;
	return true;
}

/* Undo %XX into out[max + 1]; a NUL, a bad escape or too much is refused. */
static bool
unescape(struct span v, char *out, size_t max)
{
	size_t i, n = 0;
	uint64_t c;

	for (i = 0; i < v.len; i++, n++) {
		if (n == max)
			return false;
		c = (unsigned char)v.p[i];
		if (c == '%') {
			if (v.len - i < 3 ||
			    !parse_hex64((struct span){ v.p + i + 1, 2 }, 255,
			        &c))
				return false;
			i += 2;
		}
		if (c == 0)
			return false;
		out[n] = (char)c;
	}
	out[n] = '\0';
	return true;
}

static bool
take_text(struct span *rest, const char *key, size_t max, struct arena *arena,
    const char **text)
{
	char plain[ENVELOPE_MAX_ADDRESS + 1];
	struct span v;

	if (max >= sizeof(plain) || !take(rest, key, &v) ||
	    !unescape(v, plain, max))
		return false;
	*text = arena_strdup(arena, plain);
	return *text != NULL;
}

static bool
take_state(struct span *rest, enum slot_state *state)
{
	struct span v;
	unsigned i;

	if (!take(rest, "s", &v) || v.len != 1)
		return false;
	for (i = 0; i < SLOT_STATES; i++) {
		if (slot_state_letter((enum slot_state)i) == v.p[0]) {
			*state = (enum slot_state)i;
			return true;
		}
	}
	return false;
}

static bool
take_reply(struct span *rest, struct index_attempt *a)
{
	struct span v;
	uint64_t code;

	if (!take(rest, "code", &v) || !parse_u64(v, 0, 999, &code))
		return false;
	a->reply_code = (int)code;
	return take(rest, "dsn", &v) &&
	       unescape(v, a->status, sizeof(a->status) - 1);
}

bool
history_get_line(struct span line, struct arena *arena, struct history_row *row)
{
	struct index_attempt *a = &row->a;
	struct span v;

	*row = (struct history_row){ .address = NULL };
	return take(&line, "v", &v) && span_eq(v, SPAN_LIT(LINE_VERSION)) &&
	       take(&line, "t", &v) && parse_i64(v, 0, INT64_MAX, &a->time) &&
	       take(&line, "id", &v) && queue_id_parse(v, &row->id) &&
	       take_u32(&line, "n", &a->recipient) &&
	       take_text(&line, "to", ENVELOPE_MAX_ADDRESS, arena,
	           &row->address) &&
	       take_u32(&line, "a", &a->attempt) &&
	       take_state(&line, &a->state) && take_reply(&line, a) &&
	       take_u32(&line, "ms", &a->delay_ms) &&
	       take_text(&line, "phase", RECORD_MAX_PHASE, arena, &a->phase) &&
	       take_text(&line, "relay", RECORD_MAX_RELAY, arena, &a->relay) &&
	       take_text(&line, "text", RECORD_MAX_TEXT, arena, &a->text) &&
	       line.len == 0;
}
