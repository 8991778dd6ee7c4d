/* SPDX-License-Identifier: ISC */
/* Lines of --check. One kind of finding (one `about`) is said at most
 * CHECK_LINES_MAX times, the rest counted. */
#ifndef PO_SPOOL_CHECK_REPORT_H
#define PO_SPOOL_CHECK_REPORT_H

#include <stdint.h>
#include <stdio.h>

#define CHECK_LINES_MAX 20u

enum check_level { CHECK_OK, CHECK_WARNING, CHECK_ERROR };

struct check_report {
	FILE *out;
	enum check_level worst;
	const char *about; /* of the lines at hand */
	uint64_t said;
	enum check_level about_level;
};

/* Begin a kind of findings: says what was left out of the kind before. NULL at
 * the end. */
void check_about(struct check_report *r, const char *about);
void check_say(struct check_report *r, enum check_level level, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif
