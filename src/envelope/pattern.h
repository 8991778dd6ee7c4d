/* SPDX-License-Identifier: ISC */
/* Patterns of addresses and names in po.conf. Pure; linear but for the length
 * of the pattern. */
#ifndef PO_ENVELOPE_PATTERN_H
#define PO_ENVELOPE_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

/* `*` stands for any bytes, none too; letters of ASCII are equal in both cases
 * when `fold`. */
bool pattern_match(struct span pattern, struct span s, bool fold);

/*
 * An address, "" being the null sender:
 *   <>              the null sender, and nothing else
 *   *               every address, the null sender too
 *   user@domain     this one; * in it as above
 *   @domain         every address of the domain
 *   domain          the same
 *   .domain         every address of its subdomains
 * Case counts nowhere.
 */
bool pattern_match_address(struct span pattern, struct span address);

/* "N" or "FIRST-LAST": false when it is neither. */
bool pattern_parse_uids(struct span s, uint32_t *first, uint32_t *last);

#endif
