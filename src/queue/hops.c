/* SPDX-License-Identifier: ISC */
#include "queue/hops.h"

#include <stdlib.h>
#include <string.h>

#include "queue/retry.h"
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

bool
hop_rests(struct hop *hop, int64_t now)
{
	int64_t until = retry_clamp_rest(hop->host.backoff_until, now);

	if (until != hop->host.backoff_until) {
		hop->host.backoff_until = until;
		hop->dirty = true;
	}
	return until > now;
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
	h->all[h->n] = (struct hop){ .host = *host };
	return &h->all[h->n++];
}

struct hop *
hops_by_name(struct hops *h, struct index_tx *tx, const char *name,
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

struct hop *
hops_by_number(struct hops *h, struct index_tx *tx, uint32_t number,
    struct po_err *err)
{
	struct index_host host;
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->all[i].host.hop == number)
			return &h->all[i];
	if (index_host_by_hop(tx, number, &host, err) != 1)
		return NULL;
	return add(h, &host, err);
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

int
hops_wake_all(struct hops *h, struct index_tx *tx, struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	uint32_t number = 0;
	struct hop *hop;
	int rc;

	/* Those that have ready mail are the only ones that matter. */
	while ((rc = index_ready_seek(tx, &number, &class, err)) == 1) {
		hop = hops_by_number(h, tx, number, err);
		if (hop != NULL && hop->host.backoff_until != 0) {
			hop->host.backoff_until = 0;
			hop->dirty = true;
		}
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
