/* SPDX-License-Identifier: ISC */
/* The body of a mail, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compose/mime.h"
#include "gather.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define PLAIN                                                                  \
	"Content-Type: text/plain; charset=utf-8\n"                            \
	"Content-Transfer-Encoding: 7bit\n\n"                                  \
	"hello\n"
#define HTML                                                                   \
	"Content-Type: text/html; charset=utf-8\n"                             \
	"Content-Transfer-Encoding: 7bit\n\n"                                  \
	"<p>hello\n"
#define RELATED_HEAD                                                           \
	"Content-Type: multipart/related; type=\"text/html\";\n"               \
	"\tboundary=\"=_po-related\"\n"                                        \
	"\n--=_po-related\n"
#define IMAGE                                                                  \
	"\n--=_po-related\n"                                                   \
	"Content-Type: image/png\n"                                            \
	"Content-Transfer-Encoding: base64\n"                                  \
	"Content-ID: <logo@x>\n"                                               \
	"Content-Disposition: inline;\n\tfilename=\"logo.png\"\n\n"            \
	"UE5H\n"                                                               \
	"\n--=_po-related--\n"
#define ALTERNATIVE_HEAD                                                       \
	"Content-Type: multipart/alternative;\n"                               \
	"\tboundary=\"=_po-alternative\"\n"                                    \
	"\n--=_po-alternative\n"
#define MIXED_HEAD                                                             \
	"Content-Type: multipart/mixed;\n"                                     \
	"\tboundary=\"=_po-mixed\"\n"                                          \
	"\n--=_po-mixed\n"
#define FILE_PART                                                              \
	"\n--=_po-mixed\n"                                                     \
	"Content-Type: text/csv\n"                                             \
	"Content-Transfer-Encoding: base64\n"                                  \
	"Content-Disposition: attachment;\n\tfilename=\"a.csv\"\n\n"           \
	"MSwy\n"                                                               \
	"\n--=_po-mixed--\n"

static const struct mime_file files[] = {
	{ .name = "some/where/logo.png",
	    .cid = "logo@x",
	    .bytes = { "PNG", 3 } },
	{ .name = "a.csv", .bytes = { "1,2", 3 } },
};

static const struct {
	const char *name;
	bool text, html, image, attached;
	const char *body; /* behind MIME-Version */
} bodies[] = {
	{ "nothing is an empty text", false, false, false, false,
	    "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: 7bit\n\n" },
	{ "a text", true, false, false, false, PLAIN },
	{ "html", false, true, false, false, HTML },
	{ "both", true, true, false, false,
	    ALTERNATIVE_HEAD PLAIN "\n--=_po-alternative\n" HTML
	                           "\n--=_po-alternative--\n" },
	{ "a text and a file", true, false, false, true,
	    MIXED_HEAD PLAIN FILE_PART },
	{ "html and an image", false, true, true, false,
	    RELATED_HEAD HTML IMAGE },
	{ "all", true, true, true, true,
	    MIXED_HEAD ALTERNATIVE_HEAD PLAIN
	    "\n--=_po-alternative\n" RELATED_HEAD HTML IMAGE
	    "\n--=_po-alternative--\n" FILE_PART },
};

static struct mime_body
body_of(size_t i)
{
	return (struct mime_body){ bodies[i].text, bodies[i].html,
		SPAN_LIT("hello"), SPAN_LIT("<p>hello"),
		files + (bodies[i].image ? 0 : 1),
		(bodies[i].image ? 1u : 0u) + (bodies[i].attached ? 1u : 0u) };
}

static void
a_body_has_the_parts_that_it_needs(void **state)
{
	struct mime_body m;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bodies); i++) {
		print_message("%s\n", bodies[i].name);
		m = body_of(i);
		assert_int_equal(mime_write(&m, gather_into(&out), NULL), 0);
		assert_true(span_has_prefix_nocase(buf_span(&out),
		    SPAN_LIT("MIME-Version: 1.0\n")));
		assert_string_equal(buf_str(&out) + 18, bodies[i].body);
		buf_clear(&out);
	}
}

static int
copy_span(void *ctx, struct sink out, struct po_err *err)
{
	const struct span *s = ctx;

	return sink_write(out, s->p, s->len, err);
}

static int
copy_first(void *ctx, struct sink out, struct po_err *err)
{
	return copy_span((struct span *)ctx, out, err);
}

static int
copy_second(void *ctx, struct sink out, struct po_err *err)
{
	return copy_span((struct span *)ctx + 1, out, err);
}

/* Files that were written before come out as if all were written at once. */
static void
two_halves_make_the_whole(void **state)
{
	struct buf whole, first, again;
	struct mime_files spooled;
	struct span kinds[2];
	const char *end;
	struct mime_body m;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bodies); i++) {
		print_message("%s\n", bodies[i].name);
		m = body_of(i);
		assert_int_equal(mime_write(&m, gather_into(&whole), NULL), 0);
		assert_int_equal(mime_write_files(&m, gather_into(&first),
		                     NULL),
		    0);
		end = strstr(buf_str(&first), mime_images_end);
		assert_int_equal(end != NULL, bodies[i].image);
		kinds[0] = (struct span){ buf_str(&first),
			end == NULL ? 0
			            : (size_t)(end - first.p) +
			                  strlen(mime_images_end) };
		kinds[1] = (struct span){ buf_str(&first) + kinds[0].len,
			first.len - kinds[0].len };
		if (bodies[i].image)
			assert_int_equal(strncmp(kinds[0].p, mime_images_begin,
			                     strlen(mime_images_begin)),
			    0);
		spooled =
		    (struct mime_files){ kinds[0].len > 0 ? copy_first : NULL,
			    kinds[1].len > 0 ? copy_second : NULL, kinds };
		m.n_files = 0;
		assert_int_equal(mime_write_around(&m, &spooled,
		                     gather_into(&again), NULL),
		    0);
		assert_string_equal(buf_str(&again), buf_str(&whole));
		buf_clear(&again);
		buf_clear(&first);
		buf_clear(&whole);
	}
}

static const struct {
	const char *name, *parameter;
} names[] = {
	{ "a b.txt", "filename=\"a b.txt\"" },
	{ "/etc/x/", "filename=\"attachment\"" },
	{ "  padded.pdf ", "filename=\"padded.pdf\"" },
	{ "\303\274.csv", "filename*=UTF-8''%C3%BC.csv" },
	{ "a\"b\\c", "filename*=UTF-8''a%22b%5Cc" },
	{ "a\nBcc: x@y", "filename*=UTF-8''a_Bcc%3A%20x%40y" },
	{ "\303\274berweisungstr\303\244ger-f\303\274r-die-ganze-Abteilung.pdf",
	    "filename*0*=UTF-8''%C3%BCberweisungstr%C3%A4ger-f%C3%BCr-die-"
	    "ganze-Ab;\n\tfilename*1*=teilung.pdf" },
};

/* RFC 2183, 2231; no name gets a line of its own into the header. */
static void
names_of_files_are_parameters(void **state)
{
	struct mime_body m = { .has_text = true };
	struct mime_file f = { .bytes = SPAN_LIT("") };
	const char *at, *end;
	struct buf out;
	size_t i;

	(void)state;
	m.files = &f;
	m.n_files = 1;
	for (i = 0; i < COUNT(names); i++) {
		f.name = names[i].name;
		assert_int_equal(mime_check_file(&f, NULL), 0);
		assert_int_equal(mime_write(&m, gather_into(&out), NULL), 0);
		at = strstr(buf_str(&out), "attachment;\n\t");
		assert_non_null(at);
		at += strlen("attachment;\n\t");
		end = strstr(at, "\n\n");
		assert_non_null(end);
		out.p[end - out.p] = '\0';
		assert_string_equal(at, names[i].parameter);
		buf_clear(&out);
	}
}

static void
types_follow_from_the_name(void **state)
{
	static const struct {
		const char *name, *type;
	} cases[] = {
		{ "a.PDF", "application/pdf" },
		{ "a.tar.gz", "application/gzip" },
		{ "photo.jpeg", "image/jpeg" },
		{ "README", "application/octet-stream" },
		{ "a.unknown", "application/octet-stream" },
		{ ".", "application/octet-stream" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(mime_type_of(cases[i].name), cases[i].type);
}

static void
what_may_not_stand_in_a_header_is_refused(void **state)
{
	static const struct mime_file bad[] = {
		{ .name = "a", .type = "text" },
		{ .name = "a", .type = "text/" },
		{ .name = "a", .type = "text/plain; x=y" },
		{ .name = "a", .type = "text/pl\nain" },
		{ .name = "a", .type = "multipart/mixed" },
		{ .name = "a", .type = "Message/rfc822" },
		{ .name = "a", .cid = "" },
		{ .name = "a", .cid = "a b" },
		{ .name = "a", .cid = "a>\nX: y" },
		{ .name = "\xff" },
	};
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_int_equal(mime_check_file(&bad[i], &err), -1);
		assert_int_equal(err.code, PO_EDATA);
	}
}

static void
a_file_that_is_not_there_is_named(void **state)
{
	const struct mime_file f = { .name = "x", .path = "/nowhere/x" };
	const struct mime_body m = { .files = &f, .n_files = 1 };
	struct po_err err;
	struct buf out;

	(void)state;
	assert_int_equal(mime_write(&m, gather_into(&out), &err), -1);
	assert_int_equal(err.code, PO_ENOINPUT);
	assert_non_null(strstr(err.text, "/nowhere/x"));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_has_the_parts_that_it_needs),
		cmocka_unit_test(two_halves_make_the_whole),
		cmocka_unit_test(names_of_files_are_parameters),
		cmocka_unit_test(types_follow_from_the_name),
		cmocka_unit_test(what_may_not_stand_in_a_header_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
