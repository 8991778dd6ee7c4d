/* SPDX-License-Identifier: ISC */
#include "deliver/delivery.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const phases[] = {
	[PHASE_NONE] = "none",
	[PHASE_CONNECT] = "connect",
	[PHASE_GREETING] = "greeting",
	[PHASE_EHLO] = "EHLO",
	[PHASE_TLS] = "TLS",
	[PHASE_AUTH] = "AUTH",
	[PHASE_MAIL] = "MAIL",
	[PHASE_RCPT] = "RCPT",
	[PHASE_DATA] = "DATA",
	[PHASE_CONTENT] = "content",
	[PHASE_DOT] = "end of DATA",
	[PHASE_LOCAL] = "local",
};

const char *
delivery_phase_name(enum delivery_phase p)
{
	return phases[p];
}

/* One byte as it is shown: itself, a blank for a line end, or \xNN. */
static size_t
escape_byte(unsigned char c, char out[5])
{
	if (c == '\r' || c == '\n' || c == '\t')
		c = ' ';
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		out[1] = '\0';
		return 1;
	}
	(void)snprintf(out, 5, "\\x%02x", c);
	return 4;
}

size_t
delivery_escape(struct span s, char *out, size_t max)
{
	size_t i, n, used = 0;
	char one[5];

	if (max == 0)
		return 0;
	for (i = 0; i < s.len; i++) {
		n = escape_byte((unsigned char)s.p[i], one);
		if (used + n >= max)
			break;
		memcpy(out + used, one, n);
		used += n;
	}
	out[used] = '\0';
	if (i < s.len && used >= 3)
		memcpy(out + used - 3, "...", 3);
	return used;
}

void
delivery_set(struct delivery *d, enum delivery_state state,
    enum delivery_phase phase, const char *status, const char *fmt, ...)
{
	char raw[sizeof(d->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	*d = (struct delivery){ .state = state, .phase = phase };
	(void)snprintf(d->status, sizeof(d->status), "%s", status);
	(void)delivery_escape(span_of(raw), d->text, sizeof(d->text));
}

void
delivery_fill(struct delivery *results, size_t n, const struct delivery *with)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (results[i].state == DELIVERY_UNTOUCHED)
			results[i] = *with;
}
