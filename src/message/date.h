/* SPDX-License-Identifier: ISC */
/* Dates of messages: written in UTC, so that neither TZ nor the zone files of
 * the host are asked. */
#ifndef PO_MESSAGE_DATE_H
#define PO_MESSAGE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

#define DATE_BYTES 40

/* RFC 5322, 3.3: "Tue, 24 Nov 2026 06:00:00 +0000"; for the years 1970 to 9999,
 * other times become the nearer end of that. */
void date_format(int64_t t, char out[DATE_BYTES]);

/* RFC 3339: "2026-11-24T06:00:00Z"; the same years. */
void date_format_rfc3339(int64_t t, char out[DATE_BYTES]);

/* RFC 3339 ("2026-11-24T06:00:00Z", "2026-11-24 07:00:00.5+01:00"; seconds may
 * be left out, the zone may not), 1970 to 9999. */
bool date_parse_rfc3339(struct span s, int64_t *t);

#endif
