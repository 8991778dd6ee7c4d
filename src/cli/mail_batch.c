/* SPDX-License-Identifier: ISC */
#include "cli/mail_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/json_text.h"
#include "util/xalloc.h"

#define BATCH_LINE_MAX (64u << 20)
#define READ_BYTES 65536u
#define GROUP DROP_GROUP_MAX

struct answer {
	unsigned long line;
	bool ok;
	struct queue_id id;
	struct po_err err;
};

struct batch {
	struct mail_sender *s;
	const struct mail_args *a;
	struct answer *answers; /* GROUP of them */
	size_t n;
	unsigned long line;
	int status;
	bool ended; /* no use in going on */
};

int
mail_status_of(const struct po_err *err)
{
	/* A limit that a mail reaches is its own fault, too. */
	return err->code == PO_EUNAVAILABLE
	           ? EX_DATAERR
	           : po_code_info(err->code)->exit_status;
}

/* Does it concern all that come, too? */
static bool
is_ours(const struct po_err *err)
{
	int status = mail_status_of(err);

	return status != EX_DATAERR && status != EX_USAGE &&
	       status != EX_NOINPUT;
}

int
mail_batch_one(struct mail_sender *s, const struct mail_args *a,
    struct span json, struct queue_id *id, struct po_err *err)
{
	struct letter l;
	int rc;

	letter_init(&l);
	id->text[0] = '\0';
	rc = letter_copy(&l, &a->letter, err);
	if (rc == 0)
		rc = letter_read_json(&l, json, err);
	if (rc == 0)
		rc = a->dry_run ? mail_show(s, &l, stdout, err)
		                : mail_send(s, &l, id, err);
	letter_clear(&l);
	return rc;
}

static void
tell(struct batch *b, const struct answer *w)
{
	if (w->ok) {
		(void)printf("{\"line\": %lu, \"id\": \"%s\"}\n", w->line,
		    w->id.text);
		return;
	}
	b->status = mail_status_of(&w->err);
	(void)printf("{\"line\": %lu, ", w->line);
	json_text_print(stdout, "error", span_of(w->err.text));
	(void)printf(", \"status\": %d}\n", b->status);
}

/* Durable first, told then. */
static void
settle(struct batch *b)
{
	struct po_err err;
	bool synced = mail_sender_sync(b->s, &err) == 0;
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (b->answers[i].ok && !synced) {
			b->answers[i].ok = false;
			b->answers[i].err = err;
		}
		if (!b->answers[i].ok || !b->a->dry_run)
			tell(b, &b->answers[i]);
	}
	b->ended = b->ended || !synced;
	b->n = 0;
	(void)fflush(stdout);
}

static void
take_line(struct batch *b, struct span line)
{
	struct answer *w = &b->answers[b->n];

	b->line++;
	if (span_trim(line).len == 0)
		return;
	w->line = b->line;
	w->ok = mail_batch_one(b->s, b->a, line, &w->id, &w->err) == 0;
	b->ended = !w->ok && is_ours(&w->err);
	b->n++;
	if (b->n == GROUP || b->ended)
		settle(b);
}

/* All whole lines of `in`; the last one, too, when the input has ended. */
static void
take_lines(struct batch *b, struct buf *in, bool last)
{
	struct span rest = buf_span(in);
	const char *lf;

	while (!b->ended && rest.len > 0) {
		lf = memchr(rest.p, '\n', rest.len);
		if (lf == NULL && !last)
			break;
		take_line(b, span_cut(&rest, '\n'));
	}
	settle(b);
	buf_consume(in, in->len - rest.len);
}

int
mail_batch_run(struct mail_sender *s, const struct mail_args *a, int fd,
    int *status, struct po_err *err)
{
	struct batch b = { .s = s,
		.a = a,
		.answers = xcalloc(GROUP, sizeof(*b.answers)) };
	struct buf in;
	ssize_t n = 1;
	int rc = 0;

	buf_init(&in, BATCH_LINE_MAX);
	mail_sender_group(s);
	while (rc == 0 && n != 0 && !b.ended) {
		if (!buf_reserve(&in, READ_BYTES)) {
			rc = po_fail(err, PO_EDATA,
			    "line %lu is larger than %u bytes", b.line + 1,
			    BATCH_LINE_MAX);
			break;
		}
		n = read(fd, in.p + in.len, READ_BYTES);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			rc = po_fail_sys(err, PO_ENOINPUT, "read the batch");
			break;
		}
		in.len += (size_t)n;
		take_lines(&b, &in, n == 0);
	}
	buf_clear(&in);
	free(b.answers);
	*status = b.status;
	return rc;
}
