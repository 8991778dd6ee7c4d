/* SPDX-License-Identifier: ISC */
#include "submit/warnings.h"

#include <stdarg.h>
#include <stdio.h>

#include "log/log.h"

#define LINE_BYTES 900u

void
warnings_init(struct warnings *w)
{
	w->n = 0;
	buf_init(&w->text, (size_t)WARNINGS_MAX * (LINE_BYTES + 1));
}

void
warnings_clear(struct warnings *w)
{
	buf_clear(&w->text);
	w->n = 0;
}

void
warnings_add(struct warnings *w, const char *fmt, ...)
{
	char line[LINE_BYTES + 1];
	va_list ap;

	if (w == NULL || w->n++ >= WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	if (vsnprintf(line, sizeof(line), fmt, ap) < 0)
		line[0] = '\0';
	va_end(ap);
	if (log_escape(&w->text, span_of(line), LINE_BYTES))
		(void)buf_putc(&w->text, '\n');
}
