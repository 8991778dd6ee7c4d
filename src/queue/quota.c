/* SPDX-License-Identifier: ISC */
/*
 * Rates count in windows: the first message let through opens one, and when it
 * has passed the count begins at none. A message that is held counts when it is
 * let go.
 *
 * One queue a uid: while it has held messages a newcomer is held behind them,
 * so they leave in the order of their ids. Its row in `wake` says when to look
 * again: when a window ends, or at once, as soon as one of its messages ends
 * (index_uid.c). Nothing is scanned.
 */
#include "queue/quota.h"

#include <string.h>

#include "queue/settle.h"

#define AT_ONCE 1
#define ADDED_BYTES (1 << 20) /* what submission may add to a message */
#define ROOT 0u

static const int64_t window_s[RATES] = { 60, 3600, 86400 };

/* ------------------------------------------------------------ configuration
 */

static const struct quota_entry *
entries_of(const struct queue_conf *conf)
{
	return conf->limits.v;
}

int
quota_check_conf(const struct queue_conf *conf, struct po_err *err)
{
	const struct quota_entry *e = entries_of(conf), *o;
	size_t i, k;

	for (i = 0; i < conf->limits.n; i++) {
		if ((e[i].uid >= 0) == (e[i].login[0] != '\0'))
			return po_fail(err, PO_ECONFIG,
			    "%s: limits: an entry names a uid or a login",
			    conf->limits.places[i]);
		for (k = 0; k < i; k++) {
			o = &e[k];
			if (e[i].uid == o->uid &&
			    strcmp(e[i].login, o->login) == 0)
				return po_fail(err, PO_ECONFIG,
				    "%s: limits: this %s has an entry already",
				    conf->limits.places[i],
				    e[i].uid >= 0 ? "uid" : "login");
		}
	}
	return 0;
}

/* The entry that names the uid or its login, else what is for everybody but
 * root. */
struct quota
quota_of(const struct queue_conf *conf, uint32_t uid, const char *login)
{
	const struct quota_entry *e = entries_of(conf);
	const struct quota none = { 0 };
	size_t i;

	for (i = 0; i < conf->limits.n; i++)
		if (e[i].uid == (int64_t)uid ||
		    (e[i].login[0] != '\0' && strcmp(e[i].login, login) == 0))
			return e[i].quota;
	return uid == ROOT ? none : conf->quota;
}

static bool
is_unlimited(const struct quota *q)
{
	int i;

	for (i = 0; i < RATES; i++)
		if (q->rates[i] > 0)
			return false;
	return q->messages == 0 && q->bytes == 0;
}

/* ------------------------------------------------------------ rates */

/* Also when the clock went back before its begin. */
static bool
window_is_over(const struct index_uid *u, int i, int64_t now)
{
	return u->rates[i].count == 0 || now < u->rates[i].since ||
	       now >= u->rates[i].since + window_s[i];
}

bool
quota_forget_rates(struct index_uid *u, int64_t now)
{
	bool any = false;
	int i;

	for (i = 0; i < RATES; i++) {
		if (u->rates[i].count == 0 || !window_is_over(u, i, now))
			continue;
		u->rates[i].since = 0;
		u->rates[i].count = 0;
		any = true;
	}
	return any;
}

/* When one more is within all rates: 0 now, else the second. */
static int64_t
rate_allows_at(const struct quota *q, const struct index_uid *u, int64_t now)
{
	int64_t at = 0, end;
	int i;

	for (i = 0; i < RATES; i++) {
		end = u->rates[i].since + window_s[i];
		if (q->rates[i] > 0 && !window_is_over(u, i, now) &&
		    u->rates[i].count >= (uint64_t)q->rates[i] && end > at)
			at = end;
	}
	return at;
}

/* Windows that no limit asks for are forgotten. */
static void
count_rates(const struct quota *q, struct index_uid *u, int64_t now)
{
	int i;

	for (i = 0; i < RATES; i++) {
		if (window_is_over(u, i, now) || q->rates[i] == 0) {
			u->rates[i].since = now;
			u->rates[i].count = 0;
		}
		if (q->rates[i] > 0)
			u->rates[i].count++;
		else
			u->rates[i].since = 0;
	}
}

/* ------------------------------------------------------------ the queue */

/*
 * Is there room for a message of so many bytes beside what waits? One message
 * alone is always within the bytes: it could never be let go.
 */
static bool
has_room(const struct quota *q, uint64_t messages, uint64_t bytes,
    uint64_t size)
{
	if (q->messages > 0 && messages >= (uint64_t)q->messages)
		return false;
	return q->bytes == 0 || messages == 0 ||
	       (bytes <= (uint64_t)q->bytes &&
	           size <= (uint64_t)q->bytes - bytes);
}

/* ------------------------------------------------------------ a newcomer */

static bool
is_oversized(const struct queue_conf *conf, const struct index_message *m)
{
	uint64_t most = (uint64_t)conf->message_size_limit;

	return m->size > most + most / 64 + ADDED_BYTES ||
	       m->n_recipients > (uint64_t)conf->recipient_limit;
}

int
quota_admit(struct tick *t, const struct index_message *m,
    enum message_hold *hold, struct po_err *err)
{
	struct quota q = quota_of(t->conf, m->uid, m->login);
	struct index_uid u;
	int64_t at;

	if (m->ours)
		return 1;
	*hold = HOLD_SIZE;
	if (is_oversized(t->conf, m))
		return 0;
	if (index_uid_get(t->tx, m->uid, &u, err) == -1)
		return -1;
	at = rate_allows_at(&q, &u, t->now);
	*hold = at != 0 ? HOLD_RATE : HOLD_QUOTA;
	/* Its own record is counted already. */
	if (u.held > 0 || at != 0 ||
	    !has_room(&q, u.messages - 1, u.bytes - m->size, m->size))
		return 0;
	if (is_unlimited(&q))
		return 1;
	count_rates(&q, &u, t->now);
	return index_uid_put(t->tx, m->uid, &u, err) == -1 ? -1 : 1;
}

/* ------------------------------------------------------------ release */

/* The oldest held message of a uid: 1 let go, 0 it stays (*wake: until when, 0
 * until something ends) or there is none, -1. */
static int
release_first(struct tick *t, uint32_t uid, int64_t *wake, struct po_err *err)
{
	struct index_message m;
	struct index_uid u;
	struct queue_id id;
	struct quota q;
	int rc;

	*wake = 0;
	rc = index_held_first(t->tx, uid, &id, err);
	if (rc == 1)
		rc = index_message_get(t->tx, &id, &t->arena, &m, err);
	if (rc != 1 || index_uid_get(t->tx, uid, &u, err) == -1)
		return rc == 0 ? 0 : -1;
	q = quota_of(t->conf, uid, m.login);
	*wake = rate_allows_at(&q, &u, t->now);
	if (*wake != 0 || !has_room(&q, u.messages, u.bytes, m.size))
		return 0;
	count_rates(&q, &u, t->now);
	if (index_uid_put(t->tx, uid, &u, err) == -1)
		return -1;
	return settle_move(t, &m, MESSAGE_WAITING, m.due,
	           "within its limits again", err) == -1
	           ? -1
	           : 1;
}

static int
release_of(struct tick *t, uint32_t uid, int64_t max, struct po_err *err)
{
	struct index_uid u;
	int64_t wake, n = 0;
	int rc = 1;

	while (rc == 1 && n < max) {
		rc = release_first(t, uid, &wake, err);
		n += rc == 1;
	}
	if (rc == -1 || index_uid_get(t->tx, uid, &u, err) == -1)
		return -1;
	u.wake = u.held == 0 ? 0 : rc == 1 ? AT_ONCE : wake;
	return index_uid_put(t->tx, uid, &u, err) == -1 ? -1 : (int)n;
}

int
quota_release(struct tick *t, int64_t max, struct po_err *err)
{
	uint32_t uid;
	int64_t wake, n = 0, looks;
	int rc;

	for (looks = 0; looks < max && n < max; looks++) {
		rc = index_wake_first(t->tx, &wake, &uid, err);
		if (rc == -1)
			return -1;
		if (rc == 0 || wake > t->now)
			break;
		rc = release_of(t, uid, max - n, err);
		if (rc == -1)
			return -1;
		n += rc;
	}
	return (int)n;
}

int
quota_wake_all(struct tick *t, struct po_err *err)
{
	struct index_uid u;
	uint32_t uid = 0;
	int rc;

	while ((rc = index_held_seek(t->tx, &uid, err)) == 1) {
		if (index_uid_get(t->tx, uid, &u, err) == -1)
			return -1;
		u.wake = AT_ONCE;
		if (index_uid_put(t->tx, uid, &u, err) == -1)
			return -1;
		if (uid == UINT32_MAX)
			return 0;
		uid++;
	}
	return rc;
}
