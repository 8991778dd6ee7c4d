/* SPDX-License-Identifier: ISC */
#include "bounce/options.h"

#include <stddef.h>

#define AT(field) offsetof(struct bounce_conf, field)
#define DAY INT64_C(86400)

const struct conf_option bounce_options[] = {
	{ "bounce_size", CONF_SIZE, AT(size), "50k", 1024, INT64_C(1) << 30,
	    "largest message that goes back whole with a notice", NULL },
	{ "delay_warning", CONF_DURATION, AT(delay_s), "0", 0, 366 * DAY,
	    "age at which senders are told that mail is late; 0: never", NULL },
	{ "double_bounce", CONF_STRING, AT(postmaster), "postmaster", 0, 0,
	    "who hears of notices that cannot be delivered", NULL },
	{ "bounce_storm_count", CONF_INT, AT(storm_count), "100", 0, 1000000,
	    "notices alike to one address before they are summed up", NULL },
	{ "bounce_storm_time", CONF_DURATION, AT(storm_time_s), "1h", 60,
	    7 * DAY, "the time in which they are counted", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};
