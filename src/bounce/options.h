/* SPDX-License-Identifier: ISC */
/* The options of notices to senders; po.conf(5) explains each. */
#ifndef PO_BOUNCE_OPTIONS_H
#define PO_BOUNCE_OPTIONS_H

#include <stdint.h>

#include "conf/conf.h"

struct bounce_conf {
	int64_t size;        /* bytes of an original that go back whole */
	int64_t delay_s;     /* age at which a warning is sent; 0: never */
	char *postmaster;    /* who hears of a bounce that failed; "": nobody */
	int64_t storm_count; /* notices alike to one address; 0: no limit */
	int64_t storm_time_s; /* ... within this time */
};
extern const struct conf_option bounce_options[];

#endif
