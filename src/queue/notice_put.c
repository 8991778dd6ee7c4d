/* SPDX-License-Identifier: ISC */
/*
 * Order on the disk: the notice's file gets its name; one syncfs for all of the
 * tick; the transaction that also settles what it tells of. A crash before the
 * commit leaves a file that no record knows, and the settling is done again: it
 * makes the same id and finds the file. Is that of the same recipients (its
 * Message-ID tells), it stays, with the server's words in it, which the slots
 * do not have; else it is replaced.
 */
#include "queue/notice_put.h"

#include <stdio.h>
#include <sys/random.h>

#include "queue/place.h"
#include "queue/storm.h"
#include "spool/put.h"
#include "util/crc32c.h"

#define IDS_TO_TRY 8u    /* an id may be somebody's who wants to hinder us */
#define DOUBLE_FACTOR 3u /* a notice is larger than the message in it */

struct addressee {
	char to[ENVELOPE_MAX_ADDRESS + 300];
	enum notice_kind kind;
};

static const char *
log_word(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_DELAYED:
		return "sender delay notification";
	case NOTICE_SUCCESS:
		return "sender delivery status notification";
	case NOTICE_DOUBLE:
		return "postmaster non-delivery notification";
	case NOTICE_DIGEST:
		return "sender summary notification";
	default:
		return "sender non-delivery notification";
	}
}

static void
log_none(struct tick *t, const struct index_message *m, enum notice_kind kind,
    const char *why)
{
	after_log(t->after, "po/bounce", LOG_LEVEL_INFO, "%s: %s: none, %s",
	    m->id.text, log_word(kind), why);
}

/* Is it a notice of ours whose loss somebody should hear of? */
static bool
is_loss(const struct index_message *m, enum notice_kind kind)
{
	static const enum notice_kind worth[] = { NOTICE_FAILED, NOTICE_REFUSED,
		NOTICE_DIGEST };
	size_t i;

	if (!m->ours || m->tag == NULL ||
	    (kind != NOTICE_FAILED && kind != NOTICE_EXPIRED))
		return false;
	for (i = 0; i < sizeof(worth) / sizeof(worth[0]); i++)
		if (strcmp(m->tag, notice_kind_name(worth[i])) == 0)
			return true;
	return false;
}

/* 1 and *a; 0 nobody is told. */
static int
find_addressee(struct notice_case *c, enum notice_kind kind,
    struct addressee *a, struct po_err *err)
{
	const struct notice_setup *s = c->t->notices;
	const char *postmaster = s->conf->postmaster;
	int may;

	a->kind = kind;
	if (c->m->sender[0] != '\0') {
		(void)snprintf(a->to, sizeof(a->to), "%s", c->m->sender);
		may = notice_may_answer(&c->original, err);
		if (may == 0)
			log_none(c->t, c->m, kind,
			    "it is the answer of a machine");
		return may;
	}
	if (!is_loss(c->m, kind) || postmaster[0] == '\0') {
		log_none(c->t, c->m, kind, "the sender is <>");
		return 0;
	}
	a->kind = NOTICE_DOUBLE;
	(void)snprintf(a->to, sizeof(a->to), "%.1000s%s%s", postmaster,
	    strchr(postmaster, '@') == NULL ? "@" : "",
	    strchr(postmaster, '@') == NULL ? s->domain : "");
	return 1;
}

/* A name for the set of recipients. */
static uint32_t
sum_of(const struct notice_recipient *list, size_t n)
{
	uint32_t crc = 0;
	unsigned char action;
	size_t i;

	for (i = 0; i < n; i++) {
		action = (unsigned char)list[i].action;
		crc = crc32c(crc, list[i].address, strlen(list[i].address) + 1);
		crc = crc32c(crc, &action, 1);
	}
	return crc;
}

static int
random_boundary(char out[33], struct po_err *err)
{
	unsigned char r[16];
	size_t i;

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return po_fail_sys(err, PO_EOS, "random bytes for a notice");
	for (i = 0; i < sizeof(r); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", r[i]);
	return 0;
}

/* Compose it into a file of its own. */
static int
write_file(struct tick *t, const struct notice *n, struct envelope *env,
    enum put_result *result, struct po_err *err)
{
	struct spool_put *p;
	int rc;

	if (put_begin(t->spool, env, t->now, t->now + t->conf->give_up_after_s,
	        &p, err) == -1)
		return -1;
	rc = notice_compose(n, put_sink(p), err);
	if (rc == 0)
		rc = put_publish(p, result, err);
	put_free(p);
	return rc;
}

static int
index_notice(struct tick *t, const struct envelope *env, struct po_err *err)
{
	struct index_message m;
	struct message_file f;
	bool in_done;
	int rc = spool_find(t->spool, &env->id, false, &f, &in_done, err);

	if (rc != 1)
		return rc == -1 ? -1
		                : po_fail(err, PO_EIO,
		                      "%s: the notice just written is gone",
		                      env->id.text);
	rc = spool_index_file(&f, t->tx, &t->arena, NULL, &m, err);
	file_close(&f);
	if (rc == -1)
		return -1;
	place_announce(t, &m, env->msgid);
	return place_message(t, &m, err);
}

/* The id for it: 1 free, 0 the notice is in the index already. */
static int
find_id(struct notice_case *c, const struct addressee *a, uint32_t number,
    uint32_t *attempt, struct queue_id *id, struct po_err *err)
{
	struct index_message known;
	int rc;

	for (; *attempt < IDS_TO_TRY; ++*attempt) {
		queue_id_derive(&c->m->id, (uint32_t)a->kind | *attempt << 8,
		    number, id);
		rc = index_message_get(c->t->tx, id, &c->arena, &known, err);
		if (rc == -1)
			return -1;
		if (rc == 0)
			return 1;
		if (known.ours && known.uid == c->t->spool->uid)
			return 0;
	}
	return po_fail(err, PO_EBUSY, "%s: no free id for a notice",
	    c->m->id.text);
}

static int
put_as(struct notice_case *c, struct notice *n, const struct addressee *a,
    uint32_t number, struct po_err *err)
{
	struct recipient to = { .address = a->to };
	struct envelope env = { .sender = "",
		.priority = PRIORITY_MEDIUM,
		.via = VIA_BOUNCE,
		.smtputf8 = notice_wants_utf8(n),
		.requiretls = c->env.requiretls,
		.tag = notice_kind_name(a->kind),
		.recipients = &to,
		.n_recipients = 1 };
	uint32_t sum = sum_of(n->recipients, n->n_recipients), attempt;
	enum put_result result = PUT_TAKEN;
	char msgid[QUEUE_ID_LEN + 300];
	int rc;

	for (attempt = 0; result == PUT_TAKEN; attempt++) {
		rc = find_id(c, a, number, &attempt, &env.id, err);
		if (rc != 1)
			return rc;
		(void)snprintf(msgid, sizeof(msgid), "<%s.%08x@%s>",
		    env.id.text, sum, n->hostname);
		env.msgid = n->message_id = msgid;
		n->id = env.id.text;
		if (write_file(c->t, n, &env, &result, err) == -1)
			return -1;
	}
	c->t->notices_unsynced = true;
	after_log(c->t->after, "po/bounce", LOG_LEVEL_INFO, "%s: %s: %s",
	    c->m->id.text, log_word(a->kind), env.id.text);
	return index_notice(c->t, &env, err);
}

/* 0: it is in the index already, or only counted; 1 go on; -1. */
static int
is_told(struct notice_case *c, const struct addressee *a, uint32_t number,
    struct po_err *err)
{
	struct queue_id id;
	uint32_t attempt = 0;
	int rc = find_id(c, a, number, &attempt, &id, err);

	if (rc != 1)
		return rc;
	rc = storm_count(c->t, a->kind, a->to, &c->m->id, err);
	if (rc == 1)
		log_none(c->t, c->m, a->kind,
		    "there were too many, it is counted");
	return rc == -1 ? -1 : rc == 0;
}

int
notice_put(struct notice_case *c, enum notice_kind kind, uint32_t number,
    const struct notice_recipient *list, size_t n, struct po_err *err)
{
	const struct notice_setup *s = c->t->notices;
	struct addressee a;
	char boundary[33];
	struct notice notice = {
		.hostname = s->hostname,
		.domain = s->domain,
		.boundary = boundary,
		.now = c->t->now,
		.max_bytes = (uint64_t)s->conf->size,
		.original_id = c->m->id.text,
		.sender = c->m->sender,
		.envid = c->env.envid,
		/* A context is nobody's mail: never returned; nor is what may
		 * not be seen on its way (RFC 8689, 5). */
		.ret = c->env.body == BODY_TEMPLATE || c->env.requiretls
		           ? RET_HDRS
		           : c->env.ret,
		.smtputf8 = c->env.smtputf8,
		.arrival = c->m->arrival,
		.expires = c->m->expires,
		.original = c->original,
		.recipients = list,
		.n_recipients = n,
	};
	int rc = find_addressee(c, kind, &a, err);

	if (rc == 1)
		rc = is_told(c, &a, number, err);
	if (rc != 1 || random_boundary(boundary, err) == -1)
		return rc == 0 ? 0 : -1;
	notice.kind = a.kind;
	notice.to = a.to;
	if (a.kind == NOTICE_DOUBLE)
		notice.max_bytes *= DOUBLE_FACTOR;
	return put_as(c, &notice, &a, number, err);
}

int
notice_put_digest(struct tick *t, const struct queue_id *first, const char *to,
    const struct notice_digest *d, struct po_err *err)
{
	const struct index_message m = { .id = *first, .sender = to };
	struct notice_case c = { .t = t, .m = &m, .file = { .fd = -1 } };
	struct addressee a = { .kind = NOTICE_DIGEST };
	struct notice notice = {
		.kind = NOTICE_DIGEST,
		.hostname = t->notices->hostname,
		.domain = t->notices->domain,
		.to = to,
		.now = t->now,
		.original_id = first->text,
		.sender = to,
		.digest = d,
	};
	int rc;

	(void)snprintf(a.to, sizeof(a.to), "%s", to);
	arena_init(&c.arena, 1u << 20);
	rc = put_as(&c, &notice, &a, (uint32_t)d->since, err);
	arena_clear(&c.arena);
	return rc;
}
