/* SPDX-License-Identifier: ISC */
/* The options of the runner, its retry policy and retention. po.conf(5)
 * explains each. */
#ifndef PO_QUEUE_OPTIONS_H
#define PO_QUEUE_OPTIONS_H

#include "conf/conf.h"
#include "queue/retry.h"

enum in_doubt_policy { IN_DOUBT_RETRY, IN_DOUBT_HOLD };

/* Limits of one uid; 0: none. */
struct quota {
	int64_t messages;   /* waiting at once */
	int64_t bytes;      /* of content, waiting at once */
	int64_t rates[3];   /* messages in a minute, an hour, a day */
	int64_t per_second; /* messages that are dealt */
};

/* Of these senders, each by itself; 0: none. */
struct sender_limit {
	struct conf_names sender;
	int64_t rates[4]; /* messages in a second, minute, hour, day */
};

struct quota_entry {
	int64_t uid; /* -1: not named */
	char *login; /* "": not named */
	struct quota quota;
};

struct queue_conf {
	int64_t workers; /* children that deliver */
	bool sandbox;
	int64_t batch;   /* messages taken in, or made ready, in one tick */
	int64_t retry_first_s; /* wait before the second attempt */
	int64_t retry_max_s;   /* longest wait between attempts */
	int64_t give_up_after_s;
	int64_t max_attempts; /* 0: age alone counts */
	int64_t keep_sent_s; /* retention of finished messages */
	int64_t keep_failed_s;
	int64_t slot_sync_s;
	int64_t stop_grace_s;
	int in_doubt;                   /* enum in_doubt_policy */
	struct quota quota;             /* of each uid */
	struct conf_list limits;        /* struct quota_entry */
	int64_t sender_rates[4];        /* of each sender */
	struct conf_list sender_limits; /* struct sender_limit */
	int64_t message_size_limit;     /* as in submit/options.c */
	int64_t recipient_limit;
};

extern const struct conf_option queue_options[];

static inline struct retry_policy
retry_policy_of(const struct queue_conf *conf)
{
	return (struct retry_policy){ conf->retry_first_s, conf->retry_max_s,
		conf->max_attempts };
}

#endif
