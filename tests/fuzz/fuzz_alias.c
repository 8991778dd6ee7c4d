/* SPDX-License-Identifier: ISC */
/*
 * An aliases file: entries lie in the text, one behind the other, and targets
 * in their entry; a target that is an address can stand in a line of SMTP, and
 * one that was meant as command, file or include never comes out as one.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope/alias.h"
#include "envelope/envelope.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_target(const struct alias_target *t, const struct alias_entry *e)
{
	const struct address *a = &t->address;
	size_t i;

	assert(t->raw.p >= e->targets && t->raw.len > 0 &&
	       t->raw.p + t->raw.len <= e->targets + e->len);
	assert(t->line >= e->line);
	if (t->kind != ALIAS_ADDRESS) {
		assert(t->fault.code == PO_EDATA && t->fault.text[0] != '\0');
		return;
	}
	assert(a->len > 0 && a->len <= ENVELOPE_MAX_ADDRESS);
	assert(strlen(a->text) == a->len);
	assert(utf8_is_valid((struct span){ a->text, a->len }));
	for (i = 0; i < a->len; i++)
		assert(!ascii_is_control((unsigned char)a->text[i]));
	assert(t->raw.p[0] != '|');
	assert(t->raw.p[0] != '/' || a->qualified);
}

static void
check_name(const struct alias_entry *e)
{
	struct buf once, twice;

	buf_init(&once, ENVELOPE_MAX_ADDRESS);
	buf_init(&twice, ENVELOPE_MAX_ADDRESS);
	if (alias_name_fold(e->name, &once) == NULL) {
		assert(alias_name_fold(buf_span(&once), &twice) == NULL);
		assert(span_eq(buf_span(&once), buf_span(&twice)));
	}
	buf_clear(&once);
	buf_clear(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	const char *end = text;
	struct alias_reader r;
	struct alias_entry e;
	struct alias_targets ts;
	struct alias_target t;

	assert(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	alias_reader_init(&r, text, size);
	while (alias_next(&r, &e)) {
		assert(e.targets >= end && e.targets + e.len <= text + size);
		end = e.targets + e.len;
		if (e.fault != NULL)
			continue;
		assert(e.name.len > 0 && e.name.p + e.name.len < e.targets);
		check_name(&e);
		alias_targets_init(&ts, &e);
		while (alias_target_next(&ts, &t))
			check_target(&t, &e);
		alias_targets_clear(&ts);
	}
	assert(r.len == 0);
	free(text);
	return 0;
}
