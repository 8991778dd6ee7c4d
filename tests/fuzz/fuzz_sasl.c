/* SPDX-License-Identifier: ISC */
/*
 * What a server says in a SASL dialogue: the first byte chooses a mechanism,
 * the lines are its challenges, in base64 or, behind '=', in clear. No server
 * that does not know the password is believed, and base64 has one spelling.
 */
#include <assert.h>
#include <stdint.h>

#include "deliver/base64.h"
#include "deliver/mechanism.h"
#include "deliver/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_base64(struct span line)
{
	struct buf raw, again;

	buf_init(&raw, line.len + 1);
	buf_init(&again, 2 * line.len + 8);
	if (sasl_base64_get(&raw, line)) {
		assert(sasl_base64_put(&again, buf_span(&raw)));
		assert(span_eq(buf_span(&again), line));
	}
	buf_clear(&raw);
	buf_clear(&again);
}

static bool
answer(struct sasl *s, struct span line)
{
	struct buf clear, out;
	bool ok;

	buf_init(&clear, 2 * line.len + 8);
	buf_init(&out, 2 * SASL_MESSAGE_BYTES);
	if (line.len > 0 && line.p[0] == '=') {
		line.p++;
		line.len--;
		ok = sasl_base64_put(&clear, line);
		assert(ok);
		line = buf_span(&clear);
	}
	ok = sasl_answer(s, line, &out);
	assert(ok == (s->why[0] == '\0'));
	secret_clear(&out);
	buf_clear(&clear);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size }, line;
	struct sasl s;

	if (size == 0 || size > 4096)
		return 0;
	sasl_begin(&s, (enum mechanism)(data[0] % MECHANISMS), "user",
	    SPAN_LIT("a password that no input knows"));
	s.nonce = "n";
	s.host = "mail.example";
	rest.p++;
	rest.len--;
	if (!sasl_speaks_first(&s) || answer(&s, SPAN_LIT(""))) {
		do {
			line = span_cut(&rest, '\n');
			check_base64(line);
		} while (answer(&s, line) && rest.len > 0);
	}
	assert(!s.proven || (s.mechanism != MECHANISM_SCRAM_SHA_1 &&
	                        s.mechanism != MECHANISM_SCRAM_SHA_256));
	sasl_end(&s);
	return 0;
}
