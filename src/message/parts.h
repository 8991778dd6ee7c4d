/* SPDX-License-Identifier: ISC */
/* The parts of a mail that a template has one source for each of. */
#ifndef PO_MESSAGE_PARTS_H
#define PO_MESSAGE_PARTS_H

#include <stdbool.h>

#include "util/span.h"

enum mail_part { PART_SUBJECT, PART_TEXT, PART_HTML, MAIL_PARTS };

/* As users write them, in this order. */
static const char *const mail_part_names[MAIL_PARTS] = { "subject", "text",
	"html" };

/* Sources of a template; what is not there is not sent. */
struct mail_source {
	bool has[MAIL_PARTS];
	struct span part[MAIL_PARTS];
	bool text_auto; /* no text of its own: made from the html that came
	                   out */
};

#endif
