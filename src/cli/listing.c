/* SPDX-License-Identifier: ISC */
/*
 * A page is what one read transaction gives: it is formatted into a buffer,
 * the transaction ends, the buffer is written. A message with many recipients
 * goes on over pages; if it is deleted between two, it ends where it is.
 */
#include "cli/listing.h"

#include "cli/listing_rows.h"
#include "deliver/delivery.h"

#define RECORDS_PER_PAGE 1000
#define PAGE_BYTES (64u << 20)
#define ARENA_BYTES (16u << 20)

struct walk {
	const struct listing_rows *rows;
	const struct listing_scope *scope;
	struct listing_state state;
	bool begun;     /* `at` is the id of a message that was seen */
	bool within;    /* its recipients are being printed */
	bool past;      /* the last message; what is not taken in follows */
	bool ended;
	size_t untaken; /* the next of them */
	struct queue_id at;
	uint32_t next; /* recipient */
	uint32_t n_recipients;
};

struct page {
	struct index_tx *tx;
	struct arena arena;
	struct buf text;
};

static int
full(struct po_err *err)
{
	return po_fail(err, PO_EOS, "listing: out of memory");
}

static int
is_wanted(const struct walk *w, struct page *p, const struct index_message *m,
    struct po_err *err)
{
	if (!w->scope->all && message_is_final(m->state))
		return 0;
	return selection_matches(w->scope->which, p->tx, m, err);
}

int
listing_find_holder(struct index_tx *tx, const struct index_message *m,
    char holder[QUEUE_ID_LEN + 1], struct po_err *err)
{
	struct index_holder h;
	int rc = 0;

	holder[0] = '\0';
	if (m->key != NULL &&
	    (m->state == MESSAGE_DUPLICATE || m->state == MESSAGE_REFUSED))
		rc = index_key_get(tx, m->uid, m->key, &h, err);
	if (rc == 1)
		(void)snprintf(holder, QUEUE_ID_LEN + 1, "%s", h.id.text);
	return rc == -1 ? -1 : 0;
}

static int
next_message(struct walk *w, struct page *p, struct po_err *err)
{
	struct index_message m;
	int found = index_message_next(p->tx, w->begun ? &w->at : NULL,
	    &p->arena, &m, err);
	int wanted;

	if (found == -1)
		return -1;
	w->past = found == 0;
	if (w->past)
		return 0;
	w->begun = true;
	w->at = m.id;
	wanted = is_wanted(w, p, &m, err);
	if (wanted != 1)
		return wanted;
	if (listing_find_holder(p->tx, &m, w->state.holder, err) == -1)
		return -1;
	w->within = true;
	w->next = 0;
	w->n_recipients = m.n_recipients;
	return w->rows->message(&p->text, &w->state, &m) ? 0 : full(err);
}

/* What was being done when the server answered, in Postfix's words. */
static const char *
command_of(const char *phase)
{
	static const struct {
		enum delivery_phase phase;
		const char *command;
	} rows[] = {
		{ PHASE_EHLO, "EHLO command" },
		{ PHASE_TLS, "STARTTLS command" },
		{ PHASE_AUTH, "AUTH command" },
		{ PHASE_MAIL, "MAIL FROM command" },
		{ PHASE_RCPT, "RCPT TO command" },
		{ PHASE_DATA, "DATA command" },
		{ PHASE_CONTENT, "end of DATA command" },
		{ PHASE_DOT, "end of DATA command" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(phase, delivery_phase_name(rows[i].phase)) == 0)
			return rows[i].command;
	return NULL;
}

/*
 * The record has the server's reply alone. Who gave it stands in the row of
 * the attempt, if that is still there: "host NAME[ADDRESS] said: REPLY (in
 * reply to RCPT TO command)".
 */
static int
name_the_speaker(const struct walk *w, struct page *p, uint32_t n,
    struct index_recipient *r, struct po_err *err)
{
	struct index_attempt a = { .attempt =
		                       n == 0 ? r->attempt - 1 : r->attempt,
		.recipient = n == 0 ? UINT32_MAX : n - 1 };
	const char *command, *end;
	struct buf text;
	int found;

	if (r->reply_code == 0 || r->text[0] == '\0' || r->attempt == 0)
		return 0;
	found = index_attempt_next(p->tx, &w->at, &p->arena, &a, err);
	if (found != 1 || a.attempt != r->attempt || a.recipient != n ||
	    a.relay[0] == '\0')
		return found == -1 ? -1 : 0;
	end = strrchr(a.relay, ']'); /* the port is not shown */
	command = command_of(a.phase);
	buf_init(&text, 4096);
	if (buf_printf(&text,
	        command == NULL ? "host %.*s refused to talk to me: %s%s"
	                        : "host %.*s said: %s (in reply to %s)",
	        (int)(end == NULL ? strlen(a.relay)
	                          : (size_t)(end + 1 - a.relay)),
	        a.relay, r->text, command == NULL ? "" : command))
		r->text = arena_strdup(&p->arena, text.p);
	buf_clear(&text);
	return r->text == NULL ? full(err) : 0;
}

static int
next_recipient(struct walk *w, struct page *p, struct po_err *err)
{
	struct index_recipient r;
	int found = 0;

	if (w->next < w->n_recipients)
		found = index_recipient_get(p->tx, &w->at, w->next++, &p->arena,
		    &r, err);
	if (found == -1)
		return -1;
	if (found == 0) {
		w->within = false;
		return w->rows->message_end(&p->text) ? 0 : full(err);
	}
	if (slot_is_final(r.state) && !w->scope->all)
		return 0;
	if (name_the_speaker(w, p, w->next - 1, &r, err) == -1)
		return -1;
	return w->rows->recipient(&p->text, &w->state, &r) ? 0 : full(err);
}

static int
end(struct walk *w, struct page *p, struct po_err *err)
{
	w->ended = true;
	return w->rows->end(&p->text, &w->state) ? 0 : full(err);
}

/* One that was taken in since stands in the index, and is left out. */
static int
next_untaken(struct walk *w, struct page *p, struct po_err *err)
{
	const struct untaken_list *list = w->scope->untaken;
	const struct untaken *u;
	struct index_message m;
	int found = 0;

	if (list == NULL || w->untaken == list->n)
		return end(w, p, err);
	u = &list->of[w->untaken++];
	if (p->tx != NULL)
		found = index_message_get(p->tx, &u->id, &p->arena, &m, err);
	if (found != 0)
		return found == -1 ? -1 : 0;
	return w->rows->untaken(&p->text, &w->state, u) ? 0 : full(err);
}

static int
next(struct walk *w, struct page *p, struct po_err *err)
{
	if (w->within)
		return next_recipient(w, p, err);
	return w->past ? next_untaken(w, p, err) : next_message(w, p, err);
}

static int
write_page(struct page *p, FILE *out, struct po_err *err)
{
	if (fwrite(buf_str(&p->text), 1, p->text.len, out) == p->text.len &&
	    fflush(out) == 0)
		return 0;
	return po_fail_sys(err, PO_EIO, "write the listing");
}

static int
print_page(struct walk *w, struct index *ix, struct page *p, FILE *out,
    struct po_err *err)
{
	unsigned i;
	int rc = 0;

	buf_reset(&p->text);
	arena_clear(&p->arena);
	if (ix != NULL)
		rc = index_begin(ix, INDEX_READ, &p->tx, err);
	for (i = 0; rc == 0 && i < RECORDS_PER_PAGE && !w->ended; i++)
		rc = next(w, p, err);
	if (ix != NULL)
		index_discard(p->tx);
	p->tx = NULL;
	return rc == -1 ? -1 : write_page(p, out, err);
}

static void
page_init(struct page *p)
{
	*p = (struct page){ .tx = NULL };
	arena_init(&p->arena, ARENA_BYTES);
	buf_init(&p->text, PAGE_BYTES);
}

static void
page_clear(struct page *p)
{
	arena_clear(&p->arena);
	buf_clear(&p->text);
}

int
listing_print(struct index *ix, FILE *out, const struct listing_scope *scope,
    struct po_err *err)
{
	struct walk w = { .rows = scope->format == LISTING_JSON
		                      ? &listing_json
		                      : &listing_postfix,
		.scope = scope,
		.past = ix == NULL };
	struct page p;
	int rc = 0;

	page_init(&p);
	buf_init(&w.state.reason, 1 << 16);
	while (rc == 0 && !w.ended)
		rc = print_page(&w, ix, &p, out, err);
	buf_clear(&w.state.reason);
	page_clear(&p);
	return rc;
}
