/* SPDX-License-Identifier: ISC */
#include "queue/options.h"

#include <stddef.h>

#include "envelope/envelope.h"

#define AT(field) offsetof(struct queue_conf, field)
#define OF(field) offsetof(struct quota_entry, field)
#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)

static const char *const in_doubt_words[] = { "retry", "hold", NULL };

const struct conf_option queue_options[] = {
	{ "workers", CONF_INT, AT(workers), "4", 1, 64,
	    "children that deliver at once (-p)", NULL },
	{ "batch", CONF_INT, AT(batch), "1000", 16, 4096,
	    "messages taken in, or made ready, in one step (--batch)", NULL },
	{ "retry_first", CONF_DURATION, AT(retry_first_s), "5m", 1, DAY,
	    "wait before the second attempt", NULL },
	{ "retry_max", CONF_DURATION, AT(retry_max_s), "4h", 1, 7 * DAY,
	    "longest wait between two attempts", NULL },
	{ "give_up_after", CONF_DURATION, AT(give_up_after_s), "5d", 60,
	    366 * DAY, "age at which undelivered mail expires", NULL },
	{ "keep_sent", CONF_DURATION, AT(keep_sent_s), "7d", HOUR, 3660 * DAY,
	    "how long --cleanup leaves sent mail", NULL },
	{ "keep_failed", CONF_DURATION, AT(keep_failed_s), "30d", HOUR,
	    3660 * DAY,
	    "how long --cleanup leaves failed, expired and cancelled mail",
	    NULL },
	{ "slot_sync", CONF_DURATION, AT(slot_sync_s), "5s", 1, 3600,
	    "how often results in message files are synced", NULL },
	{ "stop_grace", CONF_DURATION, AT(stop_grace_s), "30s", 1, 600,
	    "wait for the last reply when told to stop", NULL },
	{ "in_doubt", CONF_WORD, AT(in_doubt), "retry", 0, 0,
	    "mail whose last reply was lost: retry or hold", in_doubt_words },
	{ "message_size_limit", CONF_SIZE, AT(message_size_limit), "50M", 1024,
	    INT64_C(1) << 40, "largest message that is taken", NULL },
	{ "recipient_limit", CONF_INT, AT(recipient_limit), "10000", 1,
	    ENVELOPE_MAX_RECIPIENTS, "most recipients of one message", NULL },
	{ "uid_messages", CONF_INT, AT(quota.messages), "0", 0, INT32_MAX,
	    "messages of one uid that may wait at once; 0: no limit", NULL },
	{ "uid_bytes", CONF_SIZE, AT(quota.bytes), "0", 0, 0,
	    "bytes of one uid that may wait at once; 0: no limit", NULL },
	{ "uid_per_minute", CONF_INT, AT(quota.rates[0]), "0", 0, INT32_MAX,
	    "messages of one uid in a minute; 0: no limit", NULL },
	{ "uid_per_hour", CONF_INT, AT(quota.rates[1]), "0", 0, INT32_MAX,
	    "messages of one uid in an hour; 0: no limit", NULL },
	{ "uid_per_day", CONF_INT, AT(quota.rates[2]), "0", 0, INT32_MAX,
	    "messages of one uid in a day; 0: no limit", NULL },
	{ "limits", CONF_LIST, AT(limits), NULL, sizeof(struct quota_entry),
	    1000, "limits of single uids", NULL },
	{ "limits[].uid", CONF_INT, OF(uid), "-1", -1, UINT32_MAX,
	    "whose, by number", NULL },
	{ "limits[].login", CONF_STRING, OF(login), NULL, 0, 0,
	    "whose, by name", NULL },
	{ "limits[].messages", CONF_INT, OF(quota.messages), "0", 0, INT32_MAX,
	    "as uid_messages", NULL },
	{ "limits[].bytes", CONF_SIZE, OF(quota.bytes), "0", 0, 0,
	    "as uid_bytes", NULL },
	{ "limits[].per_minute", CONF_INT, OF(quota.rates[0]), "0", 0,
	    INT32_MAX, "as uid_per_minute", NULL },
	{ "limits[].per_hour", CONF_INT, OF(quota.rates[1]), "0", 0, INT32_MAX,
	    "as uid_per_hour", NULL },
	{ "limits[].per_day", CONF_INT, OF(quota.rates[2]), "0", 0, INT32_MAX,
	    "as uid_per_day", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};
