/* SPDX-License-Identifier: ISC */
/*
 * A value is "SINCE SENT SUMMED ID ADDRESS": when the count began, how many
 * went out, how many did not, the first message of these. Its name holds a
 * checksum of the address; where two addresses share one, the second is not
 * counted.
 */
#include "queue/storm.h"

#include <stdio.h>
#include <string.h>

#include "queue/notice_put.h"
#include "util/crc32c.h"
#include "util/parse_num.h"

#define PREFIX "storm."
#define ADDRESS_MAX 120u
#define NAME_BYTES 40
#define VALUE_BYTES 200

struct storm {
	enum notice_kind kind;
	int64_t since;
	uint64_t sent, summed;
	struct queue_id first;
	char to[ADDRESS_MAX + 1];
};

static const struct bounce_conf *
conf_of(const struct tick *t)
{
	return t->notices->conf;
}

static void
name_of(enum notice_kind kind, const char *to, char name[NAME_BYTES])
{
	uint32_t a = crc32c(0, to, strlen(to));

	(void)snprintf(name, NAME_BYTES, PREFIX "%u.%08x%08x", (unsigned)kind,
	    a, crc32c(~a, to, strlen(to)));
}

static bool
parse(const char *name, const char *value, struct storm *s)
{
	struct span rest = span_of(value), number = span_of(name), id;
	uint64_t kind;

	number.p += sizeof(PREFIX) - 1;
	number.len -= sizeof(PREFIX) - 1;
	if (!parse_u64(span_cut(&number, '.'), NOTICE_FAILED, NOTICE_EXPIRED,
	        &kind) ||
	    !parse_i64(span_cut(&rest, ' '), 0, INT64_MAX, &s->since) ||
	    !parse_u64(span_cut(&rest, ' '), 0, UINT64_MAX, &s->sent) ||
	    !parse_u64(span_cut(&rest, ' '), 0, UINT64_MAX, &s->summed))
		return false;
	id = span_cut(&rest, ' ');
	if (!queue_id_parse(id, &s->first) || rest.len == 0 ||
	    rest.len > ADDRESS_MAX)
		return false;
	s->kind = (enum notice_kind)kind;
	memcpy(s->to, rest.p, rest.len);
	s->to[rest.len] = '\0';
	return true;
}

static int
put(struct tick *t, const char *name, const struct storm *s, struct po_err *err)
{
	char value[VALUE_BYTES];
	int64_t end = s->since + conf_of(t)->storm_time_s;

	if (t->storm_next != NULL &&
	    (*t->storm_next == 0 || end < *t->storm_next))
		*t->storm_next = end;
	(void)snprintf(value, sizeof(value), "%lld %llu %llu %s %s",
	    (long long)s->since, (unsigned long long)s->sent,
	    (unsigned long long)s->summed, s->first.text, s->to);
	return index_meta_put(t->tx, name, value, err);
}

/* Is the time over (or the clock's)? */
static bool
is_over(const struct tick *t, const struct storm *s)
{
	return t->now >= s->since + conf_of(t)->storm_time_s ||
	       t->now < s->since;
}

static int
tell(struct tick *t, const struct storm *s, struct po_err *err)
{
	const struct notice_digest d = { s->kind, s->since, s->summed };

	return s->summed == 0 ? 0
	                      : notice_put_digest(t, &s->first, s->to, &d, err);
}

int
storm_count(struct tick *t, enum notice_kind kind, const char *to,
    const struct queue_id *about, struct po_err *err)
{
	struct storm s;
	char name[NAME_BYTES], value[VALUE_BYTES];
	int rc;

	if (kind == NOTICE_EXPIRED)
		kind = NOTICE_FAILED;
	if (conf_of(t)->storm_count == 0 || strlen(to) > ADDRESS_MAX)
		return 0;
	name_of(kind, to, name);
	rc = index_meta_get(t->tx, name, value, sizeof(value), err);
	if (rc == -1)
		return -1;
	if (rc == 1 && parse(name, value, &s)) {
		if (strcmp(s.to, to) != 0)
			return 0;
		if (is_over(t, &s)) {
			if (tell(t, &s, err) == -1)
				return -1;
			rc = 0;
		}
	} else {
		rc = 0;
	}
	if (rc == 0) {
		s = (struct storm){ .kind = kind,
			.since = t->now,
			.first = *about };
		(void)snprintf(s.to, sizeof(s.to), "%s", to);
	}
	rc = s.sent >= (uint64_t)conf_of(t)->storm_count;
	if (rc == 0)
		s.sent++;
	else if (s.summed++ == 0)
		s.first = *about;
	return put(t, name, &s, err) == -1 ? -1 : rc;
}

int
storm_sweep(struct tick *t, struct po_err *err)
{
	char name[NAME_BYTES] = PREFIX, value[VALUE_BYTES];
	struct storm s;
	int rc;

	if (t->notices == NULL || t->storm_next == NULL)
		return 0;
	*t->storm_next = 0;
	while ((rc = index_meta_next(t->tx, PREFIX, name, sizeof(name), value,
	            sizeof(value), err)) == 1) {
		if (!parse(name, value, &s)) {
			rc = index_meta_delete(t->tx, name, err);
		} else if (is_over(t, &s)) {
			rc = index_meta_delete(t->tx, name, err);
			if (rc == 0)
				rc = tell(t, &s, err);
		} else {
			rc = put(t, name, &s, err);
		}
		if (rc == -1)
			break;
	}
	return rc;
}
