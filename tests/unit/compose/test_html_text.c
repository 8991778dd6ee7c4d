/* SPDX-License-Identifier: ISC */
/* What a reader of plain text gets of an html part. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "compose/html_text.h"
#include "util/wallclock.h"

static const struct {
	const char *name, *html, *text;
} cases[] = {
	{ "white space is one blank", "<p> a \n\t b</p>", "a b\n" },
	{ "paragraphs have an empty line between", "<p>a<p>b</p>c",
	    "a\n\nb\n\nc\n" },
	{ "<br> ends a line, two leave an empty one", "a<br>b<br><br>c",
	    "a\nb\n\nc\n" },
	{ "inline tags join", "foo<b>bar</b> <i>baz</i>", "foobar baz\n" },
	{ "references are what they mean",
	    "&lt;b&gt; &amp;amp; &copy &#8364;&#x80; &nosuch;",
	    "<b> &amp; \302\251 \342\202\254\342\202\254 &nosuch;\n" },
	{ "a lone less-than is text", "5 < 6 & 7<8", "5 < 6 & 7<8\n" },
	{ "script, style, title and comments are left out",
	    "a<script>if (a<b) x='</p>'</script><style>p{}</STYLE>"
	    "<title>t</title><!-- <p>c --> b",
	    "a b\n" },
	{ "what is not shown is left out",
	    "<div style='Display : NONE'>x<div>y</div>z</div>a<p hidden>b</p>",
	    "a\n" },
	{ "a link is a note",
	    "<a href='https://example.org/?a=1&amp;b=2'>here</a> and <a "
	    "href=\"https://example.org/?a=1&amp;b=2\">there</a>, <a "
	    "href=http://b.example/>b</a>",
	    "here [1] and there [1], b [2]\n\n[1] "
	    "https://example.org/?a=1&b=2\n[2] http://b.example/\n" },
	{ "a link that shows its address needs none",
	    "<a href='https://example.org/'>example.org</a> <a "
	    "href='mailto:a@example.org'>a@example.org</a>",
	    "example.org a@example.org\n" },
	{ "a link that leads nowhere is text",
	    "<a href='javascript:x()'>a</a> <a href='#top'>b</a> <a>c</a>",
	    "a b c\n" },
	{ "line ends in an address are no lines of the mail",
	    "<a href='http://x/&#10;&#13;y'>a</a>",
	    "a [1]\n\n[1] http://x/y\n" },
	{ "an image is its alternative text",
	    "<img src=x alt='Tea &amp; Co'><img alt=''>", "[Tea & Co]\n" },
	{ "a link around an image", "<a href=http://x/><img alt=Logo></a>",
	    "[Logo] [1]\n\n[1] http://x/\n" },
	{ "headings are underlined", "<h1>Title</h1>a<h2>Sub</h2>b<h3>c</h3>d",
	    "Title\n=====\n\na\n\nSub\n---\n\nb\n\nc\n\nd\n" },
	{ "lists have marks, inner ones are indented",
	    "x<ul><li>a<li>b<ol start=9><li>c</li><li>d</li></ol></ul>y",
	    "x\n\n* a\n* b\n  9. c\n  10. d\n\ny\n" },
	{ "quotations are marked",
	    "a<blockquote>b<br>c<p>d<blockquote>e</blockquote></blockquote>f",
	    "a\n\n> b\n> c\n>\n> d\n>\n> > e\n\nf\n" },
	{ "preformatted text stays as it is", "<pre>\n a  b\n\n  c</pre>d",
	    " a  b\n\n  c\n\nd\n" },
	{ "terms and what they mean", "<dl><dt>T<dd>what</dl>",
	    "T\n    what\n" },
	{ "a table of data is set in columns",
	    "<table><tr><th>Item<th>Price<tr><td>Tea<td>9.00<tr><td>Large "
	    "mug<td>12.50</table>",
	    "Item       Price\n---------  -----\nTea         9.00\nLarge mug  "
	    "12.50\n" },
	{ "a cell over two columns",
	    "<table><tr><td>a<td>b<td>1<tr><td colspan=2>sum<td>12</table>",
	    "a    b   1\nsum     12\n" },
	{ "a table that places things is read cell by cell",
	    "<table><tr><td><h1>T</h1><td><table><tr><td>x<td>y<tr><td>xx<td>"
	    "yy</table></table>",
	    "T\n=\n\nx   y\nxx  yy\n" },
	{ "lines of a single cell stay lines",
	    "<table><tr><td>a<br>b<p>c</table>d", "a\nb\n\nc\n\nd\n" },
	{ "a table without cells is nothing", "a<table></table>b", "a\n\nb\n" },
	{ "unclosed tags and quotes end with the text", "a <b <p \"x", "a\n" },
	{ "in preformatted text, too", "<pre>a\fb\vc\rd\te</pre>",
	    "abcd\te\n" },
	{ "control characters are left out", "a\001\033[1mb&#7;", "a[1mb\n" },
	{ "nothing is nothing", "<p></p>\n", "" },
};

static char *
text_of(const char *html)
{
	struct po_err err;
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(html_text(span_of(html), &out, &err), 0);
	assert_true(buf_putc(&out, '\0'));
	return out.p;
}

static void
html_is_readable_as_text(void **state)
{
	size_t i;
	char *text;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text = text_of(cases[i].html);
		if (strcmp(text, cases[i].text) != 0)
			fail_msg("%s: \"%s\" became\n%s\ninstead of\n%s",
			    cases[i].name, cases[i].html, text, cases[i].text);
		free(text);
	}
}

static void
long_lines_are_wrapped(void **state)
{
	char html[4096] = "<blockquote>", *text, *line;
	size_t i;

	(void)state;
	for (i = 0; i < 200; i++)
		(void)memcpy(html + strlen(html), "gr\303\274n\303\251 ", 9);
	text = text_of(html);
	for (line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
		assert_memory_equal(line, "> ", 2);
		/* 2 of the mark, 12 words of 5 and a blank, 2 bytes more each
		 */
		assert_true(strcspn(line, "\n") <= 76 + 24);
		assert_true(line[strcspn(line, "\n") - 1] != ' ');
	}
	free(text);
}

/* What has cost others quadratic time; here each takes as long as its bytes. */
static void
hostile_html_takes_linear_time(void **state)
{
	static const char *const pieces[] = { "<a \"", "<!--",
		"<table><tr><td>", "<blockquote>x", "<a href='http://x",
		"<ul><li>", "&", "<x ", "<td style=\"", "<script>", "</script",
		"<div hidden>", "<h1>x</h1>", "<a href=http://x>a</a>", "<td>x",
		"</", "<?", "<p a=", "<a href=http://x/>" };
	const size_t bytes = 1 << 20;
	char *html = malloc(bytes + 64);
	int64_t began = monotonic_ms();
	struct po_err err;
	struct buf out;
	size_t i, len;

	(void)state;
	assert_non_null(html);
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (len = 0; len < bytes; len += strlen(pieces[i]))
			memcpy(html + len, pieces[i], strlen(pieces[i]) + 1);
		buf_init(&out, 64 << 20);
		(void)html_text((struct span){ html, len }, &out, &err);
		buf_clear(&out);
	}
	free(html);
	assert_true(monotonic_ms() - began < 60000);
}

static void
the_ceiling_is_an_error(void **state)
{
	struct po_err err;
	struct buf out;

	(void)state;
	buf_init(&out, 10);
	assert_int_equal(html_text(SPAN_LIT("<p>more than ten bytes"), &out,
	                     &err),
	    -1);
	assert_int_equal(err.code, PO_EUNAVAILABLE);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_readable_as_text),
		cmocka_unit_test(long_lines_are_wrapped),
		cmocka_unit_test(hostile_html_takes_linear_time),
		cmocka_unit_test(the_ceiling_is_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
