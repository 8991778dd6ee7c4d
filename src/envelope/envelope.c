/* SPDX-License-Identifier: ISC */
/*
 * One table for both directions: each key has a row with the function that
 * writes it and the one that reads it, and the order of rows is the order of
 * lines. Bytes below 0x20, 0x7f and '%' are written as %XX, but no value that
 * po itself accepts holds a control character, so decode refuses those that
 * decode to one.
 */
#include "envelope/envelope.h"

#include <string.h>

#include "util/parse_num.h"

#define FARTHEST INT64_C(253402300799) /* the end of the year 9999 */

static const char *const priority_names[PRIORITIES] = { "now", "high", "medium",
	"low" };
static const char *const ret_names[] = { NULL, "full", "hdrs" };
static const char *const body_names[] = { "mail", "template" };
static const char *const mime_names[] = { NULL, "7bit", "8bit" };
static const char *const by_names[] = { NULL, "return", "return-trace",
	"notify", "notify-trace" };
static const char *const via_names[] = { "sendmail", "smtp", "mail", "bounce" };
static const struct {
	unsigned bit;
	const char *name;
} notify_names[] = {
	{ NOTIFY_NEVER, "never" },
	{ NOTIFY_SUCCESS, "success" },
	{ NOTIFY_FAILURE, "failure" },
	{ NOTIFY_DELAY, "delay" },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct reader {
	struct arena *arena;
	struct envelope *env;
	size_t cap_recipients;
	size_t cap_templates;
};

enum key_id {
	KEY_ID,
	KEY_SENDER,
	KEY_RET,
	KEY_ENVID,
	KEY_BODY,
	KEY_MIME,
	KEY_SMTPUTF8,
	KEY_REQUIRETLS,
	KEY_PRIORITY,
	KEY_VIA,
	KEY_DUE,
	KEY_EXPIRES,
	KEY_LATE,
	KEY_BY,
	KEY_TAG,
	KEY_KEY,
	KEY_MSGID,
	KEY_ZONE,
	KEY_TEMPLATE,
	KEY_RCPT,
	KEY_NOTIFY,
	KEY_ORCPT,
	KEYS
};

static const struct {
	const char *name;
	bool repeats;
} keys[KEYS] = {
	[KEY_ID] = { "id", false },
	[KEY_SENDER] = { "sender", false },
	[KEY_RET] = { "ret", false },
	[KEY_ENVID] = { "envid", false },
	[KEY_BODY] = { "body", false },
	[KEY_MIME] = { "mime", false },
	[KEY_SMTPUTF8] = { "smtputf8", false },
	[KEY_REQUIRETLS] = { "requiretls", false },
	[KEY_PRIORITY] = { "priority", false },
	[KEY_VIA] = { "via", false },
	[KEY_DUE] = { "due", false },
	[KEY_EXPIRES] = { "expires", false },
	[KEY_LATE] = { "late", false },
	[KEY_BY] = { "by", false },
	[KEY_TAG] = { "tag", false },
	[KEY_KEY] = { "key", false },
	[KEY_MSGID] = { "msgid", false },
	[KEY_ZONE] = { "zone", false },
	[KEY_TEMPLATE] = { "template", true },
	[KEY_RCPT] = { "rcpt", true },
	[KEY_NOTIFY] = { "notify", true },
	[KEY_ORCPT] = { "orcpt", true },
};

const char *
priority_name(enum priority p)
{
	return priority_names[p];
}

static bool
name_index(struct span s, const char *const names[], size_t n, unsigned *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (names[i] != NULL && span_eq_nocase(s, span_of(names[i]))) {
			*out = (unsigned)i;
			return true;
		}
	}
	return false;
}

bool
priority_parse(struct span s, enum priority *p)
{
	unsigned i;

	if (!name_index(s, priority_names, PRIORITIES, &i))
		return false;
	*p = (enum priority)i;
	return true;
}

/* ------------------------------------------------------------------ writing */

static bool
has_control(struct span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (ascii_is_control((unsigned char)s.p[i]))
			return true;
	return false;
}

static int
put_line(struct buf *out, enum key_id key, const char *value, size_t max,
    struct po_err *err)
{
	struct span s = span_of(value);
	bool ok;
	size_t i;

	if (s.len > max)
		return po_fail(err, PO_EDATA, "%s is longer than %zu bytes",
		    keys[key].name, max);
	if (has_control(s))
		return po_fail(err, PO_EDATA, "%s holds a control character",
		    keys[key].name);
	ok = buf_puts(out, keys[key].name) && buf_putc(out, '=');
	for (i = 0; ok && i < s.len; i++)
		ok = s.p[i] == '%' ? buf_puts(out, "%25")
		                   : buf_putc(out, s.p[i]);
	if (!ok || !buf_putc(out, '\n'))
		return po_fail(err, PO_EOS, "envelope larger than %zu bytes",
		    out->max);
	return 0;
}

static int
put_optional(struct buf *out, enum key_id key, const char *value, size_t max,
    struct po_err *err)
{
	return value == NULL ? 0 : put_line(out, key, value, max, err);
}

static int
put_time(struct buf *out, enum key_id key, int64_t t, struct po_err *err)
{
	if (t == 0)
		return 0;
	if (t < 0 || t > FARTHEST)
		return po_fail(err, PO_EDATA, "%s is out of range",
		    keys[key].name);
	if (!buf_printf(out, "%s=%lld\n", keys[key].name, (long long)t))
		return po_fail(err, PO_EOS, "envelope larger than %zu bytes",
		    out->max);
	return 0;
}

static int
put_recipient(struct buf *out, const struct recipient *r, struct po_err *err)
{
	char list[64] = "";
	size_t i, used = 0, len;

	if (r->address[0] == '\0')
		return po_fail(err, PO_EDATA, "a recipient is empty");
	if (put_line(out, KEY_RCPT, r->address, ENVELOPE_MAX_ADDRESS, err) ==
	    -1)
		return -1;
	for (i = 0; i < COUNT(notify_names); i++) {
		if ((r->notify & notify_names[i].bit) == 0)
			continue;
		len = strlen(notify_names[i].name);
		if (used > 0)
			list[used++] = ',';
		memcpy(list + used, notify_names[i].name, len + 1);
		used += len;
	}
	if (r->notify != 0 &&
	    put_line(out, KEY_NOTIFY, list, sizeof(list), err) == -1)
		return -1;
	return put_optional(out, KEY_ORCPT, r->orcpt, ENVELOPE_MAX_ORCPT, err);
}

static int
put_templates(struct buf *out, const struct envelope *env, struct po_err *err)
{
	size_t i;

	for (i = 0; i < env->n_templates; i++)
		if (put_line(out, KEY_TEMPLATE, env->templates[i],
		        ENVELOPE_MAX_ADDRESS, err) == -1)
			return -1;
	return 0;
}

int
envelope_encode(const struct envelope *env, struct buf *out, struct po_err *err)
{
	size_t i;

	if (env->n_recipients == 0 ||
	    env->n_recipients > ENVELOPE_MAX_RECIPIENTS)
		return po_fail(err, PO_EDATA,
		    "%zu recipients (1 to %u are allowed)", env->n_recipients,
		    ENVELOPE_MAX_RECIPIENTS);
	if (put_line(out, KEY_ID, env->id.text, QUEUE_ID_LEN, err) == -1 ||
	    put_line(out, KEY_SENDER, env->sender, ENVELOPE_MAX_ADDRESS, err) ==
	        -1 ||
	    put_optional(out, KEY_RET, ret_names[env->ret], 8, err) == -1 ||
	    put_optional(out, KEY_ENVID, env->envid, ENVELOPE_MAX_ENVID, err) ==
	        -1 ||
	    put_line(out, KEY_BODY, body_names[env->body], 8, err) == -1 ||
	    put_optional(out, KEY_MIME, mime_names[env->mime], 8, err) == -1 ||
	    put_optional(out, KEY_SMTPUTF8, env->smtputf8 ? "1" : NULL, 8,
	        err) == -1 ||
	    put_optional(out, KEY_REQUIRETLS, env->requiretls ? "1" : NULL, 8,
	        err) == -1 ||
	    put_line(out, KEY_PRIORITY, priority_names[env->priority], 8,
	        err) == -1 ||
	    put_line(out, KEY_VIA, via_names[env->via], 8, err) == -1 ||
	    put_time(out, KEY_DUE, env->due, err) == -1 ||
	    put_time(out, KEY_EXPIRES, env->expires, err) == -1 ||
	    put_time(out, KEY_LATE, env->late, err) == -1 ||
	    put_optional(out, KEY_BY, by_names[env->by], 16, err) == -1 ||
	    put_optional(out, KEY_TAG, env->tag, ENVELOPE_MAX_TAG, err) == -1 ||
	    put_optional(out, KEY_KEY, env->key, ENVELOPE_MAX_KEY, err) == -1 ||
	    put_optional(out, KEY_MSGID, env->msgid, ENVELOPE_MAX_ADDRESS,
	        err) == -1 ||
	    put_optional(out, KEY_ZONE, env->zone, ENVELOPE_MAX_ZONE, err) ==
	        -1 ||
	    put_templates(out, env, err) == -1)
		return -1;
	for (i = 0; i < env->n_recipients; i++)
		if (put_recipient(out, &env->recipients[i], err) == -1)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ reading */

static const char *
read_text(struct reader *r, struct span s, size_t max)
{
	char *p;
	uint64_t c;
	size_t i, n = 0;

	if (s.len > max * 3)
		return NULL;
	p = arena_alloc(r->arena, s.len + 1);
	if (p == NULL)
		return NULL;
	for (i = 0; i < s.len; i++) {
		c = (unsigned char)s.p[i];
		if (c == '%') {
			if (s.len - i < 3 ||
			    !parse_hex64((struct span){ s.p + i + 1, 2 }, 255,
			        &c))
				return NULL;
			i += 2;
		}
		if (ascii_is_control((unsigned char)c))
			return NULL;
		p[n++] = (char)c;
	}
	return n > max ? NULL : p;
}

static bool
read_notify(struct span s, unsigned *out)
{
	struct span word;
	size_t i;
	unsigned bits = 0;

	while (s.len > 0) {
		word = span_cut(&s, ',');
		for (i = 0; i < COUNT(notify_names); i++)
			if (span_eq(word, span_of(notify_names[i].name)))
				break;
		if (i == COUNT(notify_names) ||
		    (bits & notify_names[i].bit) != 0)
			return false;
		bits |= notify_names[i].bit;
	}
	if (bits == 0 || ((bits & NOTIFY_NEVER) != 0 && bits != NOTIFY_NEVER))
		return false;
	*out = bits;
	return true;
}

/* Room for one more element of `size` bytes; the array doubles inside the
 * arena. */
static void *
grow(struct arena *arena, void *old, size_t n, size_t *cap, size_t size)
{
	void *p;

	if (n < *cap)
		return old;
	*cap = *cap == 0 ? 4 : *cap * 2;
	p = arena_alloc_array(arena, *cap, size);
	if (p != NULL && n > 0)
		memcpy(p, old, n * size);
	return p;
}

static bool
add_recipient(struct reader *r, struct span value)
{
	struct envelope *env = r->env;
	struct recipient *all;
	const char *address = read_text(r, value, ENVELOPE_MAX_ADDRESS);

	if (address == NULL || address[0] == '\0' ||
	    env->n_recipients == ENVELOPE_MAX_RECIPIENTS)
		return false;
	all = grow(r->arena, env->recipients, env->n_recipients,
	    &r->cap_recipients, sizeof(*all));
	if (all == NULL)
		return false;
	env->recipients = all;
	all[env->n_recipients++] = (struct recipient){ address, 0, NULL };
	return true;
}

static bool
add_template(struct reader *r, struct span value)
{
	struct envelope *env = r->env;
	const char **all;
	const char *name = read_text(r, value, ENVELOPE_MAX_ADDRESS);

	if (name == NULL || name[0] == '\0' || env->n_templates == 1000)
		return false;
	all = grow(r->arena, env->templates, env->n_templates,
	    &r->cap_templates, sizeof(*all));
	if (all == NULL)
		return false;
	env->templates = all;
	all[env->n_templates++] = name;
	return true;
}

static bool
read_value(struct reader *r, enum key_id key, struct span v)
{
	struct envelope *env = r->env;
	struct recipient *last = env->n_recipients == 0
	                             ? NULL
	                             : &env->recipients[env->n_recipients - 1];
	unsigned i = 0;
	bool ok;

	switch (key) {
	case KEY_ID:
		return queue_id_parse(v, &env->id);
	case KEY_SENDER:
		return (env->sender = read_text(r, v, ENVELOPE_MAX_ADDRESS)) !=
		       NULL;
	case KEY_RET:
		ok = name_index(v, ret_names, COUNT(ret_names), &i);
		env->ret = (enum envelope_ret)i;
		return ok;
	case KEY_ENVID:
		return (env->envid = read_text(r, v, ENVELOPE_MAX_ENVID)) !=
		       NULL;
	case KEY_BODY:
		ok = name_index(v, body_names, COUNT(body_names), &i);
		env->body = (enum envelope_body)i;
		return ok;
	case KEY_MIME:
		ok = name_index(v, mime_names, COUNT(mime_names), &i);
		env->mime = (enum envelope_mime)i;
		return ok;
	case KEY_SMTPUTF8:
		env->smtputf8 = true;
		return span_eq(v, SPAN_LIT("1"));
	case KEY_REQUIRETLS:
		env->requiretls = true;
		return span_eq(v, SPAN_LIT("1"));
	case KEY_PRIORITY:
		return priority_parse(v, &env->priority);
	case KEY_VIA:
		ok = name_index(v, via_names, COUNT(via_names), &i);
		env->via = (enum envelope_via)i;
		return ok;
	case KEY_DUE:
		return parse_i64(v, 1, FARTHEST, &env->due);
	case KEY_EXPIRES:
		return parse_i64(v, 1, FARTHEST, &env->expires);
	case KEY_LATE:
		return parse_i64(v, 1, FARTHEST, &env->late);
	case KEY_BY:
		ok = name_index(v, by_names, COUNT(by_names), &i);
		env->by = (enum envelope_by)i;
		return ok;
	case KEY_TAG:
		return (env->tag = read_text(r, v, ENVELOPE_MAX_TAG)) != NULL;
	case KEY_KEY:
		return (env->key = read_text(r, v, ENVELOPE_MAX_KEY)) != NULL;
	case KEY_MSGID:
		return (env->msgid = read_text(r, v, ENVELOPE_MAX_ADDRESS)) !=
		       NULL;
	case KEY_ZONE:
		return (env->zone = read_text(r, v, ENVELOPE_MAX_ZONE)) != NULL;
	case KEY_TEMPLATE:
		return add_template(r, v);
	case KEY_RCPT:
		return add_recipient(r, v);
	case KEY_NOTIFY:
		return last != NULL && last->notify == 0 &&
		       last->orcpt == NULL && read_notify(v, &last->notify);
	case KEY_ORCPT:
		return last != NULL && last->orcpt == NULL &&
		       (last->orcpt = read_text(r, v, ENVELOPE_MAX_ORCPT)) !=
		           NULL;
	case KEYS:
		break;
	}
	return false;
}

static enum key_id
key_of(struct span name)
{
	unsigned i;

	for (i = 0; i < KEYS; i++)
		if (span_eq(name, span_of(keys[i].name)))
			break;
	return (enum key_id)i;
}

static int
read_line(struct reader *r, struct span line, int *last, size_t number,
    struct po_err *err)
{
	struct span value = line, name = span_cut(&value, '=');
	enum key_id key = key_of(name);

	if (key == KEYS || name.len == line.len)
		return po_fail(err, PO_ECORRUPT,
		    "envelope line %zu: unknown key (written by a newer "
		    "version?)",
		    number);
	/* Rows come in the table's order; from rcpt on they repeat as rcpt,
	 * notify, orcpt. */
	if ((int)key < *last && key < KEY_RCPT)
		return po_fail(err, PO_ECORRUPT,
		    "envelope line %zu: %s out of order", number,
		    keys[key].name);
	if ((int)key == *last && !keys[key].repeats)
		return po_fail(err, PO_ECORRUPT,
		    "envelope line %zu: %s repeated", number, keys[key].name);
	if (!read_value(r, key, value))
		return po_fail(err, PO_ECORRUPT,
		    "envelope line %zu: bad value of %s", number,
		    keys[key].name);
	*last = (int)key;
	return 0;
}

int
envelope_decode(struct span text, struct arena *arena, struct envelope *env,
    struct po_err *err)
{
	struct reader r = { arena, env, 0, 0 };
	size_t number = 0;
	bool sender, body;
	int last = -1;

	*env = (struct envelope){ .priority = PRIORITY_MEDIUM };
	if (text.len == 0 || text.p[text.len - 1] != '\n')
		return po_fail(err, PO_ECORRUPT,
		    "envelope: the last line is cut");
	text.len--;
	while (text.len > 0)
		if (read_line(&r, span_cut(&text, '\n'), &last, ++number,
		        err) == -1)
			return -1;
	if (env->zone != NULL && env->body != BODY_TEMPLATE)
		return po_fail(err, PO_ECORRUPT,
		    "envelope: zone without a template");
	sender = env->sender != NULL;
	body = (env->body == BODY_TEMPLATE) == (env->n_templates > 0);
	if (env->id.text[0] == '\0' || !sender || env->n_recipients == 0 ||
	    !body)
		return po_fail(err, PO_ECORRUPT, "envelope: %s missing",
		    env->id.text[0] == '\0' ? "id"
		    : !sender               ? "sender"
		    : !body                 ? "template"
		                            : "rcpt");
	return 0;
}
