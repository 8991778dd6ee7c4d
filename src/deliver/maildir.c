/* SPDX-License-Identifier: ISC */
/*
 * The transport "maildir": each recipient has a Maildir of his own, whose path
 * comes from his address. The part of the path that the configuration alone
 * says is opened as it is; from there on it goes folder by folder, never
 * through a link, so that neither an address nor somebody with rights in a
 * mailbox leads out of it.
 *
 * That first part must be there: a disk that is not mounted defers mail. What
 * is missing behind it is an unknown user, or is made. A copy that is synced,
 * and its folder synced, is delivered.
 */
#include "deliver/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/content.h"
#include "deliver/expand.h"
#include "deliver/local.h"
#include "deliver/maildir_file.h"
#include "deliver/setup.h"
#include "deliver/trace.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

struct maildirs {
	const struct deliver_conf *conf;
	const struct maildir_conf *box;
	const volatile sig_atomic_t *stop;
	char hop[DELIVER_HOP_MAX];
	struct maildir dir;
	struct buf head, base, rest;
	bool down;
};

static const mode_t modes[] = { [MAILDIR_0600] = 0600,
	[MAILDIR_0640] = 0640,
	[MAILDIR_0660] = 0660 };

/* ------------------------------------------------------------------ path */

/* The bytes of `path` before the folder that has the first placeholder, or
 * before the last. */
static size_t
base_length(const char *path)
{
	const char *p = path, *slash = path, *next;
	char part[MAILDIR_PATH_MAX];

	while ((next = strchr(p + 1, '/')) != NULL && next[1] != '\0') {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(next - p), p);
		if (expand_has(part))
			break;
		p = slash = next;
	}
	return (size_t)(slash - path);
}

static bool
value_ok(const char *value)
{
	return strchr(value, '/') == NULL;
}

/* It neither leads up nor is hidden by what stands in an address. */
static bool
part_ok(const char *text, const char *made)
{
	return strcmp(made, "..") != 0 && strlen(made) <= NAME_MAX &&
	       (made[0] != '.' || text[0] == '.');
}

/* The next part of the template `text`, expanded, behind what is in `rest`. */
static bool
add_part(const char *text, const struct expand_values *v, struct buf *rest)
{
	struct buf part;
	bool ok;

	buf_init(&part, MAILDIR_PATH_MAX);
	ok = expand(text, v, &part) && part_ok(text, buf_str(&part));
	if (ok && part.len > 0 && strcmp(buf_str(&part), ".") != 0)
		ok = (rest->len == 0 || buf_putc(rest, '/')) &&
		     buf_puts(rest, buf_str(&part));
	buf_clear(&part);
	return ok;
}

int
maildir_path(const struct deliver_conf *conf, const struct maildir_conf *c,
    const char *address, struct buf *base, struct buf *rest, struct po_err *err)
{
	size_t n = base_length(c->path);
	struct expand_values v = { { NULL } };
	struct expand_parts parts;
	struct span left = span_of(c->path + n), part;
	char text[MAILDIR_PATH_MAX];

	buf_reset(base);
	buf_reset(rest);
	(void)snprintf(text, sizeof(text), "%.*s", (int)n, c->path);
	if (strlen(c->path) >= sizeof(text) || !expand(text, &v, base))
		return po_fail(err, PO_EOS, "maildir: the path is too long");
	if (!expand_split(address, conf->recipient_delimiter, true, true,
	        &parts) ||
	    !value_ok(parts.mailbox) || !value_ok(parts.domain) ||
	    parts.user[0] == '\0')
		return 0;
	expand_set_parts(&v, &parts);
	while (left.len > 0) {
		part = span_cut(&left, '/');
		(void)snprintf(text, sizeof(text), "%.*s", (int)part.len,
		    part.p);
		if (!add_part(text, &v, rest))
			return 0;
	}
	return rest->len > 0;
}

/* ------------------------------------------------------------------ folders */

/* The folder `name` of *fd, which is closed. 1, 0 it is missing, -1. */
static int
step_down(const struct maildirs *s, int *fd, const char *name,
    struct po_err *err)
{
	int next;

	next =
	    openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next == -1 && errno == ENOENT && s->box->create)
		next = maildir_make_folder(*fd, name,
		    maildir_folder_mode(modes[s->box->mode]), err);
	else if (next == -1 && errno == ENOENT)
		return 0;
	else if (next == -1)
		(void)po_fail_sys(err, PO_EIO, "maildir: open %s", name);
	fd_close(fd);
	*fd = next;
	return next == -1 ? -1 : 1;
}

/* The mailbox that s->rest is, from s->base on: 1 with *out, 0, -1. */
static int
open_mailbox(struct maildirs *s, int base, int *out, struct po_err *err)
{
	struct span left = buf_span(&s->rest), part;
	char name[NAME_MAX + 1];
	int rc = 1;

	*out = base;
	while (rc == 1 && left.len > 0) {
		part = span_cut(&left, '/');
		(void)snprintf(name, sizeof(name), "%.*s", (int)part.len,
		    part.p);
		rc = step_down(s, out, name, err);
	}
	if (rc != 1)
		fd_close(out);
	return rc;
}

/* ------------------------------------------------------------------ mail */

static void
defer(struct maildirs *s, const struct po_err *err, bool all,
    struct delivery *d)
{
	if (maildir_judge(err, d) && (all || err->code == PO_EFULL))
		s->down = true;
}

/* Into the Maildir `top`. A copy that has its name, but may not keep it, is in
 * doubt. */
static void
put_into(struct maildirs *s, int top, const struct deliver_message *m,
    const struct recipient *r, struct delivery *d)
{
	struct po_err err = { .code = PO_OK };

	buf_reset(&s->head);
	if (maildir_open(&s->dir, top, &err) == -1 ||
	    trace_put(&s->head, m, r, TRACE_MAILBOX, wallclock_now(), &err) ==
	        -1 ||
	    maildir_put(&s->dir, m, buf_span(&s->head), &err) == -1) {
		defer(s, &err, false, d);
	} else if (maildir_sync(&s->dir, &err) == -1) {
		defer(s, &err, false, d);
		d->state = DELIVERY_IN_DOUBT;
	} else {
		delivery_set(d, DELIVERY_SENT, PHASE_LOCAL, "2.0.0",
		    "delivered to maildir");
		d->handover = HANDOVER_DELIVERED;
	}
	maildir_close(&s->dir);
}

/* The folder that all mailboxes are in, or -1. */
static int
open_base(struct maildirs *s, struct po_err *err)
{
	const char *path = s->base.len == 0 ? "/" : buf_str(&s->base);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? po_fail_sys(err, PO_EIO, "maildir: open %s", path)
	                : fd;
}

static void
deliver(struct maildirs *s, const struct deliver_message *m,
    const struct recipient *r, struct delivery *d)
{
	struct po_err err = { .code = PO_OK };
	int base = -1, top, rc;

	rc = maildir_path(s->conf, s->box, r->address, &s->base, &s->rest,
	    &err);
	if (rc == 0) {
		delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.1.3",
		    "no mailbox can have the address %s", r->address);
		return;
	}
	if (rc == 1)
		base = open_base(s, &err);
	if (base == -1) {
		defer(s, &err, true, d);
		return;
	}
	rc = open_mailbox(s, base, &top, &err);
	if (rc == 1)
		put_into(s, top, m, r, d);
	else if (rc == 0)
		delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.1.1",
		    "unknown user: %s has no mailbox here", r->address);
	else
		defer(s, &err, false, d);
	fd_close(&top);
}

/* ------------------------------------------------------------------ table */

static int
prepare(struct deliver_setup *setup, struct po_err *err)
{
	(void)setup;
	(void)err;
	return 0;
}

static int
begin(void *state, const struct deliver_message *m, struct delivery *results)
{
	struct maildirs *s = state;
	size_t i;

	s->down = false;
	for (i = 0; i < m->n; i++)
		results[i] = (struct delivery){ .state = DELIVERY_UNTOUCHED };
	return s->stop == NULL || *s->stop == 0;
}

static void
send_content(void *state, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	struct maildirs *s = state;
	size_t i;

	(void)next;
	for (i = 0; i < m->n && !(s->stop != NULL && *s->stop != 0); i++)
		deliver(s, m, &m->env->recipients[m->which[i]], &results[i]);
}

static const char *
relay_of(const void *state)
{
	const struct maildirs *s = state;

	return s->hop;
}

static bool
is_down(const void *state)
{
	const struct maildirs *s = state;

	return s->down;
}

static void
maildirs_free(void *state)
{
	struct maildirs *s = state;

	buf_clear(&s->head);
	buf_clear(&s->base);
	buf_clear(&s->rest);
	free(s->dir.block);
	free(s);
}

static void *
maildirs_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	const char *colon = strchr(hop, ':');
	struct maildirs *s;
	const struct maildir_conf *box;

	(void)stop_grace_s;
	if (local_find_maildir(setup->conf, colon == NULL ? NULL : colon + 1,
	        hop, &box, err) == -1)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->conf = setup->conf;
	s->box = box;
	s->stop = stop;
	(void)snprintf(s->hop, sizeof(s->hop), "%s", hop);
	s->dir = (struct maildir){ .tmp = -1,
		.new = -1,
		.mode = modes[box->mode],
		.host = setup->conf->hostname,
		.block = xcalloc(1, CONTENT_BLOCK_BYTES) };
	buf_init(&s->head, TRACE_MAX_BYTES);
	buf_init(&s->base, MAILDIR_PATH_MAX);
	buf_init(&s->rest, MAILDIR_PATH_MAX);
	return s;
}

/* What the addresses do not decide of each path. */
static void
maildir_needs(const struct deliver_setup *setup, struct deliver_needs *needs)
{
	const struct rule *rule;
	size_t i;

	for (i = 0; i < setup->routes->n_rules; i++) {
		rule = &setup->routes->rules[i];
		if (rule->maildir != NULL)
			deliver_needs_folder(needs,
			    (struct span){ rule->maildir->path,
			        base_length(rule->maildir->path) });
	}
}

const struct transport transport_maildir = {
	.name = "maildir",
	.prepare = prepare,
	.needs = maildir_needs,
	.open = maildirs_new,
	.begin = begin,
	.send = send_content,
	.relay = relay_of,
	.hop_down = is_down,
	.close = maildirs_free,
};
