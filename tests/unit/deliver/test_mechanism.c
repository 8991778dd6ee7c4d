/* SPDX-License-Identifier: ISC */
/* Dialogues of the RFCs, and servers that lie in them. */
#include "deliver/mechanism.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "deliver/base64.h"
#include "deliver/saslprep.h"
#include "deliver/secret.h"

static struct span
encode(struct buf *space, const char *text)
{
	buf_reset(space);
	assert_true(sasl_base64_put(space, span_of(text)));
	return buf_span(space);
}

/* Our next message, as text. */
static bool
answers(struct sasl *s, const char *challenge, struct buf *text)
{
	struct buf in, out;
	bool ok;

	buf_init(&in, SASL_MESSAGE_BYTES);
	buf_init(&out, 2 * SASL_MESSAGE_BYTES);
	buf_reset(text);
	ok = sasl_answer(s, encode(&in, challenge), &out);
	if (ok)
		assert_true(sasl_base64_get(text, buf_span(&out)));
	assert_true(ok == (s->why[0] == '\0'));
	secret_clear(&out);
	buf_clear(&in);
	return ok;
}

static void
assert_says(struct sasl *s, const char *challenge, const char *want)
{
	struct buf text;

	buf_init(&text, SASL_MESSAGE_BYTES);
	if (!answers(s, challenge, &text))
		fail_msg("%s: %s", challenge, s->why);
	assert_string_equal(buf_str(&text), want);
	buf_clear(&text);
}

static void
the_dialogues_of_the_rfcs(void **state)
{
	static const struct {
		const char *nonce, *first, *server_first, *final, *server_final;
		enum mechanism mechanism;
	} rows[] = {
		/* RFC 5802, section 5 */
		{ "fyko+d2lbbFgONRv9qkxdawL",
		    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
		    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		    "s=QSXCR+Q6sek8bf92,i=4096",
		    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
		    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", MECHANISM_SCRAM_SHA_1 },
		/* RFC 7677, section 3 */
		{ "rOprNGfwEbeRWgbNEkqO", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
		    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$"
		    "k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		    MECHANISM_SCRAM_SHA_256 },
	};
	struct sasl s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", mechanism_name(rows[i].mechanism));
		sasl_begin(&s, rows[i].mechanism, "user", SPAN_LIT("pencil"));
		s.nonce = rows[i].nonce;
		assert_true(sasl_speaks_first(&s));
		assert_says(&s, "", rows[i].first);
		assert_says(&s, rows[i].server_first, rows[i].final);
		assert_false(s.proven);
		assert_says(&s, rows[i].server_final, "");
		assert_true(s.proven);
		sasl_end(&s);
	}
	/* RFC 2195, section 2 */
	sasl_begin(&s, MECHANISM_CRAM_MD5, "tim", SPAN_LIT("tanstaaftanstaaf"));
	assert_false(sasl_speaks_first(&s));
	assert_says(&s, "<1896.697170952@postoffice.reston.mci.net>",
	    "tim b913a602c7eda7a495b4e6e7334d3890");
	assert_true(s.proven);
	sasl_end(&s);
}

#define NONCE "fyko+d2lbbFgONRv9qkxdawL"
#define SALT "s=QSXCR+Q6sek8bf92"

static void
a_server_that_lies_is_left(void **state)
{
	static const struct {
		const char *name, *first, *final, *why;
	} rows[] = {
		{ "another nonce", "r=aaaabbbb," SALT ",i=4096", NULL,
		    "nonce" },
		{ "our nonce alone", "r=" NONCE "," SALT ",i=4096", NULL,
		    "nonce" },
		{ "a control in the nonce", "r=" NONCE "a\x01," SALT ",i=4096",
		    NULL, "nonce" },
		{ "no salt", "r=" NONCE "x,s=,i=4096", NULL, "salt" },
		{ "a salt that is none", "r=" NONCE "x,s=Q,i=4096", NULL,
		    "salt" },
		{ "too easy", "r=" NONCE "x," SALT ",i=4095", NULL,
		    "wants 4095 iterations; 4096 to 1000000 are accepted" },
		{ "too much work", "r=" NONCE "x," SALT ",i=1000001", NULL,
		    "wants 1000001" },
		{ "work without end",
		    "r=" NONCE "x," SALT ",i=99999999999999999999", NULL,
		    "iteration count" },
		{ "no number", "r=" NONCE "x," SALT ",i=", NULL, "iteration" },
		{ "a sign", "r=" NONCE "x," SALT ",i=-5", NULL, "iteration" },
		{ "an extension that we must know",
		    "m=x,r=" NONCE "x," SALT ",i=4096", NULL, "first message" },
		{ "another order", SALT ",r=" NONCE "x,i=4096", NULL,
		    "first message" },
		{ "nothing", "", NULL, "first message" },
		{ "an error", "r=" NONCE "3rfcNHYJY1ZVvWVs7j," SALT ",i=4096",
		    "e=other-\x1b[31merror",
		    "the server says other-\\x1b[31merror" },
		{ "another's signature",
		    "r=" NONCE "3rfcNHYJY1ZVvWVs7j," SALT ",i=4096",
		    "v=rmF9pqV8S7suAoZWja4dJRkFsKR=", "signature is wrong" },
		{ "half a signature",
		    "r=" NONCE "3rfcNHYJY1ZVvWVs7j," SALT ",i=4096",
		    "v=rmF9pqV8S7suAoZW", "signature is wrong" },
		{ "no signature",
		    "r=" NONCE "3rfcNHYJY1ZVvWVs7j," SALT ",i=4096", "",
		    "signature is wrong" },
	};
	struct buf text;
	struct sasl s;
	size_t i;
	bool ok;

	(void)state;
	buf_init(&text, SASL_MESSAGE_BYTES);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# %s\n", rows[i].name);
		sasl_begin(&s, MECHANISM_SCRAM_SHA_1, "user",
		    SPAN_LIT("pencil"));
		s.nonce = NONCE;
		assert_true(answers(&s, "", &text));
		ok = answers(&s, rows[i].first, &text);
		assert_true(ok == (rows[i].final != NULL));
		if (rows[i].final != NULL)
			assert_false(answers(&s, rows[i].final, &text));
		assert_non_null(strstr(s.why, rows[i].why));
		assert_false(s.proven);
		sasl_end(&s);
	}
	buf_clear(&text);
}

static void
a_challenge_that_is_no_base64_ends_it(void **state)
{
	static const char *const bad[] = { "=", "====", "QQ",
		"QQ=", "QR==", "QUF=", "Q=Q=", "QQ==QQ==", " QQ==", "QQ==\n",
		"Q-Q_" };
	struct buf out;
	struct sasl s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&out, 2 * SASL_MESSAGE_BYTES);
		sasl_begin(&s, MECHANISM_CRAM_MD5, "user", SPAN_LIT("x"));
		if (sasl_answer(&s, span_of(bad[i]), &out))
			fail_msg("\"%s\"", bad[i]);
		assert_string_equal(s.why,
		    "the server's challenge is no base64");
		sasl_end(&s);
		buf_clear(&out);
	}
}

/* RFC 7628, 4.1 and 4.2; XOAUTH2 as Google describes it. */
static void
a_token_is_shown_and_its_refusal_told(void **state)
{
	static const char error[] = "{\"status\":\"401\",\x07}";
	struct sasl s;

	(void)state;
	sasl_begin(&s, MECHANISM_OAUTHBEARER, "user@example.com",
	    SPAN_LIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="));
	s.host = "server.example.com";
	s.port = 587;
	assert_says(&s, "",
	    "n,a=user@example.com,\001host=server.example.com\001port=587\001"
	    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001");
	assert_says(&s, error, "\001");
	assert_string_equal(s.told, "{\"status\":\"401\",\\x07}");
	sasl_end(&s);
	sasl_begin(&s, MECHANISM_XOAUTH2, "someuser@example.com",
	    SPAN_LIT("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"));
	assert_says(&s, "",
	    "user=someuser@example.com\001auth=Bearer "
	    "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\001\001");
	assert_says(&s, error, "");
	sasl_end(&s);
}

/* RFC 5802, 5.1: saslname. */
static void
a_name_cannot_end_its_attribute(void **state)
{
	struct sasl s;

	(void)state;
	sasl_begin(&s, MECHANISM_SCRAM_SHA_256, "a=b,c", SPAN_LIT("x"));
	s.nonce = "n";
	assert_says(&s, "", "n,,n=a=3Db=2Cc,r=n");
	sasl_end(&s);
}

static void
a_nonce_is_not_used_twice(void **state)
{
	struct buf one, two;
	struct sasl s;

	(void)state;
	buf_init(&one, SASL_MESSAGE_BYTES);
	buf_init(&two, SASL_MESSAGE_BYTES);
	sasl_begin(&s, MECHANISM_SCRAM_SHA_256, "u", SPAN_LIT("x"));
	assert_true(answers(&s, "", &one));
	sasl_end(&s);
	sasl_begin(&s, MECHANISM_SCRAM_SHA_256, "u", SPAN_LIT("x"));
	assert_true(answers(&s, "", &two));
	sasl_end(&s);
	assert_int_equal(one.len, two.len);
	assert_true(one.len >= 8 + 24);
	assert_string_not_equal(buf_str(&one), buf_str(&two));
	buf_clear(&one);
	buf_clear(&two);
}

static void
names_and_passwords_are_prepared(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		/* RFC 4013, section 3 */
		{ "I\xc2\xadX", "IX" },
		{ "user", "user" },
		{ "USER", "USER" },
		{ "\xc2\xaa", "a" },
		{ "\xe2\x85\xa8", "IX" },
		{ "\x07", NULL },
		{ "\xd8\xa7\x31", NULL },
		/* RFC 3454: a space, decomposed, both directions, no UTF-8. */
		{ "a\xc2\xa0"
		  "b",
		    "a b" },
		{ "u\xcc\x88", "\xc3\xbc" },
		{ "\xd8\xa7\x31\xd8\xa8", "\xd8\xa7\x31\xd8\xa8" },
		{ "\xd8\xa7x\xd8\xa8", NULL },
		{ "\xee\x80\x80", NULL },
		{ "gr\xfc\xdf", NULL },
	};
	struct buf out;
	size_t i;
	bool ok;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("# row %zu\n", i);
		buf_init(&out, 100);
		ok = saslprep(span_of(rows[i].in), &out);
		assert_true(ok == (rows[i].out != NULL));
		if (ok)
			assert_string_equal(buf_str(&out), rows[i].out);
		buf_clear(&out);
	}
}

static void
the_strongest_comes_first(void **state)
{
	char names[100];

	(void)state;
	assert_int_equal(mechanism_best(mechanism_default()),
	    MECHANISM_SCRAM_SHA_256);
	assert_int_equal(mechanism_best(MECHANISM_BIT(MECHANISM_LOGIN) |
	                                MECHANISM_BIT(MECHANISM_PLAIN)),
	    MECHANISM_PLAIN);
	assert_int_equal(mechanism_default() &
	                     MECHANISM_BIT(MECHANISM_CRAM_MD5),
	    0);
	assert_int_equal(mechanism_find(SPAN_LIT("scram-sha-1")),
	    MECHANISM_SCRAM_SHA_1);
	assert_int_equal(mechanism_find(SPAN_LIT("SCRAM-SHA-1-PLUS")),
	    MECHANISMS);
	mechanism_print(mechanism_default(), names, sizeof(names));
	assert_string_equal(names, "SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dialogues_of_the_rfcs),
		cmocka_unit_test(a_server_that_lies_is_left),
		cmocka_unit_test(a_challenge_that_is_no_base64_ends_it),
		cmocka_unit_test(a_token_is_shown_and_its_refusal_told),
		cmocka_unit_test(a_name_cannot_end_its_attribute),
		cmocka_unit_test(a_nonce_is_not_used_twice),
		cmocka_unit_test(names_and_passwords_are_prepared),
		cmocka_unit_test(the_strongest_comes_first),
	};

	return cmocka_run_group_tests_name("mechanism", tests, NULL, NULL);
}
