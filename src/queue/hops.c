/* SPDX-License-Identifier: ISC */
#include "queue/hops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/health.h"
#include "util/grow.h"
#include "util/xalloc.h"

struct hops {
	struct hop *all;
	size_t n, cap;
};

struct hops *
hops_new(void)
{
	return xcalloc(1, sizeof(struct hops));
}

void
hops_free(struct hops *h)
{
	if (h == NULL)
		return;
	free(h->all);
	free(h);
}

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
		.n_relays = 1 };
	return &h->all[h->n++];
}

/* A row that has no relays below it. */
static struct hop *
by_name(struct hops *h, struct index_tx *tx, const char *name,
    struct po_err *err)
{
	struct index_host host;
	size_t i;
	int rc;

	for (i = 0; i < h->n; i++)
		if (strcmp(h->all[i].host.name, name) == 0)
			return &h->all[i];
	rc = index_host_get(tx, name, &host, err);
	if (rc == 0) {
		memset(&host, 0, sizeof(host));
		(void)snprintf(host.name, sizeof(host.name), "%s", name);
		rc = index_host_put(tx, &host, err) == -1 ? -1 : 1;
	}
	return rc == 1 ? add(h, &host, err) : NULL;
}

static struct hop *
known(const struct hops *h, uint32_t number)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->all[i].host.hop == number)
			return &h->all[i];
	return NULL;
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
		    !health_takes(&relay->host, relay->in_flight))
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

int
hops_write(struct hops *h, struct index_tx *tx, struct po_err *err)
{
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (!h->all[i].dirty)
			continue;
		if (index_host_put(tx, &h->all[i].host, err) == -1)
			return -1;
		h->all[i].dirty = false;
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
