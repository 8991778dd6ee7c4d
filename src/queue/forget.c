/* SPDX-License-Identifier: ISC */
/*
 * A domain's number may stand in ready rows, parts and claims, and nowhere else
 * that counts. There is no row from a number to its parts, so those of all
 * messages are read once, and only when a domain is old.
 */
#include "queue/forget.h"

#include <stdlib.h>
#include <string.h>

#include "queue/limits.h"
#include "queue/place.h"
#include "queue/quota.h"
#include "util/u64_set.h"
#include "util/xalloc.h"

static int
forget_turns(struct tick *t, struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	uint64_t turn, dealt;
	bool first = true;
	uint32_t uid = 0;
	int rc;

	while ((rc = index_turn_next(t->tx, first, &class, &uid, &turn,
	            err)) == 1) {
		first = false;
		if (uid == PLACE_DEALT_UID)
			continue;
		if (index_turn_get(t->tx, class, PLACE_DEALT_UID, &dealt,
		        err) == -1)
			return -1;
		if (turn <= dealt &&
		    index_turn_delete(t->tx, class, uid, err) == -1)
			return -1;
	}
	return rc;
}

static int
forget_uids(struct tick *t, struct po_err *err)
{
	struct index_uid u;
	bool first = true;
	uint32_t uid = 0;
	int rc;

	while ((rc = index_uid_next(t->tx, first, &uid, &u, err)) == 1) {
		first = false;
		if (quota_forget_rates(&u, t->now) &&
		    index_uid_put(t->tx, uid, &u, err) == -1)
			return -1;
	}
	return rc;
}

/* ------------------------------------------------------------ domains */

struct old_hosts {
	struct index_host all[FORGET_HOSTS_AT_ONCE];
	size_t n;
	struct u64_set used; /* numbers that something means */
};

static bool
is_old(const struct tick *t, const struct index_host *h, uint32_t last)
{
	return deliver_hop_is_direct(h->name) && h->hop != last &&
	       h->backoff_until <= t->now &&
	       t->now - h->used_at >= FORGET_HOSTS_S;
}

static int
find_old(struct tick *t, struct old_hosts *old, struct po_err *err)
{
	struct index_host h = { .name = "" };
	uint32_t last;
	int rc = index_host_last(t->tx, &last, err);

	while (rc != -1 && old->n < FORGET_HOSTS_AT_ONCE &&
	       (rc = index_host_next(t->tx, &h, err)) == 1)
		if (is_old(t, &h, last))
			old->all[old->n++] = h;
	return rc == -1 ? -1 : 0;
}

static int
find_used(struct tick *t, struct old_hosts *old, struct po_err *err)
{
	struct index_claim claim, *after = NULL;
	struct queue_id id;
	bool first = true;
	uint32_t hop = 0;
	int rc;

	while ((rc = index_part_walk(t->tx, first, &id, &hop, err)) == 1) {
		first = false;
		(void)u64_set_add(&old->used, hop);
	}
	while (rc != -1 &&
	       (rc = index_claim_next(t->tx, after, &claim, err)) == 1) {
		after = &claim;
		(void)u64_set_add(&old->used, claim.hop);
	}
	return rc;
}

static int
has_ready(struct tick *t, uint32_t number, struct po_err *err)
{
	enum priority class = PRIORITY_NOW;
	uint32_t found = number;
	int rc = index_ready_seek(t->tx, &found, &class, err);

	return rc == 1 ? found == number : rc;
}

static int
forget_host(struct tick *t, const struct old_hosts *old,
    const struct index_host *h, struct po_err *err)
{
	int rc = u64_set_has(&old->used, h->hop) ? 1
	                                         : has_ready(t, h->hop, err);

	if (rc != 0)
		return rc == -1 ? -1 : 0;
	return hops_forget(t->hops, h->hop) ? index_host_delete(t->tx, h, err)
	                                    : 0;
}

/* Where the set is full, nothing goes. */
static int
forget_hosts(struct tick *t, struct po_err *err)
{
	struct old_hosts *old = xcalloc(1, sizeof(*old));
	size_t i;
	int rc;

	u64_set_init(&old->used, 1u << 20);
	rc = find_old(t, old, err);
	if (rc == 0 && old->n > 0)
		rc = find_used(t, old, err);
	for (i = 0; rc == 0 && old->used.n < old->used.max && i < old->n; i++)
		rc = forget_host(t, old, &old->all[i], err);
	if (rc == 0 && old->n == FORGET_HOSTS_AT_ONCE)
		rc = 1;
	u64_set_clear(&old->used);
	free(old);
	return rc;
}

int
forget_old(struct tick *t, struct po_err *err)
{
	if (limits_forget(t, err) == -1 || forget_turns(t, err) == -1 ||
	    forget_uids(t, err) == -1)
		return -1;
	return forget_hosts(t, err);
}
