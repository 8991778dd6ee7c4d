/* SPDX-License-Identifier: ISC */
/* The envelope goes through its text form, as it would in a file. */
#include "fake_drop.h"

struct drop *fake_drop_to_open;

void
fake_drop_init(struct drop *d)
{
	*d = (struct drop){ 0 };
	arena_init(&d->arena, 64 << 20);
	buf_init(&d->content, 64 << 20);
}

void
fake_drop_clear(struct drop *d)
{
	arena_clear(&d->arena);
	buf_clear(&d->content);
}

int
drop_open(const struct drop_conf *conf, struct drop **out, struct po_err *err)
{
	if (fake_drop_to_open == NULL)
		return po_fail(err, PO_ETEMP, "%s: not there", conf->spool);
	*out = fake_drop_to_open;
	(*out)->open = true;
	return 0;
}

void
drop_close(struct drop *d)
{
	if (d != NULL)
		d->open = false;
}

int
drop_begin(struct drop *d, const struct envelope *env, struct po_err *err)
{
	struct buf text;
	int rc;

	if (d->fail_begin)
		return po_fail(err, PO_EFULL, "no space");
	buf_init(&text, ENVELOPE_MAX_BYTES);
	rc = envelope_encode(env, &text, err);
	if (rc == 0)
		rc = envelope_decode(buf_span(&text), &d->arena, &d->env, err);
	buf_clear(&text);
	buf_reset(&d->content);
	d->begun++;
	return rc;
}

static int
take(void *ctx, const void *p, size_t len, struct po_err *err)
{
	struct drop *d = ctx;

	if (d->fail_after > 0 && d->content.len + len > d->fail_after)
		return po_fail(err, PO_EIO, "disk gone");
	if (!buf_put(&d->content, p, len))
		return po_fail(err, PO_EOS, "no memory");
	return 0;
}

struct sink
drop_sink(struct drop *d)
{
	return (struct sink){ take, d };
}

int
drop_publish(struct drop *d, struct po_err *err)
{
	if (d->fail_publish)
		return po_fail(err, PO_EIO, "sync failed");
	d->published++;
	return 0;
}

void
drop_discard(struct drop *d)
{
	d->discarded++;
}
