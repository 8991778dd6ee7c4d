/* SPDX-License-Identifier: ISC */
/*
 * Whether a relay can be used, by what became of the last ones that tried: pure
 * arithmetic over its row, no clock. Times are seconds UTC.
 *
 * A relay that fails is left alone for a while that grows (queue/retry.h). When
 * that is over it is half open: one message is its probe, and only when the
 * relay has answered it, the others follow. What is learnt of its habits is
 * forgotten after a day, for servers are mended.
 */
#ifndef PO_QUEUE_HEALTH_H
#define PO_QUEUE_HEALTH_H

#include <stdbool.h>

#include "queue/wire.h"
#include "spool/index.h"

#define HEALTH_TRAITS_S INT64_C(86400)

/* Is it left alone now? A rest that a clock jump made absurd is cut; *changed
 * is set then. */
bool health_rests(struct index_host *relay, int64_t now, bool *changed);

/* May one more message go there, with so many in the hands of workers? */
bool health_takes(const struct index_host *relay, uint32_t in_flight);

/* The bits of enum relay_trait that still count. */
unsigned health_traits(const struct index_host *relay, int64_t now);

enum health_change { HEALTH_SAME, HEALTH_DOWN, HEALTH_UP };

/* What a result tells of it; *changed: the row is to be written. `random` is
 * any value, for jitter. */
enum health_change health_note(struct index_host *relay,
    const struct wire_result *res, int64_t now, uint32_t random, bool *changed);

#endif
