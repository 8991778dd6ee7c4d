/* SPDX-License-Identifier: ISC */
/* Stored templates as those see them who render: names, versions, and the mail
 * that a queued template with its context becomes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../spool/templates_fixture.h"
#include "queue/job_render.h"

static void
save(const char *name, const char *lang, const char *text)
{
	struct templates_version v;
	struct po_err err;

	memset(&v, 0, sizeof(v));
	assert_true(templates_name_encode(span_of(name), v.id.folder));
	assert_true(templates_lang(span_of(lang), v.id.lang));
	v.source.has[PART_TEXT] = true;
	v.source.part[PART_TEXT] = span_of(text);
	v.source.has[PART_SUBJECT] = true;
	v.source.part[PART_SUBJECT] = SPAN_LIT("S {{ n }}");
	v.description = SPAN_LIT("");
	assert_int_equal(templates_save(&store, &v, TEMPLATES_ANY, 1000, &err),
	    1);
}

static void
expect(struct library *l, const char *name, const char *text)
{
	const struct mail_template *t;
	struct mail_rendered r;
	struct po_err err;

	assert_int_equal(library_get(l, name, &t, &err), 1);
	assert_int_equal(library_render(l, t, SPAN_LIT("{\"n\": 1}"), 0, &r,
	                     &err),
	    0);
	assert_string_equal(buf_str(&r.part[PART_TEXT]), text);
	mail_rendered_clear(&r);
}

static void
what_was_saved_since_is_never_rendered_stale(void **state)
{
	struct library *l = library_new(&store);
	const struct mail_template *t;
	struct po_err err;

	(void)state;
	save("a", "", "one {{ n }}");
	expect(l, "a", "one 1");
	save("a", "", "two {{ n }}");
	expect(l, "a", "one 1"); /* one mail sees one state */
	library_use_lang(l, "de");
	expect(l, "a", "two 1");
	save("a", "de", "zwei {{ n }}");
	library_use_lang(l, "de-AT");
	expect(l, "a", "zwei 1");
	assert_int_equal(library_get(l, "none", &t, &err), 0);
	library_free(l);
}

static void
a_queued_mail_keeps_its_versions(void **state)
{
	struct library *l = library_new(&store);
	struct po_err err;
	char **ids;
	size_t n;

	(void)state;
	save("foot", "", "foot 1");
	save("m", "", "{{ n }} {% include 'foot' %}{% include 'm2' %}");
	assert_int_equal(library_closure(l, "m", &ids, &n, &err), -1);
	assert_non_null(strstr(err.text, "there is no template 'm2'"));
	save("m2", "", "{% if 0 %}{% include 'm' %}{% endif %}");
	library_use_lang(l, "fr");
	assert_int_equal(library_closure(l, "m", &ids, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_string_equal(ids[0], "m/default/1");
	save("foot", "", "foot 2");
	save("m", "", "new");
	assert_int_equal(library_use_versions(l, (const char *const *)ids, n,
	                     &err),
	    0);
	expect(l, "m", "1 foot 1");
	library_free_closure(ids, n);
	library_use_lang(l, "fr");
	expect(l, "m", "new");
	save("dynamic", "", "{% include n %}");
	assert_int_equal(library_closure(l, "dynamic", &ids, &n, &err), -1);
	assert_int_equal(err.code, PO_EDATA);
	library_free(l);
}

static int
file_of(const char *content)
{
	int fd = memfd_create("content", MFD_CLOEXEC);

	assert_true(fd != -1);
	assert_int_equal(write(fd, content, strlen(content)),
	    (ssize_t)strlen(content));
	return fd;
}

static void
content_becomes_the_mail_or_an_error(void **state)
{
	static const struct {
		const char *content, *mail; /* NULL: PO_EDATA */
	} cases[] = {
		{ "To: a\n\n{\"n\": 2}\n",
		    "To: a\nSubject: S 2\nMIME-Version: 1.0\n"
		    "Content-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: 7bit\n\nj 2\n" },
		{ "To: a\n\n{\"n\": 2}\n\n--=_po-mixed--\n",
		    "To: a\nSubject: S 2\nMIME-Version: 1.0\n"
		    "Content-Type: multipart/mixed;\n"
		    "\tboundary=\"=_po-mixed\"\n\n--=_po-mixed\n"
		    "Content-Type: text/plain; charset=utf-8\n"
		    "Content-Transfer-Encoding: 7bit\n\nj 2\n"
		    "\n--=_po-mixed--\n" },
		{ "", NULL },
		{ "To: a\n\n{\"n\": 2}", NULL },
		{ "To: a\n{\"n\": 2}\n", NULL },
		{ "To: a\n\n[]\n", NULL },
		{ "To: a\n\n{\"n\": \"x\\ny\"}\n", NULL },
		{ "To: a\n\n{}\n\n--=_po-related\nno end", NULL },
	};
	const char *ids[] = { "j/default/1" };
	const struct envelope env = { .body = BODY_TEMPLATE,
		.templates = ids,
		.n_templates = 1 };
	struct library *l = library_new(&store);
	struct rendered_mail m;
	char text[1000];
	struct po_err err;
	size_t i;
	int fd;

	(void)state;
	save("j", "", "j {{ n }}");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].content);
		fd = file_of(cases[i].content);
		if (cases[i].mail == NULL) {
			assert_int_equal(job_render(l, &env, fd, 0,
			                     strlen(cases[i].content), &m,
			                     &err),
			    -1);
			assert_int_equal(err.code, PO_EDATA);
			assert_int_equal(m.fd, -1);
		} else {
			assert_int_equal(job_render(l, &env, fd, 0,
			                     strlen(cases[i].content), &m,
			                     &err),
			    0);
			assert_int_equal(m.length, strlen(cases[i].mail));
			assert_int_equal(pread(m.fd, text, sizeof(text), 0),
			    (ssize_t)m.length);
			text[m.length] = '\0';
			assert_string_equal(text, cases[i].mail);
			assert_false(m.has_8bit);
			(void)close(m.fd);
		}
		(void)close(fd);
	}
	library_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_saved_since_is_never_rendered_stale),
		cmocka_unit_test(a_queued_mail_keeps_its_versions),
		cmocka_unit_test(content_becomes_the_mail_or_an_error),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
