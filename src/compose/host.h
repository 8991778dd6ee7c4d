/* SPDX-License-Identifier: ISC */
/*
 * What a render asks of the host: the time zone database, by the C library,
 * and how much processor time is left. For the programs; the rest of this room
 * gets both as functions (struct template_options).
 */
#ifndef PO_COMPOSE_HOST_H
#define PO_COMPOSE_HOST_H

#include "compose/template.h"

#define TEMPLATE_CPU_SECONDS 2 /* of one mail, unless said otherwise */

/*
 * The zone of this process from now on (TZ), by its name in the zone database.
 * False when there is none of that name: the C library would take it for UTC.
 */
bool template_zone_use(const char *name);
/*
 * The same for a while, in a process that goes on afterwards as it was before:
 * template_zone_return(), also after a borrow that failed.
 */
struct template_zone_borrow {
	bool borrowed;
	char *before; /* NULL: there was none */
};
bool template_zone_borrow(struct template_zone_borrow *b, const char *name);
void template_zone_return(struct template_zone_borrow *b);

/* Of that zone, for struct template_options. */
extern const struct template_zone template_zone_host;

/* Processor time of this thread; `ctx` of template_budget_spent() is one. */
struct template_budget {
	int64_t end_ns;
};
void template_budget_begin(struct template_budget *b, unsigned seconds);
bool template_budget_spent(void *ctx);

#endif
