/* SPDX-License-Identifier: ISC */
/*
 * Counts by state are kept by the index; ages, attempts and what waits for a
 * next hop come from the records. What finished in the last hour is a walk over
 * the end of the `finished` rows.
 */
#include "cli/stats.h"

#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "util/buf.h"
#include "util/grow.h"

#define RECORDS_PER_PAGE 1000
#define ARENA_BYTES (16u << 20)
#define HOUR INT64_C(3600)
#define LL(n) ((unsigned long long)(n))

struct hop_count {
	uint32_t hop;
	uint64_t waiting, in_delivery;
	struct index_host host;
};

struct stats {
	struct index *ix;
	int64_t now;
	struct index_totals totals;
	int64_t oldest[MESSAGE_STATES]; /* arrival, 0 none */
	uint64_t attempts, in_doubt;    /* of what is not finished */
	uint64_t last_hour[MESSAGE_STATES];
	struct hop_count *hops;
	size_t n_hops, cap_hops;
	struct index_host *down; /* with failures in a row */
	size_t n_down, cap_down;
	struct index_host *slow; /* that asked for less */
	size_t n_slow, cap_slow;
};

/* ------------------------------------------------------------ gather */

static struct hop_count *
hop_of(struct stats *s, uint32_t hop)
{
	void *array;
	size_t i;

	for (i = 0; i < s->n_hops; i++)
		if (s->hops[i].hop == hop)
			return &s->hops[i];
	array = grow_array(s->hops, s->n_hops, &s->cap_hops, sizeof(*s->hops));
	if (array == NULL)
		return NULL;
	s->hops = array;
	s->hops[s->n_hops] = (struct hop_count){ .hop = hop };
	return &s->hops[s->n_hops++];
}

static int
count(struct stats *s, const struct index_message *m, struct po_err *err)
{
	struct hop_count *hop;

	if (message_is_final(m->state))
		return 0;
	s->attempts += m->attempts;
	s->in_doubt += m->n_in_doubt;
	if (s->oldest[m->state] == 0 || m->arrival < s->oldest[m->state])
		s->oldest[m->state] = m->arrival;
	if (m->state != MESSAGE_WAITING || m->hop == 0)
		return 0;
	hop = hop_of(s, m->hop);
	if (hop == NULL)
		return po_fail(err, PO_EOS, "no memory for next hops");
	if (m->place == PLACE_CLAIM)
		hop->in_delivery++;
	else
		hop->waiting++;
	return 0;
}

/* 1 there may be more. */
static int
count_page(struct stats *s, struct queue_id *at, bool *begun,
    struct po_err *err)
{
	struct index_message m;
	struct index_tx *tx;
	struct arena arena;
	unsigned i;
	int rc;

	if (index_begin(s->ix, INDEX_READ, &tx, err) == -1)
		return -1;
	arena_init(&arena, ARENA_BYTES);
	for (i = 0, rc = 1; rc == 1 && i < RECORDS_PER_PAGE; i++) {
		rc =
		    index_message_next(tx, *begun ? at : NULL, &arena, &m, err);
		if (rc != 1)
			break;
		*at = m.id;
		*begun = true;
		if (count(s, &m, err) == -1)
			rc = -1;
	}
	arena_clear(&arena);
	index_discard(tx);
	return rc;
}

static int
count_last_hour(struct stats *s, struct index_tx *tx, struct po_err *err)
{
	int64_t time = s->now - HOUR;
	struct queue_id id = { .text = "" };
	struct index_message m;
	struct arena arena;
	int rc;

	arena_init(&arena, ARENA_BYTES);
	while ((rc = index_finished_next(tx, &time, &id, err)) == 1) {
		rc = index_message_get(tx, &id, &arena, &m, err);
		if (rc == -1)
			break;
		if (rc == 1)
			s->last_hour[m.state]++;
		arena_clear(&arena);
	}
	arena_clear(&arena);
	return rc;
}

static int
add_relay(struct index_host **all, size_t *n, size_t *cap,
    const struct index_host *h, struct po_err *err)
{
	void *array = grow_array(*all, *n, cap, sizeof(**all));

	if (array == NULL)
		return po_fail(err, PO_EOS, "no memory for relays");
	*all = array;
	(*all)[(*n)++] = *h;
	return 0;
}

static int
find_relays(struct stats *s, struct index_tx *tx, struct po_err *err)
{
	struct index_host h = { .name = "" };
	int rc;

	while ((rc = index_host_next(tx, &h, err)) == 1) {
		if (h.failures > 0 && add_relay(&s->down, &s->n_down,
		                          &s->cap_down, &h, err) == -1)
			return -1;
		if ((h.most_connections > 0 || h.most_a_minute > 0) &&
		    add_relay(&s->slow, &s->n_slow, &s->cap_slow, &h, err) ==
		        -1)
			return -1;
	}
	return rc;
}

static int
gather(struct stats *s, struct po_err *err)
{
	struct queue_id at;
	struct index_tx *tx;
	bool begun = false;
	size_t i;
	int rc;

	do
		rc = count_page(s, &at, &begun, err);
	while (rc == 1);
	if (rc == -1 || index_begin(s->ix, INDEX_READ, &tx, err) == -1)
		return -1;
	rc = index_totals_get(tx, &s->totals, err);
	if (rc != -1)
		rc = count_last_hour(s, tx, err);
	if (rc != -1)
		rc = find_relays(s, tx, err);
	for (i = 0; i < s->n_hops && rc != -1; i++)
		rc = index_host_by_hop(tx, s->hops[i].hop, &s->hops[i].host,
		    err);
	index_discard(tx);
	return rc == -1 ? -1 : 0;
}

/* ------------------------------------------------------------ print */

struct printer {
	FILE *out;
	enum stats_format format;
};

/* One metric's head; values follow. */
static void
put_head(const struct printer *p, const char *name, const char *help)
{
	if (p->format == STATS_PROMETHEUS)
		(void)fprintf(p->out, "# HELP %s %s\n# TYPE %s gauge\n", name,
		    help, name);
}

/* `label` NULL: none. Names of hops come from the configuration and from DNS:
 * printable, then the three characters that the format escapes. */
static void
put_value(const struct printer *p, const char *name, const char *label,
    const char *of, uint64_t n)
{
	struct buf safe;
	size_t i;

	if (label == NULL) {
		(void)fprintf(p->out,
		    p->format == STATS_PROMETHEUS ? "%s %llu\n"
		                                  : "%-40s %llu\n",
		    name, LL(n));
		return;
	}
	buf_init(&safe, 4096);
	(void)log_escape(&safe, span_of(of), 400);
	if (p->format == STATS_TEXT) {
		(void)fprintf(p->out, "%-30s %-24s %llu\n", name,
		    buf_str(&safe), LL(n));
	} else {
		(void)fprintf(p->out, "%s{%s=\"", name, label);
		for (i = 0; i < safe.len; i++)
			(void)fprintf(p->out, "%s%c",
			    safe.p[i] == '"' || safe.p[i] == '\\' ? "\\" : "",
			    safe.p[i]);
		(void)fprintf(p->out, "\"} %llu\n", LL(n));
	}
	buf_clear(&safe);
}

static void
put_states(const struct printer *p, const char *name, const char *help,
    const uint64_t n[MESSAGE_STATES])
{
	int i;

	put_head(p, name, help);
	for (i = 0; i < MESSAGE_STATES; i++)
		put_value(p, name, "state",
		    message_state_name((enum message_state)i), n[i]);
}

static void
put_one(const struct printer *p, const char *name, const char *help, uint64_t n)
{
	put_head(p, name, help);
	put_value(p, name, NULL, NULL, n);
}

static void
put_ages(const struct printer *p, const struct stats *s)
{
	static const char name[] = "po_oldest_seconds";
	static const enum message_state states[] = { MESSAGE_WAITING,
		MESSAGE_HELD };
	size_t i;

	put_head(p, name, "Age of the oldest message of a state, 0: none.");
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		int64_t oldest = s->oldest[states[i]];

		put_value(p, name, "state", message_state_name(states[i]),
		    oldest == 0 || oldest > s->now
		        ? 0
		        : (uint64_t)(s->now - oldest));
	}
}

static void
put_hops(const struct printer *p, const struct stats *s)
{
	static const struct {
		const char *name, *help;
	} rows[] = {
		{ "po_hop_waiting", "Waiting messages by next hop." },
		{ "po_hop_in_delivery", "Messages in delivery by next hop." },
	};
	size_t row, i;

	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		put_head(p, rows[row].name, rows[row].help);
		for (i = 0; i < s->n_hops; i++) {
			const struct hop_count *h = &s->hops[i];
			const uint64_t n[] = { h->waiting, h->in_delivery };

			put_value(p, rows[row].name, "hop", h->host.name,
			    n[row]);
		}
	}
}

/* Relays that are down; a next hop without relays is one. */
static void
put_relays(const struct printer *p, const struct stats *s)
{
	int64_t rest;
	size_t i;

	put_head(p, "po_relay_failures",
	    "Failures in a row of relays that are down.");
	for (i = 0; i < s->n_down; i++)
		put_value(p, "po_relay_failures", "relay", s->down[i].name,
		    s->down[i].failures);
	put_head(p, "po_relay_rest_seconds",
	    "How long such a relay is still left alone, 0: it is probed next.");
	for (i = 0; i < s->n_down; i++) {
		rest = s->down[i].backoff_until - s->now;
		put_value(p, "po_relay_rest_seconds", "relay", s->down[i].name,
		    rest > 0 ? (uint64_t)rest : 0);
	}
}

/* What relays asked for, where they did. */
static void
put_paces(const struct printer *p, const struct stats *s)
{
	size_t i;

	put_head(p, "po_relay_connections",
	    "Connections that a relay gets at most, as it asked for less.");
	for (i = 0; i < s->n_slow; i++)
		if (s->slow[i].most_connections > 0)
			put_value(p, "po_relay_connections", "relay",
			    s->slow[i].name, s->slow[i].most_connections);
	put_head(p, "po_relay_messages_a_minute",
	    "Messages that a relay gets at most, as it asked for less.");
	for (i = 0; i < s->n_slow; i++)
		if (s->slow[i].most_a_minute > 0)
			put_value(p, "po_relay_messages_a_minute", "relay",
			    s->slow[i].name, s->slow[i].most_a_minute);
}

/* Why, for people. */
static void
put_causes(const struct printer *p, const struct stats *s)
{
	struct buf safe;
	size_t i;

	for (i = 0; p->format == STATS_TEXT && i < s->n_down; i++) {
		buf_init(&safe, 4096);
		(void)log_escape(&safe, span_of(s->down[i].cause), 400);
		(void)fprintf(p->out, "%s: %s\n", s->down[i].name,
		    buf_str(&safe));
		buf_clear(&safe);
	}
}

static void
put_untaken(const struct printer *p, const struct stats_scope *scope)
{
	const struct untaken_list *list = &scope->untaken;
	int64_t oldest = scope->now;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->of[i].arrival < oldest)
			oldest = list->of[i].arrival;
	put_one(p, "po_untaken_messages",
	    "Messages that were handed in and not taken in yet.", list->n);
	put_one(p, "po_untaken_oldest_seconds",
	    "Age of the oldest of them, 0: none.",
	    (uint64_t)(scope->now - oldest));
}

static void
put_all(const struct printer *p, const struct stats *s,
    const struct stats_scope *scope)
{
	put_one(p, "po_runner_up", "1: a runner has the lock.", scope->up);
	put_untaken(p, scope);
	put_states(p, "po_messages", "Messages by state.", s->totals.messages);
	put_states(p, "po_content_bytes", "Content of messages by state.",
	    s->totals.bytes);
	put_one(p, "po_deferred_messages",
	    "Waiting messages that were tried before.", s->totals.deferred);
	put_one(p, "po_over_limit_messages",
	    "Messages held by the limits of their users.", s->totals.quota);
	put_ages(p, s);
	put_one(p, "po_unfinished_attempts",
	    "Attempts at messages that wait or are held.", s->attempts);
	put_one(p, "po_unfinished_in_doubt",
	    "Of these, recipients whose attempt ended in doubt.", s->in_doubt);
	put_states(p, "po_finished_last_hour",
	    "Messages that finished in the last hour, by state.", s->last_hour);
	put_hops(p, s);
	put_relays(p, s);
	put_paces(p, s);
	put_causes(p, s);
}

int
stats_print(struct index *ix, const struct stats_scope *scope, FILE *out,
    struct po_err *err)
{
	const struct printer p = { out, scope->format };
	struct stats s = { .ix = ix, .now = scope->now };
	int rc = ix == NULL ? 0 : gather(&s, err);

	if (rc == 0)
		put_all(&p, &s, scope);
	free(s.hops);
	free(s.down);
	free(s.slow);
	return rc;
}
