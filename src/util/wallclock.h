/* SPDX-License-Identifier: ISC */
/* The two clocks: wall time for what is stored and shown, monotonic time for
 * waiting. */
#ifndef PO_UTIL_WALLCLOCK_H
#define PO_UTIL_WALLCLOCK_H

#include <stdint.h>

int64_t wallclock_now(void);    /* seconds UTC since 1970 */
int64_t wallclock_now_ms(void); /* milliseconds UTC since 1970 */
int64_t monotonic_ms(void); /* milliseconds since some start; never goes back */

#endif
