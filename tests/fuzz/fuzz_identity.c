/* SPDX-License-Identifier: ISC */
/*
 * A header from anybody, with a rule that makes every sender one address: what
 * stands in the place of From and Sender names nobody else, is no longer than a
 * line may be, begins no other field than those it may, and would not be
 * changed again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope/address.h"
#include "submit/identity_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define APP "app@e.test"

static char from[] = APP, place[] = "po.conf:1", *places[] = { place };
static struct sender_rule rule = { .from = from };
static const struct submit_conf conf = { .sender = { &rule, 1, places } };
static const struct submit_host host = { "mx.d.test", "d.test" };

static void
check_field(const struct header *h, const struct header_field *f)
{
	static const char *const others[] = { "X-Original-From",
		"X-Original-Sender", "X-Original-Resent-From",
		"X-Original-Resent-Sender" };
	struct address_list list;
	struct address a;
	size_t i;

	if (f->id == FIELD_REPLY_TO)
		return;
	if (f->id == FIELD_OTHER) {
		for (i = 0; i < 4; i++)
			if (span_eq(header_name(h, f), span_of(others[i])))
				return;
		assert(false && "another field");
	}
	assert(f->id == FIELD_FROM || f->id == FIELD_SENDER ||
	       f->id == FIELD_RESENT_FROM || f->id == FIELD_RESENT_SENDER);
	address_list_init(&list, header_value(h, f), NULL);
	while ((i = (size_t)address_next(&list, &a, NULL)) == 1)
		assert(strcmp(a.text, APP) == 0);
	assert(i == 0);
	address_list_clear(&list);
}

static void
read_header(struct header *h, struct span in)
{
	struct span text;
	size_t used;

	header_init(h, 1 << 20);
	if (header_write(h, in.p, in.len, &used, &text, NULL) == 0)
		(void)header_end(h, &text, NULL);
}

static void
check_lines(struct span lines)
{
	const struct header_change *changes;
	struct identity id;
	struct arena arena;
	struct header h;
	struct span rest = lines, line;
	size_t i, n;

	assert(lines.len > 0 && lines.p[lines.len - 1] == '\n');
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		assert(line.len > 0 && line.len <= 998);
	}
	read_header(&h, lines);
	assert(h.text.len == lines.len);
	for (i = 0; i < h.n; i++)
		check_field(&h, &h.fields[i]);
	arena_init(&arena, 8 << 20);
	identity_init(&id, &conf, &host, &arena);
	assert(identity_header(&id, &h, &changes, &n, NULL) == 0);
	assert(n == 0);
	arena_clear(&arena);
	header_clear(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct header_change *changes;
	char *text = malloc(size + 1);
	struct identity id;
	struct arena arena;
	struct header h;
	size_t i, n;

	assert(text != NULL);
	for (i = 0, n = 0; i < size; i++) /* clean lines have neither */
		if (data[i] != '\r' && data[i] != '\0')
			text[n++] = (char)data[i];
	rule.reply_to = n % 2 == 1;
	read_header(&h, (struct span){ text, n });
	arena_init(&arena, 8 << 20);
	identity_init(&id, &conf, &host, &arena);
	if (identity_header(&id, &h, &changes, &n, NULL) == 0)
		for (i = 0; i < n; i++)
			check_lines(changes[i].lines);
	arena_clear(&arena);
	header_clear(&h);
	free(text);
	return 0;
}
