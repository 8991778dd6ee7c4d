/* SPDX-License-Identifier: ISC */
/*
 * One message file as rows of the index. Ingest, recovery and rebuild all come
 * through here, so that what one wrote the other makes again. What a file does
 * not hold (reply texts, attempts in doubt that a later try settled) is kept
 * from the record that stands there, if one does.
 */
#include <unistd.h>

#include "spool/digest.h"
#include "spool/rebuild.h"
#include "spool/spool.h"

struct parts {
	struct envelope env;
	struct stamp stamp;
	struct head head;
	struct slot *slots;
	uint32_t n;
};

static int
read_parts(const struct message_file *f, struct arena *arena, struct parts *p,
    struct po_err *err)
{
	int which;

	if (file_read_envelope(f, arena, &p->env, err) == -1 ||
	    file_read_stamp(f, &p->stamp, err) == -1 ||
	    file_read_head(f, &p->head, &which, err) == -1)
		return -1;
	p->n = f->preamble.slots;
	if (p->n != p->env.n_recipients)
		return po_fail(err, PO_ECORRUPT,
		    "%s: %u slots for %zu "
		    "recipients",
		    p->env.id.text, p->n, p->env.n_recipients);
	p->slots = arena_alloc_array(arena, p->n, sizeof(*p->slots));
	if (p->slots == NULL)
		return po_fail(err, PO_EOS, "%s: out of memory",
		    p->env.id.text);
	return file_read_slots(f, 0, p->n, p->slots, err);
}

static int64_t
finished_at(const struct parts *p, enum message_state state)
{
	int64_t last = 0;
	uint32_t i;

	switch (state) {
	case MESSAGE_SENT:
	case MESSAGE_FAILED:
		for (i = 0; i < p->n; i++)
			if (p->slots[i].time > last)
				last = p->slots[i].time;
		return last;
	case MESSAGE_CANCELLED:
	case MESSAGE_EXPIRED:
	case MESSAGE_REFUSED:
	case MESSAGE_DUPLICATE:
		return p->head.changed;
	default:
		return 0;
	}
}

static void
count_slots(const struct parts *p, struct index_message *m)
{
	uint32_t i;

	for (i = 0; i < p->n; i++) {
		const struct slot *s = &p->slots[i];

		if (s->attempt > m->attempts)
			m->attempts = s->attempt;
		if (!slot_is_final(s->state))
			m->n_open++;
		if (s->state == SLOT_IN_DOUBT)
			m->n_in_doubt++;
	}
}

static bool
wants_notice(const struct envelope *env)
{
	size_t i;

	for (i = 0; i < env->n_recipients; i++)
		if ((env->recipients[i].notify &
		        (NOTIFY_SUCCESS | NOTIFY_DELAY)) != 0)
			return true;
	return false;
}

static void
describe(const struct message_file *f, const struct parts *p,
    struct index_message *m)
{
	const struct envelope *env = &p->env;

	*m = (struct index_message){
		.id = env->id,
		.state = file_state(&p->head, p->slots, p->n),
		.hold = p->head.hold,
		.priority = p->head.priority,
		.uid = p->stamp.uid,
		.attempts = p->head.attempts,
		.arrival = p->stamp.arrival,
		.due = p->head.due,
		.expires = p->head.expires,
		.size = f->trailer.content_bytes,
		.n_recipients = p->n,
		.crc = f->trailer.crc,
		.file_size = (uint64_t)f->size,
		.ours = env->via == VIA_BOUNCE && p->stamp.uid == geteuid(),
		.wants_notice = wants_notice(env),
		.sender = env->sender,
		.tag = env->tag,
		.key = env->key,
	};
	memcpy(m->login, p->stamp.login, sizeof(m->login));
	m->finished = finished_at(p, m->state);
	m->place = m->state == MESSAGE_WAITING ? PLACE_DUE : PLACE_NONE;
	count_slots(p, m);
}

/*
 * In a rebuild no claim is known: a slot that was being written for is one,
 * which recovery then settles as in doubt. 0: there is none.
 */
static uint32_t
attempt_under_way(const struct parts *p)
{
	uint32_t i, last = 0;

	for (i = 0; i < p->n; i++)
		if (p->slots[i].state == SLOT_SENDING &&
		    p->slots[i].attempt > last)
			last = p->slots[i].attempt;
	return last;
}

static int
put_claim(const struct parts *p, struct index_tx *tx, struct index_message *m,
    struct po_err *err)
{
	struct index_claim claim = { .id = m->id,
		.attempt = attempt_under_way(p) };

	if (claim.attempt == 0 || m->state != MESSAGE_WAITING)
		return 0;
	m->place = PLACE_CLAIM;
	return index_claim_put(tx, &claim, err);
}

/* The text of the last reply, if the row there tells of the same attempt. */
static int
old_text(struct index_tx *tx, const struct queue_id *id, uint32_t n,
    const struct slot *s, struct arena *arena, const char **text,
    struct po_err *err)
{
	struct index_recipient old;
	int found = index_recipient_get(tx, id, n, arena, &old, err);

	*text = found == 1 && old.attempt == s->attempt ? old.text : "";
	return found == -1 ? -1 : 0;
}

static int
put_recipients(const struct parts *p, struct index_tx *tx, bool known,
    struct arena *arena, struct po_err *err)
{
	struct index_recipient r;
	const char *text = "";
	uint32_t i;

	for (i = 0; i < p->n; i++) {
		const struct slot *s = &p->slots[i];

		if (known &&
		    old_text(tx, &p->env.id, i, s, arena, &text, err) == -1)
			return -1;
		/* Sending is a slot's word alone: a row has results. */
		r = (struct index_recipient){
			.state = s->state == SLOT_SENDING ? SLOT_WAITING
			                                  : s->state,
			.attempt = s->attempt,
			.time = s->time,
			.reply_code = s->reply_code,
			.address = p->env.recipients[i].address,
			.text = text };
		memcpy(r.status, s->status, sizeof(r.status));
		if (index_recipient_put(tx, &p->env.id, i, &r, err) == -1)
			return -1;
	}
	return 0;
}

/* An idempotency key is held by the message that was let through with it. */
static bool
holds_key(const struct index_message *m)
{
	return m->key != NULL && m->state != MESSAGE_REFUSED &&
	       m->state != MESSAGE_DUPLICATE;
}

/*
 * In a rebuild the order of files is any. Two messages can have been let
 * through with one key only when the first was forgotten before the second came
 * (its file was left behind by a crash in cleanup): then it is finished, and
 * the key is the later one's.
 */
static int
holder_yields(struct index_tx *tx, const struct queue_id *holder,
    const struct index_message *m, struct po_err *err)
{
	bool is_older = strcmp(holder->text, m->id.text) < 0;
	struct index_message other;
	int found = index_message_get(tx, holder, NULL, &other, err);

	if (found != 1)
		return found == -1 ? -1 : 1;
	return is_older ? message_is_final(other.state)
	                : !message_is_final(m->state);
}

static int
take_key(const struct message_file *f, const struct parts *p,
    struct index_tx *tx, const unsigned char *digest, bool rebuild,
    const struct index_message *m, struct po_err *err)
{
	struct index_holder holder;
	int rc = index_key_get(tx, m->uid, m->key, &holder, err);

	if (rc == 1 && strcmp(holder.id.text, m->id.text) != 0) {
		rc = rebuild ? holder_yields(tx, &holder.id, m, err) : 0;
		if (rc != 1)
			return rc;
	}
	holder.id = m->id;
	if (digest != NULL)
		memcpy(holder.digest, digest, sizeof(holder.digest));
	else if (digest_message(f, &p->env, holder.digest, err) == -1)
		return -1;
	return rc == -1 ? -1 : index_key_put(tx, m->uid, m->key, &holder, err);
}

int
index_file_as(const struct message_file *f, const struct queue_id *id,
    struct index_tx *tx, struct arena *arena, const unsigned char *digest,
    struct index_message *m, struct po_err *err)
{
	struct index_message old;
	struct parts p;
	int known;

	if (read_parts(f, arena, &p, err) == -1)
		return -1;
	if (id != NULL && strcmp(id->text, p.env.id.text) != 0)
		return po_fail(err, PO_ECORRUPT, "%s: the file of %s", id->text,
		    p.env.id.text);
	describe(f, &p, m);
	known = index_message_get(tx, &m->id, arena, &old, err);
	if (known == -1)
		return -1;
	if (known == 1 && old.n_in_doubt > m->n_in_doubt)
		m->n_in_doubt = old.n_in_doubt;
	if ((id != NULL && put_claim(&p, tx, m, err) == -1) ||
	    index_message_put(tx, m, err) == -1 ||
	    put_recipients(&p, tx, known == 1, arena, err) == -1 ||
	    index_templates_put(tx, &m->id, p.env.templates, p.env.n_templates,
	        err) == -1)
		return -1;
	if (!holds_key(m))
		return 0;
	return take_key(f, &p, tx, digest, id != NULL, m, err);
}

int
spool_index_file(const struct message_file *f, struct index_tx *tx,
    struct arena *arena, const unsigned char *digest, struct index_message *m,
    struct po_err *err)
{
	return index_file_as(f, NULL, tx, arena, digest, m, err);
}
