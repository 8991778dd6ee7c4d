/* SPDX-License-Identifier: ISC */
/*
 * What a server offers. The first line never counts, and a line that was read
 * once means the same when it is read twice.
 */
#include <assert.h>
#include <stdint.h>

#include "deliver/ehlo.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
offers(const struct ehlo *e)
{
	return e->pipelining || e->eightbit || e->smtputf8 || e->dsn ||
	       e->starttls || e->size || e->auth != 0 || e->requiretls ||
	       e->mt_priority || e->deliverby || e->rcpt_max != 0 ||
	       e->mail_max != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size }, rest = text, first;
	struct ehlo once, twice;
	struct buf b;

	ehlo_parse(text, &once);
	first = span_cut(&rest, '\n');
	ehlo_parse(first, &twice);
	assert(!offers(&twice));
	buf_init(&b, 2 * size + 2);
	assert(buf_put_span(&b, text) && buf_putc(&b, '\n') &&
	       buf_put_span(&b, rest));
	ehlo_parse(buf_span(&b), &twice);
	assert(once.pipelining == twice.pipelining);
	assert(once.eightbit == twice.eightbit);
	assert(once.smtputf8 == twice.smtputf8 && once.dsn == twice.dsn);
	assert(once.starttls == twice.starttls && once.auth == twice.auth);
	assert(once.size == twice.size);
	assert(once.size_limit == twice.size_limit);
	buf_clear(&b);
	return 0;
}
