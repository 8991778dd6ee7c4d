/* SPDX-License-Identifier: ISC */
/*
 * A mail as JSON: whatever it says, each line of what is written is a header
 * field or a continuation up to the empty line, no line is longer than 998 or
 * holds a byte that a server may refuse.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "compose/letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
gather(void *ctx, const void *p, size_t len, struct po_err *err)
{
	return buf_put(ctx, p, len) ? 0 : po_fail(err, PO_EOS, "full");
}

static void
check_header(struct span s)
{
	struct span line;
	bool first = true;
	const char *colon;

	while (s.len > 0) {
		line = span_cut(&s, '\n');
		assert(memchr(line.p, '\r', line.len) == NULL);
		colon = memchr(line.p, ':', line.len);
		if (line.len > 0 && !ascii_is_blank((unsigned char)line.p[0]))
			assert(colon != NULL && colon > line.p);
		else
			assert(!first && line.len > 0);
		first = false;
	}
}

static void
check_body(struct span s)
{
	size_t i, column = 0;

	for (i = 0; i < s.len; i++) {
		column = s.p[i] == '\n' ? 0 : column + 1;
		assert(column <= 998 && (unsigned char)s.p[i] < 0x80 &&
		       s.p[i] != '\0' && s.p[i] != '\r');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out, body;
	struct po_err err;
	struct letter l;
	size_t i;

	letter_init(&l);
	buf_init(&out, 8u << 20);
	buf_init(&body, 8u << 20);
	if (letter_read_json(&l, (struct span){ (const char *)data, size },
	        &err) == 0 &&
	    letter_check(&l, &err) == 0 &&
	    letter_put_header(&l,
	        l.source.has[PART_SUBJECT] ? &l.source.part[PART_SUBJECT]
	                                   : NULL,
	        &out, &err) == 0) {
		const struct mime_body m = { l.source.has[PART_TEXT],
			l.source.has[PART_HTML], l.source.part[PART_TEXT],
			l.source.part[PART_HTML], l.files, l.n_files };

		check_header(buf_span(&out));
		for (i = 0; i < l.n_files; i++)
			l.files[i].path = NULL; /* opens nothing here */
		if (mime_write(&m, (struct sink){ gather, &body }, &err) == 0)
			check_body(buf_span(&body));
	}
	buf_clear(&out);
	buf_clear(&body);
	letter_clear(&l);
	return 0;
}
