/* SPDX-License-Identifier: ISC */
/* The contract of compose/template.h: places of errors, limits, loaders, and
 * that a render leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compose/template.h"

struct result {
	int rc;
	struct po_err err;
	struct template_place where;
	struct buf out;
};

/* Other templates of a test: "a" with its source, compiled when asked for. */
struct other {
	const char *source;
	struct template *t;
	unsigned asked;
};

static int
get(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct other *o = ctx;

	o->asked++;
	if (span_eq(name, SPAN_LIT("broken")))
		return po_fail(err, PO_EIO, "the disk is gone");
	if (!span_eq(name, SPAN_LIT("a")) || o->source == NULL)
		return 0;
	if (o->t == NULL && template_compile("a", span_of(o->source), NULL,
	                        &o->t, where, err) == -1)
		return -1;
	*out = o->t;
	return 1;
}

static struct template *
compile(const char *source)
{
	struct template *t = NULL;
	struct po_err err = { PO_OK, 0, "" };

	if (template_compile("m", span_of(source), NULL, &t, NULL, &err) == -1)
		fail_msg("%s: %s", source, err.text);
	return t;
}

static void
render(const char *source, const char *json, const struct template_options *o,
    struct result *r)
{
	struct template *t = compile(source);
	struct template_context *c = NULL;

	assert_int_equal(template_context_parse(span_of(json), NULL, &c,
	                     &r->err),
	    0);
	buf_init(&r->out, 64 << 20);
	r->rc = template_render(t, c, o, &r->out, &r->where, &r->err);
	template_context_free(c);
	template_free(t);
}

static void
errors_of_syntax_have_line_column_and_words(void **state)
{
	static const struct {
		const char *source;
		unsigned line, column;
		const char *text;
	} cases[] = {
		{ "{% nosuch %}", 1, 1, "m:1:1: unknown tag 'nosuch'" },
		{ "a\nb {% url 'x' %}", 2, 3,
		    "m:2:3: tag 'url' needs a web application and is not "
		    "supported in mail templates" },
		{ "{{ x|nosuch }}", 1, 6, "m:1:6: unknown filter 'nosuch'" },
		{ "{{ x|add }}", 1, 6,
		    "m:1:6: filter 'add' needs an argument" },
		{ "{{ x|upper:1 }}", 1, 6,
		    "m:1:6: filter 'upper' takes no argument" },
		{ "\xc3\xa4\xc3\xb6{{ a b }}", 1, 7,
		    "m:1:7: cannot parse ' b' in 'a b'" },
		{ "{{ a._b }}", 1, 6,
		    "m:1:6: names may not begin with an underscore: 'a._b'" },
		{ "x\n\n  {% if a %}y", 3, 3,
		    "m:3:3: tag 'if' is not closed: 'elif', 'else' or 'endif' "
		    "is missing" },
		{ "{% if a %}{% endfor %}", 1, 11,
		    "m:1:11: unknown tag 'endfor', expected 'elif', 'else' or "
		    "'endif'" },
		{ "{% if a = b %}{% endif %}", 1, 9,
		    "m:1:9: '=' is left over at the end of the condition" },
		{ "{% if a and %}{% endif %}", 1, 1,
		    "m:1:1: the condition ends too early" },
		{ "{% if a b %}{% endif %}", 1, 9,
		    "m:1:9: 'b' is left over at the end of the condition" },
		{ "{% for x of y %}{% endfor %}", 1, 10,
		    "m:1:10: 'for' must have the form 'for x in y'" },
		{ "{{ 99999999999999999999 }}", 1, 4,
		    "m:1:4: the number 99999999999999999999 is beyond 64 "
		    "bits" },
		{ "{{ x }}{% extends 'a' %}", 1, 8,
		    "m:1:8: 'extends' must be the first tag in the template" },
		{ "{% block a %}{% endblock b %}", 1, 14,
		    "m:1:14: 'endblock b' does not end block 'a'" },
		{ "{% include '../x' %}", 1, 12,
		    "m:1:12: the name '../x' leads out of the templates" },
		{ "a\n\xff", 2, 1, "m:2:1: the template is not valid UTF-8" },
		{ "{{ }}", 1, 1, "m:1:1: empty variable tag" },
		{ "{% %}", 1, 1, "m:1:1: empty tag" },
	};
	struct template_place where;
	struct template *t;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(template_compile("m", span_of(cases[i].source),
		                     NULL, &t, &where, &err),
		    -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.code, PO_EDATA);
		assert_int_equal(where.line, cases[i].line);
		assert_int_equal(where.column, cases[i].column);
		assert_string_equal(where.name, "m");
	}
}

static void
errors_of_rendering_are_placed_in_the_template_at_fault(void **state)
{
	static const struct {
		const char *source, *other, *text;
	} cases[] = {
		{ "ab\n {{ x|default:y }}", NULL,
		    "m:2:2: the variable 'y' is not defined" },
		{ "{% for a in 5 %}{% endfor %}", NULL,
		    "m:1:1: a list is needed" },
		{ "{% for a, b in l %}{% endfor %}", NULL,
		    "m:1:1: 2 values are needed for the names of the loop; got "
		    "1" },
		{ "x{% include 'none' %}", NULL,
		    "m:1:2: there is no template 'none'" },
		{ "{% include 'a' %}", "\n{{ 1|divisibleby:0 }}",
		    "a:2:1: divisibleby divides by zero" },
		{ "{% include 'a' %}", "{% bad %}",
		    "a:1:1: unknown tag 'bad'" },
		{ "{% extends 'a' %}{% block b %}\n{{ 1|divisibleby:0 }}{% "
		  "endblock %}",
		    "{% block b %}{% endblock %}",
		    "m:2:1: divisibleby divides by zero" },
		{ "{% extends 'a' %}",
		    "\n\n{% block b %}{{ block.super }}{% endblock %}{{ "
		    "1|divisibleby:0 }}",
		    "a:3:45: divisibleby divides by zero" },
		{ "{% extends 'm' %}", NULL,
		    "m:1:1: there is no template 'm'" },
		{ "{% extends 'a' %}", "{% extends 'a' %}",
		    "a:1:1: templates extend each other in a loop: 'a'" },
		{ "{{ block.super }}{% block b %}{{ block.super }}{% endblock "
		  "%}",
		    NULL,
		    "m:1:31: block.super is used in a template that extends no "
		    "other one" },
		{ "{{ '2026-03-14'|date:'H' }}", NULL,
		    "m:1:1: a day without a time cannot be formatted with "
		    "'H'" },
		{ "{{ 9223372036854775807|add:1 }}", NULL,
		    "m:1:1: the sum is a number beyond 64 bits" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct other other = { cases[i].other, NULL, 0 };
		const struct template_options o = { .loader = { get, &other } };
		struct result r;

		render(cases[i].source, "{\"l\": [1]}", &o, &r);
		assert_int_equal(r.rc, -1);
		assert_string_equal(r.err.text, cases[i].text);
		assert_int_equal(r.err.code, PO_EDATA);
		assert_int_equal(r.out.len, 0);
		assert_true(r.where.line > 0);
		buf_clear(&r.out);
		template_free(other.t);
	}
}

static void
what_the_loader_says_is_passed_on(void **state)
{
	struct other other = { NULL, NULL, 0 };
	const struct template_options o = { .loader = { get, &other } };
	struct result r;

	(void)state;
	render("x{% include 'broken' %}", "{}", &o, &r);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, PO_EIO);
	assert_string_equal(r.err.text, "m:1:2: the disk is gone");
	buf_clear(&r.out);
}

static void
if_takes_an_error_for_false_but_never_a_limit(void **state)
{
	struct other other = { "{{ 1|divisibleby:0 }}", NULL, 0 };
	const struct template_options o = { .loader = { get, &other } };
	struct result r;

	(void)state;
	render("{% if 1|divisibleby:0 == 1 %}a{% else %}b{% endif %}{% if "
	       "x|default:y %}a{% else %}c{% endif %}",
	    "{}", &o, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(buf_str(&r.out), "bc");
	buf_clear(&r.out);
	render("{% if 'x'|ljust:50000000 == 1 %}a{% else %}b{% endif %}", "{}",
	    &o, &r);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, PO_EUNAVAILABLE);
	buf_clear(&r.out);
	template_free(other.t);
}

static void
an_error_within_block_super_leaves_the_scopes_as_they_were(void **state)
{
	struct other other = {
		"{% block b %}{% with x=2 %}{% autoescape off %}{% for i in l "
		"%}{{ i|divisibleby:0 }}"
		"{% endfor %}{% endautoescape %}{% endwith %}{% endblock %}",
		NULL, 0
	};
	const struct template_options o = { .autoescape = true,
		.loader = { get, &other } };
	struct result r;

	(void)state;
	render("{% extends 'a' %}{% block b %}{% if block.super == 1 %}{% else "
	       "%}{{ x }}{{ i }}{{ y }}{% endif %}"
	       "{% endblock %}",
	    "{\"x\": 1, \"y\": \"<\", \"l\": [1, 2]}", &o, &r);
	assert_int_equal(r.rc, 0);
	assert_string_equal(buf_str(&r.out), "1&lt;");
	buf_clear(&r.out);
	template_free(other.t);
}

static bool
expired(void *ctx)
{
	unsigned *left = ctx;

	return (*left)-- == 0;
}

static void
each_limit_ends_the_render_and_is_named(void **state)
{
	static const char loops[] =
	    "{% for a in l %}{% for a in l %}{% for a in l %}{% for a in l "
	    "%}{% for a in l %}"
	    "{% for a in l %}{% for a in l %}x{% endfor %}{% endfor %}{% "
	    "endfor %}{% endfor %}"
	    "{% endfor %}{% endfor %}{% endfor %}";
	static const struct {
		const char *source, *text;
	} cases[] = {
		{ "{% include 'a' %}", "templates include or extend each other "
		                       "deeper than the limit of 16" },
		{ loops, "more than the limit of 1000000 steps" },
		{ "{{ 'x'|ljust:50000000 }}",
		    "a value is larger than the limit of 10485760 bytes of "
		    "output" },
		{ "{{ 1|stringformat:'030000000d' }}",
		    "a value is larger than the limit of 10485760 bytes of "
		    "output" },
		{ "{{ 'x'|ljust:9000000 }}{{ 'x'|ljust:9000000 }}",
		    "the output is larger than the limit of 10485760 bytes" },
		{ "{% filter upper %}{{ 'x'|ljust:9000000 }}{% filter lower "
		  "%}{{ 'x'|ljust:9000000 }}"
		  "{% endfilter %}{% endfilter %}",
		    "the output is larger than the limit of 10485760 bytes" },
		{ "{% for a in l %}{% with x='x'|ljust:9000000 %}{% with "
		  "y='x'|ljust:9000000 %}"
		  "{% with z='x'|ljust:9000000 %}{% with u='x'|ljust:9000000 "
		  "%}{% with v='x'|ljust:9000000 %}"
		  "{% with w='x'|ljust:9000000 %}{% with t='x'|ljust:9000000 "
		  "%}{% with s='x'|ljust:9000000 %}"
		  "{% endwith %}{% endwith %}{% endwith %}{% endwith %}{% "
		  "endwith %}{% endwith %}{% endwith %}"
		  "{% endwith %}{% endfor %}",
		    "values take more than the limit of 67108864 bytes" },
		{ "{% for a in l %}{% for b in l %}{% for c in l %}{% for d in "
		  "l %}{% regroup x by y as x %}{% endfor %}"
		  "{% endfor %}{% endfor %}{% endfor %}{% cycle x x as x %}{{ "
		  "x }}",
		    "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct other other = { "{% include 'a' %}", NULL, 0 };
		const struct template_options o = { .loader = { get, &other } };
		struct result r;

		render(cases[i].source,
		    "{\"l\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], \"x\": "
		    "[1]}",
		    &o, &r);
		if (cases[i].text[0] == '\0') {
			assert_true(r.rc == 0 || r.err.code == PO_EUNAVAILABLE);
		} else {
			assert_int_equal(r.rc, -1);
			assert_int_equal(r.err.code, PO_EUNAVAILABLE);
			if (strstr(r.err.text, cases[i].text) == NULL)
				fail_msg("%s", r.err.text);
			assert_int_equal(r.out.len, 0);
		}
		buf_clear(&r.out);
		template_free(other.t);
	}
}

static void
the_caller_ends_a_render_that_takes_too_long(void **state)
{
	unsigned left = 3;
	const struct template_options o = { .expired = expired,
		.expired_ctx = &left };
	struct result r;

	(void)state;
	render("{% for a in l %}{% for a in l %}{% for a in l %}{% for a in l "
	       "%}{% for a in l %}x{% endfor %}{% endfor %}"
	       "{% endfor %}{% endfor %}{% endfor %}",
	    "{\"l\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}", &o, &r);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, PO_EUNAVAILABLE);
	assert_non_null(strstr(r.err.text, "the limit of time is over"));
	buf_clear(&r.out);
}

static void
a_long_loop_needs_no_more_memory_than_one_turn(void **state)
{
	struct template_limits limits = template_limits_default;
	const struct template_options o = { .limits = &limits };
	struct result r;

	(void)state;
	limits.memory_bytes = 256 << 10;
	render("{% for a in l %}{% for b in l %}{% for c in l %}{% with "
	       "x='x'|ljust:9000 %}"
	       "{% if x|upper == 'y' %}{% endif %}{% for p, q in c.items %}{% "
	       "endfor %}{% endwith %}{% endfor %}{% endfor %}{% endfor %}ok",
	    "{\"l\": [{\"a\": 1}, {\"b\": 2, \"c\": 3}, {}, {}, {}, {}, {}, "
	    "{}]}",
	    &o, &r);
	assert_string_equal(r.rc == 0 ? "" : r.err.text, "");
	assert_string_equal(buf_str(&r.out), "ok");
	buf_clear(&r.out);
}

static void
hostile_sources_are_refused_or_compiled_at_once(void **state)
{
	static const struct {
		const char *piece;
		size_t times;
		bool compiles;
	} cases[] = {
		{ "{{", 500000, true },
		{ "{% if x %}", 101, false },
		{ "{% block a %}{% endblock %}", 2, false },
		{ "{% cycle a b as x %}", 1100, false },
		{ "\\\" ", 300000, true },
	};
	char *source = malloc(1 << 20);
	size_t i;

	(void)state;
	assert_non_null(source);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].piece);
		struct template *t = NULL;
		struct po_err err;
		size_t k;
		int rc;

		for (k = 0; k < cases[i].times; k++)
			memcpy(source + k * len, cases[i].piece, len);
		rc = template_compile("m", (struct span){ source, k * len },
		    NULL, &t, NULL, &err);
		assert_int_equal(rc, cases[i].compiles ? 0 : -1);
		template_free(t);
	}
	free(source);
}

static void
a_source_beyond_the_limit_is_refused(void **state)
{
	struct template_limits limits = template_limits_default;
	struct template *t;
	struct po_err err;

	(void)state;
	limits.source_bytes = 4;
	assert_int_equal(template_compile("m", SPAN_LIT("abcd"), &limits, &t,
	                     NULL, &err),
	    0);
	template_free(t);
	assert_int_equal(template_compile("m", SPAN_LIT("abcde"), &limits, &t,
	                     NULL, &err),
	    -1);
	assert_int_equal(err.code, PO_EUNAVAILABLE);
	assert_string_equal(err.text,
	    "m: the template is larger than the limit of 4 bytes");
}

static void
each_render_begins_anew_and_appends(void **state)
{
	struct template *t =
	    compile("{% for i in 'abc' %}{% cycle 1 2 %}{% endfor %}{% "
	            "ifchanged %}x{% endifchanged %}");
	const struct template_options o = { .autoescape = true };
	struct po_err err;
	struct buf out;
	unsigned i;

	(void)state;
	buf_init(&out, 1000);
	assert_true(buf_puts(&out, ">"));
	for (i = 0; i < 3; i++)
		assert_int_equal(template_render(t, NULL, &o, &out, NULL, &err),
		    0);
	assert_string_equal(buf_str(&out), ">121x121x121x");
	buf_clear(&out);
	template_free(t);
}

static void
the_output_is_as_it_was_after_an_error(void **state)
{
	struct template *t = compile("text{{ 1|divisibleby:0 }}");
	const struct template_options o = { .autoescape = true };
	struct po_err err;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	assert_true(buf_puts(&out, "before"));
	assert_int_equal(template_render(t, NULL, &o, &out, NULL, &err), -1);
	assert_string_equal(buf_str(&out), "before");
	buf_clear(&out);
	template_free(t);
}

static void
strict_wants_variables_but_not_where_a_default_is(void **state)
{
	static const struct {
		const char *source;
		int rc;
	} cases[] = {
		{ "{{ x }}", -1 },
		{ "{{ x|upper }}", -1 },
		{ "{{ a.b }}", -1 },
		{ "{% with y=x %}{% endwith %}", -1 },
		{ "{{ x|default:'d' }}{{ x|default_if_none:'d' }}", 0 },
		{ "{% if x %}{% endif %}{% for i in x %}{% endfor %}{% firstof "
		  "x y %}",
		    0 },
		{ "{{ a.c }}{{ a }}", 0 },
	};
	const struct template_options o = { .strict = true };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct result r;

		render(cases[i].source, "{\"a\": {\"c\": 1}}", &o, &r);
		assert_int_equal(r.rc, cases[i].rc);
		buf_clear(&r.out);
	}
}

static void
references_are_told_by_name_and_place(void **state)
{
	struct template *t =
	    compile("{% extends 'base' %}\n{% block x %}{% include \"row\" "
	            "%}{% include n %}"
	            "{% include './sub/y' with a=1 %}{% endblock %}");
	struct template_reference ref;

	(void)state;
	assert_true(template_reference_get(t, 0, &ref));
	assert_true(span_eq(ref.name, SPAN_LIT("base")) && ref.line == 1 &&
	            ref.column == 1);
	assert_true(template_reference_get(t, 1, &ref));
	assert_true(span_eq(ref.name, SPAN_LIT("row")) && ref.line == 2 &&
	            ref.column == 14);
	assert_true(template_reference_get(t, 2, &ref));
	assert_true(span_eq(ref.name, SPAN_LIT("sub/y")));
	assert_false(template_reference_get(t, 3, &ref));
	assert_true(template_has_dynamic_reference(t));
	template_free(t);
}

static void
contexts_are_checked(void **state)
{
	static const struct {
		const char *json;
		enum po_code code; /* PO_OK: taken */
	} cases[] = {
		{ "{}", PO_OK },
		{ "{\"a\": [1, 1.0, true, null, \"x\"]}", PO_OK },
		{ "{\"a\": 9223372036854775807}", PO_OK },
		{ "{\"a\": 9223372036854775808}", PO_EDATA },
		{ "{\"a\": 1e999}", PO_EDATA },
		{ "{\"a\": 1, \"a\": 2}", PO_EDATA },
		{ "{\"a\": \"\\u0000\"}", PO_EDATA },
		{ "{\"a\": \"\xff\"}", PO_EDATA },
		{ "{\"a\": \"\\ud800\"}", PO_EDATA },
		{ "[1]", PO_EDATA },
		{ "1", PO_EDATA },
		{ "{} x", PO_EDATA },
		{ "", PO_EDATA },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		  "[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		  "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
		    PO_OK },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		  "[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		  "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
		    PO_EUNAVAILABLE },
		{ "{\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		  "[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\": 1}",
		    PO_OK },
	};
	struct template_limits limits = template_limits_default;
	struct template_context *c;
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c = NULL;
		if (template_context_parse(span_of(cases[i].json), NULL, &c,
		        &err) == 0)
			err.code = PO_OK;
		if (err.code != cases[i].code)
			fail_msg("%s: %d", cases[i].json, (int)err.code);
		template_context_free(c);
	}
	limits.context_bytes = 4;
	assert_int_equal(template_context_parse(SPAN_LIT("{   }"), &limits, &c,
	                     &err),
	    -1);
	assert_int_equal(err.code, PO_EUNAVAILABLE);
}

static void
times_are_read(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int64_t us;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", true, 0 },
		{ "1970-01-01", true, 0 },
		{ "1970-01-01 00:00:01.5", true, 1500000 },
		{ "1969-12-31T23:59:59+00:00", true, -1000000 },
		{ "2026-03-14T15:09:26+01:00", true, 1773497366000000 },
		{ "2026-02-29", false, 0 },
		{ "2024-02-29", true, 1709164800000000 },
		{ "15:00", false, 0 },
		{ "2026-03-14T24:00", false, 0 },
		{ "2026-03-14T15:09:26+1", false, 0 },
		{ "2026-03-14x", false, 0 },
		{ "", false, 0 },
	};
	int64_t us;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(template_time_parse(span_of(cases[i].text),
		                     &us),
		    cases[i].good);
		if (cases[i].good)
			assert_true(us == cases[i].us);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_of_syntax_have_line_column_and_words),
		cmocka_unit_test(
		    errors_of_rendering_are_placed_in_the_template_at_fault),
		cmocka_unit_test(what_the_loader_says_is_passed_on),
		cmocka_unit_test(if_takes_an_error_for_false_but_never_a_limit),
		cmocka_unit_test(
		    an_error_within_block_super_leaves_the_scopes_as_they_were),
		cmocka_unit_test(each_limit_ends_the_render_and_is_named),
		cmocka_unit_test(the_caller_ends_a_render_that_takes_too_long),
		cmocka_unit_test(
		    a_long_loop_needs_no_more_memory_than_one_turn),
		cmocka_unit_test(
		    hostile_sources_are_refused_or_compiled_at_once),
		cmocka_unit_test(a_source_beyond_the_limit_is_refused),
		cmocka_unit_test(each_render_begins_anew_and_appends),
		cmocka_unit_test(the_output_is_as_it_was_after_an_error),
		cmocka_unit_test(
		    strict_wants_variables_but_not_where_a_default_is),
		cmocka_unit_test(references_are_told_by_name_and_place),
		cmocka_unit_test(contexts_are_checked),
		cmocka_unit_test(times_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
