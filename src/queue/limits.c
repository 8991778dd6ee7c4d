/* SPDX-License-Identifier: ISC */
#include "queue/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "envelope/pattern.h"
#include "queue/crew.h"
#include "queue/pace.h"
#include "queue/quota.h"
#include "util/xalloc.h"

/* ------------------------------------------------------------ configuration */

int
limits_check_conf(const struct queue_conf *conf, struct po_err *err)
{
	const struct sender_limit *e = conf->sender_limits.v;
	size_t i;

	for (i = 0; i < conf->sender_limits.n; i++)
		if (e[i].sender.n == 0)
			return po_fail(err, PO_ECONFIG,
			    "%s: sender_limits: an entry names a sender",
			    conf->sender_limits.places[i]);
	return 0;
}

static struct rate_limits
rates(const int64_t most[WINDOWS])
{
	struct rate_limits r;

	memcpy(r.most, most, sizeof(r.most));
	return r;
}

struct rate_limits
limits_of_relay(const struct relay_conf *relay)
{
	return relay == NULL ? (struct rate_limits){ { 0 } }
	                     : rates(relay->rates);
}

static bool
names(const struct conf_names *patterns, const char *sender)
{
	size_t i;

	for (i = 0; i < patterns->n; i++)
		if (pattern_match_address(span_of(patterns->v[i]),
		        span_of(sender)))
			return true;
	return false;
}

/* Notices to senders have no sender themselves, and no limit. */
struct rate_limits
limits_of_sender(const struct queue_conf *conf, const char *sender)
{
	const struct sender_limit *e = conf->sender_limits.v;
	size_t i;

	if (sender[0] == '\0')
		return (struct rate_limits){ { 0 } };
	for (i = 0; i < conf->sender_limits.n; i++)
		if (names(&e[i].sender, sender))
			return rates(e[i].rates);
	return rates(conf->sender_rates);
}

/* Minute, hour and day are limits of what is let into the queue (quota.h). */
struct rate_limits
limits_of_uid(const struct queue_conf *conf, uint32_t uid, const char *login)
{
	return (
	    struct rate_limits){ { quota_of(conf, uid, login).per_second } };
}

/* ------------------------------------------------------------ relays */

static const struct relay_conf *
conf_of(const struct tick *t, struct hop *relay)
{
	if (!relay->conf_known && t->routes != NULL) {
		relay->conf =
		    deliver_session_conf(t->routes, relay->host.name);
		relay->conf_known = true;
	}
	return relay->conf;
}

static int
load(struct tick *t, struct hop *relay, struct po_err *err)
{
	if (relay->passed != NULL)
		return 0;
	relay->passed = xcalloc(1, sizeof(*relay->passed));
	return index_limit_get(t->tx, LIMIT_RELAY, relay->host.name,
	           relay->passed, err) == -1
	           ? -1
	           : 0;
}

static void
wait_until(struct tick *t, int64_t at_ms)
{
	if (at_ms != RATE_IN_FLIGHT &&
	    (t->limited_until_ms == 0 || at_ms < t->limited_until_ms))
		t->limited_until_ms = at_ms;
}

/* A worker that is connected, or has a job for it, needs no further one; and
 * while the relay has just asked for less, nobody new knocks. */
bool
limits_may_connect(struct tick *t, uint32_t number)
{
	struct hop *relay = hops_by_number(t->hops, t->tx, number, NULL);
	const struct relay_conf *conf;
	int64_t most, until;

	if (relay == NULL || t->worker == NULL ||
	    t->worker->session == number)
		return true;
	conf = conf_of(t, relay);
	most = pace_connections(&relay->host,
	    conf == NULL ? 0 : conf->max_connections);
	until = pace_holds_until(&relay->host, t->now);
	if (until == 0 &&
	    (most == 0 || crew_holds(t->worker, number) ||
	        crew_holders(t->crew, number) < (uint64_t)most))
		return true;
	if (until != 0)
		wait_until(t, until * 1000);
	t->connections_full = true;
	return false;
}

int
limits_allow_relay(struct tick *t, uint32_t number, struct po_err *err)
{
	struct hop *relay = hops_by_number(t->hops, t->tx, number, err);
	const struct relay_conf *conf;
	struct rate_limits most;
	enum index_window which = WINDOW_SECOND;
	int64_t at;

	if (relay == NULL)
		return -1;
	conf = conf_of(t, relay);
	most = limits_of_relay(conf);
	pace_narrow(&relay->host, &most);
	if (rate_is_unlimited(&most))
		return 1;
	if (load(t, relay, err) == -1)
		return -1;
	at = rate_allows_at(relay->passed, &most, relay->in_flight, t->now_ms,
	    &which);
	if (at == 0)
		return 1;
	wait_until(t, at);
	return 0;
}

int
limits_note_relay(struct tick *t, uint32_t number, struct po_err *err)
{
	struct hop *relay = hops_by_number(t->hops, t->tx, number, err);
	struct rate_limits most;

	if (relay == NULL)
		return number == 0 ? 0 : -1; /* 0: not known */
	if (conf_of(t, relay) == NULL)
		return 0; /* not reached by connections */
	if (load(t, relay, err) == -1)
		return -1;
	rate_count(relay->passed, t->now_ms, 1);
	most = limits_of_relay(relay->conf);
	/* One row for each of very many domains, only where it is of use. */
	relay->passed_dirty |= !deliver_hop_is_direct(relay->host.name) ||
	                       !rate_is_unlimited(&most);
	return 0;
}

/* What is known of it when it asks for less. */
static int
look(struct tick *t, struct hop *relay, struct pace_seen *seen,
    struct po_err *err)
{
	uint64_t holders = crew_holders(t->crew, relay->host.hop);

	if (load(t, relay, err) == -1)
		return -1;
	*seen = (struct pace_seen){
		.holders = (uint32_t)holders,
		.in_second = rate_sum(relay->passed, WINDOW_SECOND, t->now_ms),
		.in_minute = rate_sum(relay->passed, WINDOW_MINUTE, t->now_ms),
	};
	return 0;
}

static void
log_lowered(struct tick *t, const struct index_host *relay, const char *why)
{
	char messages[48] = "";

	if (relay->most_a_minute > 0)
		(void)snprintf(messages, sizeof(messages),
		    " and %u messages in a minute", relay->most_a_minute);
	after_log(t->after, "po/qmgr", LOG_LEVEL_WARNING,
	    "%s asks for less, and gets %u connections%s at most: %s",
	    relay->name, relay->most_connections, messages, why);
}

/* Workers give back what they were dealt before, once they met it; so that they
 * take what is dealt from now on, it counts as a fall. */
int
limits_note_pace(struct tick *t, uint32_t number, const struct wire_result *res,
    bool *alive, struct po_err *err)
{
	struct hop *relay = hops_by_number(t->hops, t->tx, number, err);
	struct pace_seen seen;
	int64_t before;

	*alive = false;
	if (relay == NULL || t->crew == NULL)
		return 0;
	before = relay->host.slowed_at;
	if (res->slow) {
		if (look(t, relay, &seen, err) == -1)
			return -1;
		*alive = pace_lower(&relay->host, res, &seen, t->now);
		relay->falls++;
	} else if (res->state == DELIVERY_SENT) {
		relay->dirty |= pace_raise(&relay->host,
		    t->conf->workers, t->now);
	}
	if (relay->host.slowed_at != before) {
		relay->dirty = true;
		log_lowered(t, &relay->host, res->text);
	}
	return 0;
}

/* ------------------------------------------------------------ sender, user */

/* Both of a message. */
struct bound {
	struct rate_limits most;
	struct index_limit row;
	bool counts;
};

static int
read_bound(struct tick *t, struct bound *b, enum index_limit_kind kind,
    const char *name, struct po_err *err)
{
	b->counts = !rate_is_unlimited(&b->most);
	return b->counts &&
	               index_limit_get(t->tx, kind, name, &b->row, err) == -1
	           ? -1
	           : 0;
}

static int
read_bounds(struct tick *t, const struct index_message *m,
    struct bound bounds[2], struct po_err *err)
{
	char sender[sizeof(bounds[0].row.name)], uid[16];
	size_t i;

	(void)snprintf(sender, sizeof(sender), "%s", m->sender);
	for (i = 0; sender[i] != '\0'; i++)
		sender[i] = (char)ascii_lower((unsigned char)sender[i]);
	(void)snprintf(uid, sizeof(uid), "%u", m->uid);
	bounds[0].most = limits_of_sender(t->conf, m->sender);
	bounds[1].most = m->ours ? (struct rate_limits){ { 0 } }
	                         : limits_of_uid(t->conf, m->uid, m->login);
	return read_bound(t, &bounds[0], LIMIT_SENDER, sender, err) == -1 ||
	               read_bound(t, &bounds[1], LIMIT_UID, uid, err) == -1
	           ? -1
	           : 0;
}

/* The next free turn: as many as the limit at one time, the first when the
 * window allows one. */
static int64_t
next_turn(struct index_limit *l, int64_t first_s, uint64_t most, int64_t step_s)
{
	if (l->turn_s < first_s || l->turn_s - first_s > 86400 * 366) {
		l->turn_s = first_s;
		l->turn_n = 0;
	} else if (l->turn_n >= most) {
		l->turn_s += step_s;
		l->turn_n = 0;
	}
	l->turn_n++;
	return l->turn_s;
}

static int
put_off(struct tick *t, struct bound *b, enum index_window which, int64_t at_ms,
    int64_t *due, struct po_err *err)
{
	*due = next_turn(&b->row, at_ms / 1000 + 1,
	    (uint64_t)b->most.most[which], rate_window_s(which));
	wait_until(t, *due * 1000);
	return index_limit_put(t->tx, &b->row, err);
}

static int
count_both(struct tick *t, struct bound bounds[2], bool back,
    struct po_err *err)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (!bounds[i].counts)
			continue;
		if (back)
			rate_uncount(&bounds[i].row, t->now_ms, 1);
		else
			rate_count(&bounds[i].row, t->now_ms, 1);
		if (index_limit_put(t->tx, &bounds[i].row, err) == -1)
			return -1;
	}
	return 0;
}

int
limits_take(struct tick *t, const struct index_message *m, int64_t *due,
    enum index_waits *waits, struct po_err *err)
{
	struct bound bounds[2];
	enum index_window which = WINDOW_SECOND;
	int64_t at;
	size_t i;

	if (read_bounds(t, m, bounds, err) == -1)
		return -1;
	for (i = 0; i < 2; i++) {
		if (!bounds[i].counts)
			continue;
		at = rate_allows_at(&bounds[i].row, &bounds[i].most, 0,
		    t->now_ms, &which);
		if (at == 0)
			continue;
		*waits = i == 0 ? WAITS_SENDER : WAITS_USER;
		return put_off(t, &bounds[i], which, at, due, err);
	}
	*waits = WAITS_NOT;
	return count_both(t, bounds, false, err) == -1 ? -1 : 1;
}

int
limits_give_back(struct tick *t, const struct index_message *m,
    struct po_err *err)
{
	struct bound bounds[2];

	return read_bounds(t, m, bounds, err) == -1 ||
	               count_both(t, bounds, true, err) == -1
	           ? -1
	           : 0;
}

int
limits_forget(struct tick *t, struct po_err *err)
{
	struct index_limit l;
	bool first = true;
	int rc;

	while ((rc = index_limit_next(t->tx, first, &l, err)) == 1) {
		first = false;
		if (rate_sum(&l, WINDOW_DAY, t->now_ms) == 0 &&
		    index_limit_delete(t->tx, &l, err) == -1)
			return -1;
	}
	return rc;
}
