/* SPDX-License-Identifier: ISC */
/*
 * With direct delivery each domain is a next hop, so there may be a hundred
 * thousand: they are found by two tables of places in the array, by name and by
 * number, open-addressed and at most half full. What is of no use at the moment
 * leaves memory when there are more than HOPS_KEPT (hops_trim()): the index has
 * it.
 */
#include "queue/hops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/health.h"
#include "util/crc32c.h"
#include "util/grow.h"
#include "util/xalloc.h"

#define FIRST_PLACES 64u

struct hops {
	struct hop *all;
	size_t n, cap;
	size_t most;               /* with more a trim is of use */
	uint32_t *names, *numbers; /* place in all[], plus 1; 0: free */
	size_t places;             /* of each table, a power of two */
	struct hop_round round;
};

struct hops *
hops_new(void)
{
	struct hops *h = xcalloc(1, sizeof(*h));

	h->most = HOPS_KEPT;
	return h;
}

void
hops_free(struct hops *h)
{
	size_t i;

	if (h == NULL)
		return;
	for (i = 0; i < h->n; i++)
		free(h->all[i].passed);
	free(h->names);
	free(h->numbers);
	free(h->all);
	free(h);
}

/* ------------------------------------------------------------------ finding
 */

static size_t
place_of_name(const struct hops *h, const char *name)
{
	return crc32c(0, name, strlen(name)) & (h->places - 1);
}

static size_t
place_of_number(const struct hops *h, uint32_t number)
{
	return (size_t)(number * UINT32_C(2654435761)) & (h->places - 1);
}

static void
enter(const struct hops *h, uint32_t *table, size_t place, size_t i)
{
	while (table[place] != 0)
		place = (place + 1) & (h->places - 1);
	table[place] = (uint32_t)i + 1;
}

static void
enter_all(struct hops *h, size_t first)
{
	size_t i;

	for (i = first; i < h->n; i++) {
		const struct index_host *host = &h->all[i].host;

		enter(h, h->names, place_of_name(h, host->name), i);
		enter(h, h->numbers, place_of_number(h, host->hop), i);
	}
}

/* Tables for `n` hops, with nothing in them. */
static void
make_tables(struct hops *h, size_t n)
{
	h->places = FIRST_PLACES;
	while (h->places < 2 * n)
		h->places *= 2;
	free(h->names);
	free(h->numbers);
	h->names = xcalloc(h->places, sizeof(*h->names));
	h->numbers = xcalloc(h->places, sizeof(*h->numbers));
}

static struct hop *
known_name(const struct hops *h, const char *name)
{
	size_t place;

	if (h->n == 0)
		return NULL;
	for (place = place_of_name(h, name); h->names[place] != 0;
	     place = (place + 1) & (h->places - 1))
		if (strcmp(h->all[h->names[place] - 1].host.name, name) == 0)
			return &h->all[h->names[place] - 1];
	return NULL;
}

static struct hop *
known(const struct hops *h, uint32_t number)
{
	size_t place;

	if (h->n == 0)
		return NULL;
	for (place = place_of_number(h, number); h->numbers[place] != 0;
	     place = (place + 1) & (h->places - 1))
		if (h->all[h->numbers[place] - 1].host.hop == number)
			return &h->all[h->numbers[place] - 1];
	return NULL;
}

/* ------------------------------------------------------------------ keeping
 */

static struct hop *
add(struct hops *h, const struct index_host *host, struct po_err *err)
{
	struct hop *more = grow_array(h->all, h->n, &h->cap, sizeof(*more));

	if (more == NULL) {
		(void)po_fail(err, PO_EOS, "no memory for %zu next hops", h->n);
		return NULL;
	}
	h->all = more;
	h->all[h->n] = (struct hop){ .host = *host,
		.relays = { host->hop },
		.n_relays = 1,
		.untried = deliver_hop_is_direct(host->name) };
	h->n++;
	if (2 * h->n > h->places) {
		make_tables(h, 2 * h->n);
		enter_all(h, 0);
	} else {
		enter_all(h, h->n - 1);
	}
	return &h->all[h->n - 1];
}

/* Domains come back with the index. What workers have and what is not yet
 * written stays; so does who rests, for the end of that is looked for here. */
static bool
is_of_use(const struct hop *hop, int64_t now)
{
	return !deliver_hop_is_direct(hop->host.name) || hop->dirty ||
	       hop->passed_dirty || hop->in_flight > 0 || hop->host.failures > 0 ||
	       hop->host.backoff_until > now;
}

void
hops_trim(struct hops *h, int64_t now)
{
	size_t i, kept = 0;

	if (h->n <= h->most)
		return;
	for (i = 0; i < h->n; i++)
		if (is_of_use(&h->all[i], now))
			h->all[kept++] = h->all[i];
		else
			free(h->all[i].passed);
	h->n = kept;
	h->most = 2 * kept > HOPS_KEPT ? 2 * kept : HOPS_KEPT;
	make_tables(h, kept + 1);
	enter_all(h, 0);
}

bool
hops_forget(struct hops *h, uint32_t number)
{
	struct hop *hop = known(h, number);

	if (hop == NULL)
		return true;
	if (hop->dirty || hop->passed_dirty || hop->in_flight > 0)
		return false;
	free(hop->passed);
	*hop = h->all[--h->n];
	make_tables(h, h->n + 1);
	enter_all(h, 0);
	h->round.stale = true;
	return true;
}

/* A row that has no relays below it. */
static struct hop *
by_name(struct hops *h, struct index_tx *tx, const char *name,
    struct po_err *err)
{
	struct hop *hop = known_name(h, name);
	struct index_host host;
	int rc;

	if (hop != NULL)
		return hop;
	rc = index_host_get(tx, name, &host, err);
	if (rc == 0) {
		memset(&host, 0, sizeof(host));
		(void)snprintf(host.name, sizeof(host.name), "%s", name);
		rc = index_host_put(tx, &host, err) == -1 ? -1 : 1;
	}
	return rc == 1 ? add(h, &host, err) : NULL;
}

/* The rows of a hop's relays. */
static struct hop *
with_relays(struct hops *h, struct index_tx *tx, const struct hop *new,
    struct po_err *err)
{
	const struct index_host host = new->host;
	struct span names[DELIVER_HOP_RELAYS];
	size_t i, at = (size_t)(new - h->all);
	size_t n = deliver_hop_relays(host.name, names);
	uint32_t relays[DELIVER_HOP_RELAYS];
	char name[sizeof(host.name)];
	struct hop *hop;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "relay:%.*s",
		    (int)names[i].len, names[i].p);
		hop = by_name(h, tx, name, err);
		if (hop == NULL)
			return NULL;
		relays[i] = hop->host.hop;
	}
	hop = &h->all[at];
	if (n > 0) {
		memcpy(hop->relays, relays, n * sizeof(relays[0]));
		hop->n_relays = (unsigned)n;
	}
	return hop;
}

struct hop *
hops_by_name(struct hops *h, struct index_tx *tx, const char *name,
    struct po_err *err)
{
	size_t before = h->n;
	struct hop *hop = by_name(h, tx, name, err);

	return hop == NULL || h->n == before ? hop
	                                     : with_relays(h, tx, hop, err);
}

struct hop *
hops_by_number(struct hops *h, struct index_tx *tx, uint32_t number,
    struct po_err *err)
{
	struct hop *hop = known(h, number);
	struct index_host host;

	if (hop != NULL)
		return hop;
	if (index_host_by_hop(tx, number, &host, err) != 1)
		return NULL;
	hop = add(h, &host, err);
	return hop == NULL ? NULL : with_relays(h, tx, hop, err);
}

const struct hop *
hops_resting(struct hops *h, struct index_tx *tx, uint32_t number, int64_t now)
{
	const struct hop *hop = hops_by_number(h, tx, number, NULL);
	struct hop *relay;
	unsigned i;

	for (i = 0; hop != NULL && i < hop->n_relays; i++) {
		relay = known(h, hop->relays[i]);
		if (!health_rests(&relay->host, now, &relay->dirty))
			return NULL;
	}
	return hop == NULL ? NULL : known(h, hop->relays[0]);
}

int
hops_choose_relay(struct hops *h, struct index_tx *tx, uint32_t number,
    int64_t now, bool anyhow, struct hop_relay *out, struct po_err *err)
{
	const struct hop *hop = hops_by_number(h, tx, number, err);
	struct hop *relay;
	bool found = false;
	unsigned i;

	if (hop == NULL)
		return -1;
	*out = (struct hop_relay){ .number = hop->relays[0] };
	for (i = 0; i < hop->n_relays && !out->alternatives; i++) {
		relay = known(h, hop->relays[i]);
		if (health_rests(&relay->host, now, &relay->dirty) ||
		    !health_takes(&relay->host, relay->in_flight) ||
		    (relay->untried && relay->in_flight > 0))
			continue;
		out->alternatives = found;
		if (!found) {
			out->number = hop->relays[i];
			out->which = i;
		}
		found = true;
	}
	return found || anyhow;
}

static void
one_more(struct hop *hop)
{
	if (hop != NULL)
		hop->in_flight++;
}

void
hops_take(struct hops *h, uint32_t number, uint32_t relay)
{
	one_more(known(h, number));
	if (relay != number)
		one_more(known(h, relay));
}

static void
one_less(struct hop *hop)
{
	if (hop != NULL && hop->in_flight > 0)
		hop->in_flight--;
}

void
hops_give_back(struct hops *h, uint32_t number, uint32_t relay)
{
	one_less(known(h, number));
	if (relay != number)
		one_less(known(h, relay));
}

struct hop_round *
hops_round(struct hops *h)
{
	return &h->round;
}

int
hops_write(struct hops *h, struct index_tx *tx, struct po_err *err)
{
	struct hop *hop;
	size_t i;

	for (i = 0; i < h->n; i++) {
		hop = &h->all[i];
		if (hop->dirty && index_host_put(tx, &hop->host, err) == -1)
			return -1;
		if (hop->passed_dirty &&
		    index_limit_put(tx, hop->passed, err) == -1)
			return -1;
		hop->dirty = hop->passed_dirty = false;
	}
	return 0;
}

static void
wake(struct hop *relay)
{
	if (relay->host.backoff_until == 0)
		return;
	relay->host.backoff_until = 0;
	relay->dirty = true;
}

int
hops_wake_all(struct hops *h, struct index_tx *tx, struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	uint32_t number = 0;
	const struct hop *hop;
	unsigned i;
	int rc;

	h->round.stale = true;
	/* Those that have ready mail are the only ones that matter. */
	while ((rc = index_ready_seek(tx, &number, &class, err)) == 1) {
		hop = hops_by_number(h, tx, number, err);
		for (i = 0; hop != NULL && i < hop->n_relays; i++)
			wake(known(h, hop->relays[i]));
		number++;
		class = PRIORITY_NOW;
	}
	return rc;
}

int64_t
hops_next_wake(const struct hops *h, int64_t now)
{
	int64_t first = 0;
	size_t i;

	for (i = 0; i < h->n; i++) {
		int64_t until = h->all[i].host.backoff_until;

		if (until > now && (first == 0 || until < first))
			first = until;
	}
	return first;
}
