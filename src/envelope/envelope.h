/* SPDX-License-Identifier: ISC */
/*
 * The envelope (RFC 5321, 2.3.1) and what po keeps with it from the first day.
 * One struct, one text form: "key=value" lines, which stand in every message
 * file (spool-layout.md, "The envelope"). The text form is strict in both ways:
 * decode refuses unknown, repeated and misplaced keys, control characters and
 * anything out of range, because the file in drop/ was written by anybody.
 */
#ifndef PO_ENVELOPE_ENVELOPE_H
#define PO_ENVELOPE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope/queue_id.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/err.h"

#define ENVELOPE_MAX_BYTES (32u << 20) /* of the text form */
#define ENVELOPE_MAX_RECIPIENTS 100000u
#define ENVELOPE_MAX_ADDRESS                                                   \
	1000u /* bytes; RFC 5321 4.5.3.1 asks for 254 at least */
#define ENVELOPE_MAX_TAG 100u
#define ENVELOPE_MAX_KEY 255u
#define ENVELOPE_MAX_ZONE 100u
#define ENVELOPE_MAX_ENVID 100u /* RFC 3461, 4.4 */
#define ENVELOPE_MAX_ORCPT 500u /* RFC 3461, 4.2 */

/* Order is order of delivery; the numbers are on disk. */
enum priority {
	PRIORITY_NOW,
	PRIORITY_HIGH,
	PRIORITY_MEDIUM,
	PRIORITY_LOW,
	PRIORITIES
};

enum envelope_ret { RET_DEFAULT, RET_FULL, RET_HDRS }; /* RFC 3461, 4.3 */

/* RFC 3461, 4.1; 0 is "not given". NEVER stands alone. */
enum envelope_notify {
	NOTIFY_NEVER = 1,
	NOTIFY_SUCCESS = 2,
	NOTIFY_FAILURE = 4,
	NOTIFY_DELAY = 8
};

enum envelope_body {
	BODY_MAIL,
	BODY_TEMPLATE
}; /* content is the mail, or the JSON context of a template */

enum envelope_mime {
	MIME_UNSAID,
	MIME_7BIT,
	MIME_8BIT
}; /* BODY= of RFC 6152 as the submitter said it */

/* What is asked of whoever cannot deliver it in time (RFC 2852); with _TRACE
 * each host on the way is to tell that it passed the request on. */
enum envelope_by {
	BY_UNSAID,
	BY_RETURN, /* give up at `expires` */
	BY_RETURN_TRACE,
	BY_NOTIFY, /* tell at `late`, and go on */
	BY_NOTIFY_TRACE
};

/* How it came in. */
enum envelope_via { VIA_SENDMAIL, VIA_SMTP, VIA_MAIL, VIA_BOUNCE };

struct recipient {
	const char *address; /* "local@domain" as it goes into RCPT TO; UTF-8
	                        allowed with smtputf8 */
	unsigned notify;     /* enum envelope_notify, or-ed */
	const char *orcpt;   /* "addr-type;xtext", or NULL */
};

/* Strings and recipients live in the arena that decode was given, or belong to
 * whoever filled the struct in. */
struct envelope {
	struct queue_id id;
	const char *sender; /* "" is the null sender */
	enum envelope_ret ret;
	const char *envid; /* xtext, or NULL */
	enum envelope_body body;
	enum envelope_mime mime;
	bool smtputf8;
	bool requiretls; /* over verified TLS or not at all (RFC 8689) */
	enum priority priority;
	enum envelope_via via;
	int64_t due;     /* seconds UTC; 0: at once */
	int64_t expires; /* seconds UTC; 0: by give_up_after */
	int64_t late;    /* seconds UTC, when a warning of delay is due (RFC
	                    2852); 0: by delay_warning */
	enum envelope_by by;
	const char *tag; /* or NULL */
	const char *key; /* idempotency key, or NULL */
	const char
	    *msgid; /* Message-ID with its brackets, for the log; or NULL */
	const char *zone; /* of dates, by its name in the zone database; NULL:
	                     UTC; BODY_TEMPLATE only */
	const char **templates; /* "NAME/LANG/VERSION", the closure of versions
	                           that rendering needs; BODY_TEMPLATE only */
	size_t n_templates;
	struct recipient *recipients;
	size_t n_recipients; /* at least 1 */
};

/* The name of a priority, as users write it ("now", "high", "medium", "low"),
 * and back (ASCII case aside). */
const char *priority_name(enum priority p);
bool priority_parse(struct span s, enum priority *p);

/* Append the text form. PO_EDATA when a value is not allowed in it (then decode
 * would refuse it), PO_EOS at the ceiling. */
int envelope_encode(const struct envelope *env, struct buf *out,
    struct po_err *err);

/* Read the text form; everything is copied into `arena`. PO_ECORRUPT names the
 * line and why. */
int envelope_decode(struct span text, struct arena *arena, struct envelope *env,
    struct po_err *err);

#endif
