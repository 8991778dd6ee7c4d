/* SPDX-License-Identifier: ISC */
/*
 * What comes out of an address list can stand in a line of SMTP, and reading it
 * again gives the same address.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "envelope/address.h"
#include "envelope/envelope.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const struct address *a)
{
	struct address_list list;
	struct address b;
	struct buf angle;

	buf_init(&angle, a->len + 2);
	assert(buf_putc(&angle, '<') && buf_puts(&angle, a->text) &&
	       buf_putc(&angle, '>'));
	address_list_init(&list, buf_span(&angle), NULL);
	assert(address_next(&list, &b, NULL) == 1);
	assert(b.len == a->len && memcmp(a->text, b.text, a->len) == 0);
	assert(address_next(&list, &b, NULL) == 0);
	address_list_clear(&list);
	buf_clear(&angle);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct address_list list;
	struct address a;
	struct po_err err;
	size_t i;
	int rc;

	address_list_init(&list, in, "d.test");
	while ((rc = address_next(&list, &a, &err)) == 1) {
		assert(a.len <= ENVELOPE_MAX_ADDRESS);
		assert(strlen(a.text) == a.len);
		assert(utf8_is_valid((struct span){ a.text, a.len }));
		for (i = 0; i < a.len; i++)
			assert(!ascii_is_control((unsigned char)a.text[i]));
		assert(a.spec.p >= in.p && a.spec.len <= size &&
		       a.spec.p + a.spec.len <= in.p + size);
		check_again(&a);
	}
	assert(rc == 0 || err.code == PO_EDATA);
	address_list_clear(&list);
	return 0;
}
