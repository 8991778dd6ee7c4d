/* SPDX-License-Identifier: ISC */
/*
 * The content passes through a machine of five places in a line, in pieces of
 * any size: only the name of a field is ever held, until it is known whether
 * the field counts. A name longer than those that do not count is none of them.
 */
#include "spool/digest.h"

#include <stdlib.h>
#include <string.h>

#include "message/header.h"
#include "util/fd.h"
#include "util/span.h"

#define CHUNK_BYTES 65536u
#define NAME_BYTES 64u

/* What a repeat has anew. */
static const enum field_id left_out[] = { FIELD_DATE, FIELD_MESSAGE_ID,
	FIELD_RECEIVED, FIELD_RESENT_DATE, FIELD_RESENT_MESSAGE_ID };

enum at { AT_LINE, AT_NAME, AT_KEPT, AT_SKIPPED, AT_BODY };

struct filter {
	struct sha256 *sha;
	enum at at;
	bool skipping; /* the field before, which a continuation belongs to */
	char name[NAME_BYTES];
	size_t n;
};

static bool
is_left_out(struct span name)
{
	size_t i;

	name = span_trim(name);
	for (i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (span_eq_nocase(name, span_of(field_name(left_out[i]))))
			return true;
	return false;
}

/* The name ends, or turns out to be none. */
static void
decide(struct filter *f, bool is_field)
{
	f->skipping = is_field && is_left_out((struct span){ f->name, f->n });
	f->at = f->skipping ? AT_SKIPPED : AT_KEPT;
	if (!f->skipping)
		sha256_take(f->sha, f->name, f->n);
	f->n = 0;
}

/* One byte where it matters which. False: it belongs to what comes next. */
static bool
take_byte(struct filter *f, char c)
{
	if (f->at == AT_LINE) {
		if (c == '\n')
			f->at = AT_BODY;
		else if (ascii_is_blank((unsigned char)c))
			f->at = f->skipping ? AT_SKIPPED : AT_KEPT;
		else
			f->at = AT_NAME;
		return false;
	}
	if (c == ':' || c == '\n' || f->n == sizeof(f->name)) {
		decide(f, c == ':');
		return false;
	}
	f->name[f->n++] = c;
	return true;
}

/* The rest of a line, or as much of it as is here. */
static size_t
take_run(struct filter *f, const char *p, size_t len)
{
	const char *end = f->at == AT_BODY ? NULL : memchr(p, '\n', len);
	size_t n = end == NULL ? len : (size_t)(end - p) + 1;

	if (f->at != AT_SKIPPED)
		sha256_take(f->sha, p, n);
	if (end != NULL)
		f->at = AT_LINE;
	return n;
}

static void
filter_take(struct filter *f, const char *p, size_t len)
{
	size_t i = 0;

	while (i < len) {
		if (f->at == AT_LINE || f->at == AT_NAME)
			i += take_byte(f, p[i]) ? 1 : 0;
		else
			i += take_run(f, p + i, len - i);
	}
}

static void
filter_end(struct filter *f)
{
	if (f->at == AT_NAME)
		decide(f, false);
}

/* ------------------------------------------------------------ the envelope */

/* "from" or "to", an address, its domain without case: no address has an LF. */
static void
take_address(struct sha256 *s, const char *what, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t local = at == NULL ? strlen(address) : (size_t)(at - address);
	char domain[ENVELOPE_MAX_ADDRESS + 2];
	size_t i, n = 0;

	sha256_take(s, what, strlen(what));
	sha256_take(s, address, local);
	for (i = local; address[i] != '\0' && n < sizeof(domain); i++)
		domain[n++] = (char)ascii_lower((unsigned char)address[i]);
	sha256_take(s, domain, n);
	sha256_take(s, "\n", 1);
}

static int
compare_addresses(const char *a, const char *b)
{
	const char *at_a = strrchr(a, '@'), *at_b = strrchr(b, '@');
	size_t la = at_a == NULL ? strlen(a) : (size_t)(at_a - a);
	size_t lb = at_b == NULL ? strlen(b) : (size_t)(at_b - b);
	int d = memcmp(a, b, la < lb ? la : lb);

	if (d != 0 || la != lb)
		return d != 0 ? d : (la > lb) - (la < lb);
	for (a += la, b += lb; *a != '\0' || *b != '\0'; a++, b++) {
		d = ascii_lower((unsigned char)*a) -
		    ascii_lower((unsigned char)*b);
		if (d != 0)
			return d;
	}
	return 0;
}

static int
by_address(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return compare_addresses(*a, *b);
}

/* Which templates, whatever their versions: a repeat may meet newer ones. */
static void
take_templates(struct sha256 *s, const struct envelope *env)
{
	size_t i;

	for (i = 0; i < env->n_templates; i++) {
		const char *name = env->templates[i];
		const char *version = strrchr(name, '/');

		sha256_take(s, "template ", 9);
		sha256_take(s, name,
		    version == NULL ? strlen(name) : (size_t)(version - name));
		sha256_take(s, "\n", 1);
	}
}

static void
take_zone(struct sha256 *s, const struct envelope *env)
{
	if (env->zone == NULL)
		return;
	sha256_take(s, "zone ", 5);
	sha256_take(s, env->zone, strlen(env->zone));
	sha256_take(s, "\n", 1);
}

/* As a set: in whatever order, and each once. */
static int
take_recipients(struct sha256 *s, const struct envelope *env,
    struct po_err *err)
{
	const char **all = calloc(env->n_recipients, sizeof(*all));
	size_t i;

	if (all == NULL)
		return po_fail(err, PO_EOS, "no memory for recipients");
	for (i = 0; i < env->n_recipients; i++)
		all[i] = env->recipients[i].address;
	qsort(all, env->n_recipients, sizeof(*all), by_address);
	for (i = 0; i < env->n_recipients; i++)
		if (i == 0 || compare_addresses(all[i - 1], all[i]) != 0)
			take_address(s, "to ", all[i]);
	free(all);
	return 0;
}

/* ------------------------------------------------------------ all of it */

static int
take_content(struct filter *f, const struct message_file *m, struct po_err *err)
{
	off_t at = m->content_at, end = m->size - CELL_BYTES;
	char *chunk = malloc(CHUNK_BYTES);
	size_t some;
	int rc = 0;

	if (chunk == NULL)
		return po_fail_sys(err, PO_EOS, "digest of a message");
	for (; rc == 0 && at < end; at += (off_t)some) {
		some =
		    end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
		rc = fd_pread_all(m->fd, chunk, some, at, "message", err);
		if (rc == 0)
			filter_take(f, chunk, some);
	}
	free(chunk);
	filter_end(f);
	return rc;
}

int
digest_message(const struct message_file *f, const struct envelope *env,
    unsigned char digest[SHA256_BYTES], struct po_err *err)
{
	struct filter filter = { .at = AT_LINE };

	if (sha256_begin(&filter.sha, err) == -1)
		return -1;
	take_address(filter.sha, "from ", env->sender);
	take_templates(filter.sha, env);
	take_zone(filter.sha, env);
	if (take_recipients(filter.sha, env, err) == -1 ||
	    take_content(&filter, f, err) == -1) {
		sha256_discard(filter.sha);
		return -1;
	}
	return sha256_end(filter.sha, digest, err);
}

int
digest_content(const char *content, size_t len, size_t piece,
    unsigned char digest[SHA256_BYTES], struct po_err *err)
{
	struct filter filter = { .at = AT_LINE };
	size_t i;

	if (sha256_begin(&filter.sha, err) == -1)
		return -1;
	for (i = 0; i < len; i += piece)
		filter_take(&filter, content + i,
		    len - i < piece ? len - i : piece);
	filter_end(&filter);
	return sha256_end(filter.sha, digest, err);
}
