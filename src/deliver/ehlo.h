/* SPDX-License-Identifier: ISC */
/* What a server offers: its reply to EHLO (RFC 5321, 4.1.1.1) as a value. */
#ifndef PO_DELIVER_EHLO_H
#define PO_DELIVER_EHLO_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

struct ehlo {
	bool pipelining;     /* RFC 2920 */
	bool eightbit;       /* RFC 6152 */
	bool smtputf8;       /* RFC 6531 */
	bool dsn;            /* RFC 3461 */
	bool starttls;       /* RFC 3207 */
	bool chunking;       /* RFC 3030 */
	bool size;           /* RFC 1870 */
	uint64_t size_limit; /* bytes; 0: none said */
	bool requiretls;     /* RFC 8689 */
	bool mt_priority;    /* RFC 6710 */
	bool deliverby;      /* RFC 2852 */
	int64_t by_min_s;    /* the shortest time it promises anything for */
	uint64_t rcpt_max;   /* recipients of a transaction (RFC 9422), 0: not
	                        said */
	uint64_t mail_max;   /* transactions of a connection, likewise */
	unsigned auth;       /* MECHANISM_BIT()s (RFC 4954) */
};

/* `text`: the lines of the reply without their codes, joined by LF; the first
 * is the server's name. Unknown and malformed lines are skipped. */
void ehlo_parse(struct span text, struct ehlo *out);

#endif
