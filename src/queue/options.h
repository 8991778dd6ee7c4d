/* SPDX-License-Identifier: ISC */
/* The options of the runner, its retry policy and retention. po.conf(5)
 * explains each. */
#ifndef PO_QUEUE_OPTIONS_H
#define PO_QUEUE_OPTIONS_H

#include "conf/conf.h"

enum in_doubt_policy { IN_DOUBT_RETRY, IN_DOUBT_HOLD };

struct queue_conf {
	int64_t workers; /* children that deliver */
	int64_t batch;   /* messages taken in, or made ready, in one tick */
	int64_t retry_first_s; /* wait before the second attempt */
	int64_t retry_max_s;   /* longest wait between attempts */
	int64_t give_up_after_s;
	int64_t keep_sent_s; /* retention of finished messages */
	int64_t keep_failed_s;
	int64_t slot_sync_s;
	int64_t stop_grace_s;
	int in_doubt; /* enum in_doubt_policy */
};

extern const struct conf_option queue_options[];

#endif
