/* SPDX-License-Identifier: ISC */
/* A mail as a program describes it: what gets into the header, and what not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compose/letter.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *json, *header; /* NULL: refused, with PO_EDATA */
} cases[] = {
	{ "{\"to\": \"a@b\"}", "To: a@b\n" },
	{ "{\"to\": [\"a@b\", \"c@d\"], \"cc\": \"e@f\", \"bcc\": \"g@h\"}",
	    "To: a@b,\n\tc@d\nCc: e@f\n" },
	{ "{\"bcc\": \"g@h\"}", "To: undisclosed-recipients:;\n" },
	{ "{\"to\": \"a@b\", \"from\": \"\303\234 <u@v>\"}",
	    "From: =?UTF-8?Q?=C3=9C?= <u@v>\nTo: a@b\n" },
	{ "{\"to\": \"a@b\", \"headers\": {\"X-A\": \"1\"}, \"tag\": \"t\"}",
	    "To: a@b\nX-PO-Tag: t\nX-A: 1\n" },
	{ "{\"to\": \"a@b\\nBcc: c@d\"}", NULL },
	{ "{\"to\": \"a@b\", \"headers\": {\"X-A\": \"1\\r\\nX: y\"}}", NULL },
	{ "{\"to\": \"a@b\", \"headers\": {\"X A\": \"1\"}}", NULL },
	{ "{\"to\": \"a@b\", \"headers\": {\"Subject\": \"1\"}}", NULL },
	{ "{\"to\": \"a@b\", \"headers\": {\"Content-Type\": \"x\"}}", NULL },
	{ "{\"to\": \"a@b\", \"headers\": {\"X-PO-Tag\": \"x\"}}", NULL },
	{ "{\"to\": 5}", NULL },
	{ "{\"to\": \"a@b\", \"nope\": 1}", NULL },
	{ "{\"to\": \"a@b\", \"to\": \"c@d\"}", NULL },
	{ "{\"attachments\": [{\"name\": \"a\"}]}", NULL },
	{ "{\"attachments\": [{\"content\": \"*\"}]}", NULL },
	{ "{\"attachments\": [{\"content\": \"\", \"mode\": 1}]}", NULL },
	{ "{\"context\": [1]}", NULL },
	{ "[1]", NULL },
	{ "{", NULL },
};

static void
json_becomes_a_header_or_an_error(void **state)
{
	struct letter l;
	struct po_err err;
	struct buf out;
	size_t i;
	int rc;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		print_message("%s\n", cases[i].json);
		letter_init(&l);
		buf_init(&out, 1 << 16);
		rc = letter_read_json(&l, span_of(cases[i].json), &err);
		assert_int_equal(rc, cases[i].header == NULL ? -1 : 0);
		if (rc == -1) {
			assert_int_equal(err.code, PO_EDATA);
		} else {
			assert_int_equal(letter_put_header(&l, NULL, &out,
			                     &err),
			    0);
			assert_string_equal(buf_str(&out), cases[i].header);
		}
		buf_clear(&out);
		letter_clear(&l);
	}
}

static void
what_does_not_fit_together_is_refused(void **state)
{
	static const struct {
		const char *json;
		bool good;
	} rows[] = {
		{ "{\"to\": \"a@b\"}", true },
		{ "{\"subject\": \"s\"}", false }, /* nobody to send it to */
		{ "{\"to\": \"a@b\", \"template\": \"t\", \"lang\": \"de\"}",
		    true },
		{ "{\"to\": \"a@b\", \"template\": \"t\", \"text\": \"x\"}",
		    false },
		{ "{\"to\": \"a@b\", \"lang\": \"de\"}", false },
		{ "{\"to\": \"a@b\", \"render_on_delivery\": true}", false },
		{ "{\"to\": \"a@b\", \"text_auto\": true}", false },
		{ "{\"to\": \"a@b\", \"text_auto\": true, \"html\": \"x\"}",
		    true },
	};
	struct letter l;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].json);
		letter_init(&l);
		assert_int_equal(letter_read_json(&l, span_of(rows[i].json),
		                     &err),
		    0);
		assert_int_equal(letter_check(&l, &err), rows[i].good ? 0 : -1);
		letter_clear(&l);
	}
}

/* What was given for all mails of a batch holds where one says nothing. */
static void
one_of_many_has_what_all_have(void **state)
{
	struct letter all, one;
	struct po_err err;
	struct buf out;

	(void)state;
	letter_init(&all);
	letter_init(&one);
	buf_init(&out, 1 << 16);
	assert_int_equal(letter_read_json(&all,
	                     SPAN_LIT("{\"from\": \"u@v\", \"to\": \"a@b\", "
	                              "\"headers\": {\"X-A\": \"1\"}}"),
	                     &err),
	    0);
	assert_int_equal(letter_copy(&one, &all, &err), 0);
	assert_int_equal(letter_read_json(&one,
	                     SPAN_LIT("{\"to\": \"c@d\", "
	                              "\"headers\": {\"X-B\": \"2\"}}"),
	                     &err),
	    0);
	assert_int_equal(letter_put_header(&one, NULL, &out, &err), 0);
	assert_string_equal(buf_str(&out),
	    "From: u@v\nTo: c@d\nX-A: 1\nX-B: 2\n");
	buf_clear(&out);
	letter_clear(&one);
	letter_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_becomes_a_header_or_an_error),
		cmocka_unit_test(what_does_not_fit_together_is_refused),
		cmocka_unit_test(one_of_many_has_what_all_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
