/* SPDX-License-Identifier: ISC */
/*
 * A field lies `offset` bytes into the target and has the C type that
 * enum conf_type names; memcpy moves it, so that no pointer is cast to a type
 * it may not be aligned for.
 */
#include "conf/value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/lists.h"
#include "util/parse_num.h"
#include "util/xalloc.h"

#define LONGEST_STRING 4096

static void *
field(const struct conf_option *o, void *target)
{
	return (char *)target + o->offset;
}

static const void *
field_const(const struct conf_option *o, const void *target)
{
	return (const char *)target + o->offset;
}

static bool
parse_bool(struct span s, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = { { "true", true }, { "yes", true }, { "on", true },
		{ "false", false }, { "no", false }, { "off", false } };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_eq_nocase(s, span_of(words[i].word))) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

static bool
parse_number(enum conf_type type, struct span s, int64_t *out)
{
	uint64_t bytes;

	switch (type) {
	case CONF_INT:
		return parse_i64(s, INT64_MIN + 1, INT64_MAX, out);
	case CONF_SIZE:
		if (!parse_size(s, &bytes))
			return false;
		*out = (int64_t)bytes;
		return true;
	default:
		return parse_duration(s, out);
	}
}

/* The largest unit that divides `v`; units ascend, each a multiple of the
 * one before. */
static bool
put_with_unit(int64_t v, const char *names, const int64_t *units, size_t n,
    struct buf *out)
{
	size_t i = n;

	while (i-- > 1)
		if (v != 0 && v % units[i] == 0)
			return buf_printf(out, "%" PRId64 "%c", v / units[i],
			    names[i]);
	return buf_printf(out, "%" PRId64, v);
}

static bool
put_number(enum conf_type type, int64_t v, struct buf *out)
{
	static const int64_t sizes[] = { 1, INT64_C(1) << 10, INT64_C(1) << 20,
		INT64_C(1) << 30, INT64_C(1) << 40 };
	static const int64_t durations[] = { 1, 60, 3600, 86400 };

	switch (type) {
	case CONF_SIZE:
		return put_with_unit(v, " kMGT", sizes, 5, out);
	case CONF_DURATION:
		if (v % 60 != 0)
			return buf_printf(out, "%" PRId64 "s", v);
		return put_with_unit(v, "smhd", durations, 4, out);
	default:
		return buf_printf(out, "%" PRId64, v);
	}
}

static const char *
kind_name(enum conf_type type)
{
	switch (type) {
	case CONF_BOOL:
		return "true or false";
	case CONF_INT:
		return "an integer";
	case CONF_SIZE:
		return "a size such as \"10M\"";
	case CONF_DURATION:
		return "a time such as \"90s\", \"5m\" or \"1h30m\"";
	case CONF_WORD:
		return "a word";
	default:
		return "a string";
	}
}

static int
refuse(const struct conf_option *o, struct span text, const char *where,
    const char *wanted, struct po_err *err)
{
	int shown = text.len > 60 ? 60 : (int)text.len;

	return po_fail(err, PO_ECONFIG, "%s: %s: \"%.*s\" is not %s", where,
	    o->name, shown, text.p, wanted);
}

static int
refuse_range(const struct conf_option *o, struct span text, const char *where,
    int64_t min, int64_t max, struct po_err *err)
{
	struct buf range;
	int rc;

	buf_init(&range, 128);
	buf_puts(&range, "in the range ");
	put_number(o->type, min, &range);
	if (max == INT64_MAX) {
		buf_puts(&range, " or more");
	} else {
		buf_puts(&range, " to ");
		put_number(o->type, max, &range);
	}
	rc = refuse(o, text, where, buf_str(&range), err);
	buf_clear(&range);
	return rc;
}

static int
set_number(const struct conf_option *o, void *target, struct span text,
    const char *where, struct po_err *err)
{
	int64_t max = o->min == 0 && o->max == 0 ? INT64_MAX : o->max;
	int64_t v;

	if (!parse_number(o->type, text, &v))
		return refuse(o, text, where, kind_name(o->type), err);
	if (v < o->min || v > max)
		return refuse_range(o, text, where, o->min, max, err);
	memcpy(field(o, target), &v, sizeof(v));
	return 0;
}

static int
set_word(const struct conf_option *o, void *target, struct span text,
    const char *where, struct po_err *err)
{
	struct buf wanted;
	int i, rc;

	for (i = 0; o->words[i] != NULL; i++) {
		if (span_eq_nocase(text, span_of(o->words[i]))) {
			memcpy(field(o, target), &i, sizeof(i));
			return 0;
		}
	}
	buf_init(&wanted, 400);
	buf_puts(&wanted, "one of");
	for (i = 0; o->words[i] != NULL; i++)
		buf_printf(&wanted, "%s %s", i == 0 ? "" : ",", o->words[i]);
	rc = refuse(o, text, where, buf_str(&wanted), err);
	buf_clear(&wanted);
	return rc;
}

/* No value of ours needs a control character, and one in a host name or an
 * address would end a header field or a command line. */
static int
set_string(const struct conf_option *o, void *target, struct span text,
    const char *where, struct po_err *err)
{
	size_t i;
	char *copy;

	if (text.len > LONGEST_STRING)
		return po_fail(err, PO_ECONFIG, "%s: %s: longer than %d bytes",
		    where, o->name, LONGEST_STRING);
	for (i = 0; i < text.len; i++)
		if (ascii_is_control((unsigned char)text.p[i]))
			return po_fail(err, PO_ECONFIG,
			    "%s: %s: has a control character", where, o->name);
	copy = xcalloc(1, text.len + 1);
	if (text.len > 0)
		memcpy(copy, text.p, text.len);
	conf_value_clear(o, target);
	memcpy(field(o, target), &copy, sizeof(copy));
	return 0;
}

int
conf_value_set(const struct conf_option *o, void *target, struct span text,
    const char *where, struct po_err *err)
{
	bool flag;

	switch (o->type) {
	case CONF_BOOL:
		if (!parse_bool(text, &flag))
			return refuse(o, text, where, kind_name(o->type), err);
		memcpy(field(o, target), &flag, sizeof(flag));
		return 0;
	case CONF_WORD:
		return set_word(o, target, text, where, err);
	case CONF_STRING:
		return set_string(o, target, text, where, err);
	case CONF_NAMES:
		return conf_names_set(o, field(o, target), text, where, err);
	case CONF_LIST:
		return po_fail(err, PO_ECONFIG,
		    "%s: %s: a list is set in the file only", where, o->name);
	default:
		return set_number(o, target, text, where, err);
	}
}

void
conf_value_init(const struct conf_option *o, void *target)
{
	static const struct conf_names no_names;
	static const struct conf_list no_list;
	static char *const no_string;

	if (o->type == CONF_STRING)
		memcpy(field(o, target), &no_string, sizeof(no_string));
	if (o->type == CONF_NAMES)
		memcpy(field(o, target), &no_names, sizeof(no_names));
	if (o->type == CONF_LIST)
		memcpy(field(o, target), &no_list, sizeof(no_list));
	conf_value_reset(o, target);
}

void
conf_value_reset(const struct conf_option *o, void *target)
{
	struct span text = span_of(o->fallback == NULL ? "" : o->fallback);
	static const bool no = false;
	static const int first = 0;
	static const int64_t zero = 0;
	int rc;

	if (o->fallback != NULL || o->type == CONF_STRING) {
		rc = conf_value_set(o, target, text, "default", NULL);
		assert(rc == 0);
		(void)rc;
	} else if (o->type == CONF_BOOL) {
		memcpy(field(o, target), &no, sizeof(no));
	} else if (o->type == CONF_WORD) {
		memcpy(field(o, target), &first, sizeof(first));
	} else if (o->type == CONF_NAMES || o->type == CONF_LIST) {
		conf_value_clear(o, target);
	} else {
		memcpy(field(o, target), &zero, sizeof(zero));
	}
}

void
conf_value_clear(const struct conf_option *o, void *target)
{
	char *s;

	if (o->type == CONF_NAMES)
		conf_names_clear(field(o, target));
	if (o->type == CONF_LIST)
		conf_list_clear(o, field(o, target));
	if (o->type != CONF_STRING)
		return;
	memcpy(&s, field(o, target), sizeof(s));
	free(s);
	s = NULL;
	memcpy(field(o, target), &s, sizeof(s));
}

bool
conf_value_put(const struct conf_option *o, const void *target, struct buf *out)
{
	const void *p = field_const(o, target);
	const char *s;
	int64_t v;
	bool flag;
	int word;

	switch (o->type) {
	case CONF_BOOL:
		memcpy(&flag, p, sizeof(flag));
		return buf_puts(out, flag ? "true" : "false");
	case CONF_WORD:
		memcpy(&word, p, sizeof(word));
		return conf_string_put(o->words[word], out);
	case CONF_STRING:
		memcpy(&s, p, sizeof(s));
		return conf_string_put(s, out);
	case CONF_NAMES:
		return conf_names_put(p, out);
	case CONF_LIST:
		return conf_list_put(o, p, out);
	case CONF_INT:
		memcpy(&v, p, sizeof(v));
		return put_number(o->type, v, out);
	default:
		memcpy(&v, p, sizeof(v));
		return buf_putc(out, '"') && put_number(o->type, v, out) &&
		       buf_putc(out, '"');
	}
}
