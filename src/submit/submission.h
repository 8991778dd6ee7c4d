/* SPDX-License-Identifier: ISC */
/*
 * From bytes and a request to a spooled message. One submission takes one
 * message: begin, write its raw bytes in any pieces, end. The header block is
 * held, read and completed; then the envelope is known and the file in drop/ is
 * begun; the body only passes through. Until submission_end() returned 0
 * nothing is queued.
 */
#ifndef PO_SUBMIT_SUBMISSION_H
#define PO_SUBMIT_SUBMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "envelope/envelope.h"
#include "message/clean.h"
#include "message/complete.h"
#include "message/fold.h"
#include "message/header.h"
#include "spool/drop.h"
#include "submit/identity.h"
#include "submit/options.h"
#include "submit/recipients.h"
#include "submit/warnings.h"
#include "util/arena.h"
#include "util/err.h"

/* What the caller says about the message, beside its bytes. */
struct submit_request {
	const char *sender;    /* as -f gave it; NULL: the caller himself */
	const char *full_name; /* -F; NULL: not given */
	const char *const *recipients; /* each a list of addresses */
	size_t n_recipients;
	bool option_like;       /* they stood behind "--": may begin with '-' */
	bool header_recipients; /* -t */
	enum clean_dots dots;
	unsigned notify; /* for all recipients; enum envelope_notify */
	enum envelope_ret ret;
	const char *envid; /* xtext, or NULL */
	enum envelope_mime mime;
	enum priority priority;
	struct warnings *warnings; /* gets what goes another way; NULL: none */
	enum envelope_via via; /* where there is no `protocol` */
	/*
	 * "NAME/LANG/VERSION" of what is rendered when it is sent: the body is
	 * then the context, and passes as it is (spool-layout.md). 0: none.
	 */
	const char *const *templates;
	size_t n_templates;
	const char *zone; /* of their dates; NULL: UTC */
	/*
	 * "SMTP" or "ESMTP" (RFC 5321, 4.4; NULL: none): then recipients come
	 * by submission_add_recipient(), Bcc is the client's affair (7.2), and
	 * a message that is refused is read to its end.
	 */
	const char *protocol;
};

struct submission {
	const struct submit_conf *conf;
	const struct submit_host *host;
	struct submit_request request;
	struct drop *drop;
	struct recipients to;
	struct envelope env;
	struct arena arena;
	struct identity identity;
	struct clean clean;
	struct fold fold;
	struct header header;
	const struct header_change *changes; /* of it, by the identity */
	size_t n_changes;
	bool in_body;
	uint64_t bytes; /* of the message so far */
	bool failed;    /* SMTP: why is in `failure`, the rest is passed over */
	struct po_err failure;
};

/*
 * Begin a message: the addresses of the request are read and checked. `drop`
 * must be open; all pointers must outlive the submission. On -1 (PO_EDATA an
 * address; PO_EPERM the sender; PO_EUSAGE no recipient) there is nothing to
 * clear.
 */
int submission_begin(struct submission *s, const struct submit_conf *conf,
    const struct submit_host *host, const struct submit_request *request,
    struct po_err *err);

/* One more recipient, parsed, `orcpt` as in RFC 3461 or empty. One that is
 * there already stays as it is. 0, or -1: too many (PO_EDATA), PO_EOS. */
int submission_add_recipient(struct submission *s, const struct address *a,
    unsigned notify, struct span orcpt, struct po_err *err);

/* Where it will be spooled: needed from the first byte on. */
void submission_attach(struct submission *s, struct drop *drop);

/* Take raw bytes; s->clean.ended tells that a lone dot ended the message. */
int submission_write(struct submission *s, const char *p, size_t len,
    struct po_err *err);

/* The message is complete: 0 when it is queued, durably. */
int submission_end(struct submission *s, struct po_err *err);

/* Free it, and forget what was not ended. */
void submission_clear(struct submission *s);

#endif
