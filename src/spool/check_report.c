/* SPDX-License-Identifier: ISC */
#include "spool/check_report.h"

#include <stdarg.h>

static const char *const names[] = { "ok", "warning", "error" };

void
check_about(struct check_report *r, const char *about)
{
	if (r->said > CHECK_LINES_MAX)
		(void)fprintf(r->out, "%s: %s: %llu more\n",
		    names[r->about_level], r->about,
		    (unsigned long long)(r->said - CHECK_LINES_MAX));
	r->about = about;
	r->said = 0;
	r->about_level = CHECK_OK;
}

void
check_say(struct check_report *r, enum check_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > r->worst)
		r->worst = level;
	if (level > r->about_level)
		r->about_level = level;
	if (r->said++ >= CHECK_LINES_MAX)
		return;
	(void)fprintf(r->out, "%s: ", names[level]);
	va_start(ap, fmt);
	(void)vfprintf(r->out, fmt, ap);
	va_end(ap);
	(void)fputc('\n', r->out);
}
