/* SPDX-License-Identifier: ISC */
/*
 * The option tables against what is written about them: po.conf(5) shows each
 * option with its default, and no other; the sample configuration can be read
 * with every line in force.
 */
#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounce/options.h"
#include "conf/conf.h"
#include "conf/value.h"
#include "deliver/transport.h"
#include "log/log.h"
#include "queue/options.h"
#include "spool/drop.h"
#include "submit/options.h"
#include "util/buf.h"

#include <cmocka.h>

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))
#define LARGEST_PAGE (256 * 1024)
#define LARGEST_TARGET 1024

static const struct {
	const char *name;
	const struct conf_option *options;
} tables[] = {
	{ "deliver_options", deliver_options },
	{ "bounce_options", bounce_options },
	{ "drop_options", drop_options },
	{ "log_options", log_options },
	{ "queue_options", queue_options },
	{ "submit_options", submit_options },
};

/* A target for each table; the rooms' structs are smaller. */
static union {
	max_align_t align;
	char bytes[LARGEST_TARGET];
} targets[N_TABLES];

static const char *
source_path(const char *name)
{
	static char path[4096];
	const char *srcdir = getenv("srcdir");

	snprintf(path, sizeof(path), "%s/%s", srcdir == NULL ? "." : srcdir,
	    name);
	return path;
}

static void
read_whole(const char *name, struct buf *out)
{
	FILE *f = fopen(source_path(name), "r");
	char block[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		assert_true(buf_put(out, block, n));
	fclose(f);
	assert_true(out->len > 0);
}

/* "name = value" as the page has it: quotes are \(dq there. */
static void
page_line(const struct conf_option *o, const void *target, struct buf *out)
{
	struct buf value;
	const char *s;

	buf_init(&value, 4096);
	assert_true(conf_value_put(o, target, &value));
	assert_true(buf_printf(out, ".It Ic %s = ", o->name));
	for (s = buf_str(&value); *s != '\0'; s++)
		assert_true(
		    *s == '"' ? buf_puts(out, "\\(dq") : buf_putc(out, *s));
	assert_true(buf_putc(out, '\n'));
	buf_clear(&value);
}

static const char *
page_name(struct span line, struct span *name)
{
	static const struct span item = { ".It Ic ", 7 };

	if (!span_has_prefix_nocase(line, item))
		return NULL;
	line = (struct span){ line.p + item.len, line.len - item.len };
	*name = span_cut(&line, ' ');
	return name->p;
}

static const struct conf_option *
find_option(struct span name)
{
	const struct conf_option *o;
	size_t t;

	for (t = 0; t < N_TABLES; t++)
		for (o = tables[t].options; o->name != NULL; o++)
			if (span_eq(name, span_of(o->name)))
				return o;
	return NULL;
}

static void
every_option_is_in_the_page_with_its_default(void **state)
{
	const struct conf_option *o;
	struct buf page, line;
	size_t t;

	(void)state;
	buf_init(&page, LARGEST_PAGE);
	buf_init(&line, 8192);
	read_whole("man/po.conf.5", &page);
	for (t = 0; t < N_TABLES; t++) {
		for (o = tables[t].options; o->name != NULL; o++) {
			assert_true(o->offset < LARGEST_TARGET - 64);
			/* A list's members lie in another struct. */
			if (strchr(o->name, '[') != NULL)
				memset(&targets[t], 0, sizeof(targets[t]));
			conf_value_reset(o, &targets[t]);
			buf_reset(&line);
			page_line(o, &targets[t], &line);
			conf_value_clear(o, &targets[t]);
			if (strcmp(o->name, "spool") == 0) {
				/* the page tells that of a package */
				buf_reset(&line);
				assert_true(buf_puts(&line,
				    ".It Ic spool = "
				    "\\(dq/var/spool/po\\(dq\n"));
			}
			if (strstr(buf_str(&page), buf_str(&line)) == NULL)
				fail_msg("po.conf.5 lacks: %s", buf_str(&line));
		}
	}
	buf_clear(&page);
	buf_clear(&line);
}

static void
the_page_has_no_other_option(void **state)
{
	struct span rest, line, name;
	struct buf page;
	size_t n = 0;

	(void)state;
	buf_init(&page, LARGEST_PAGE);
	read_whole("man/po.conf.5", &page);
	rest = buf_span(&page);
	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (page_name(line, &name) == NULL)
			continue;
		n++;
		if (find_option(name) == NULL)
			fail_msg("no table has \"%.*s\"", (int)name.len,
			    name.p);
	}
	assert_true(n > 0);
	buf_clear(&page);
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static void
tables_that_share_an_option_agree_about_it(void **state)
{
	const struct conf_option *o, *first;
	size_t t;

	(void)state;
	for (t = 0; t < N_TABLES; t++) {
		for (o = tables[t].options; o->name != NULL; o++) {
			first = find_option(span_of(o->name));
			assert_non_null(first);
			if (first == o)
				continue;
			print_message("# %s\n", o->name);
			assert_int_equal(first->type, o->type);
			assert_int_equal(first->min, o->min);
			assert_int_equal(first->max, o->max);
			assert_ptr_equal(first->words, o->words);
			assert_true(same_text(first->fallback, o->fallback));
		}
	}
}

static void
every_option_explains_itself(void **state)
{
	const struct conf_option *o;
	size_t t;

	(void)state;
	for (t = 0; t < N_TABLES; t++) {
		for (o = tables[t].options; o->name != NULL; o++) {
			print_message("# %s\n", o->name);
			assert_non_null(o->help);
			assert_true(strlen(o->help) > 3);
			assert_null(strchr(o->help, '\n'));
			assert_true(
			    (o->type == CONF_WORD) == (o->words != NULL));
		}
	}
}

/* "extern const struct conf_option NAME[];" of any header */
static void
check_header(const char *path)
{
	static const char before[] = "extern const struct conf_option ";
	char line[1024], *name, *end;
	FILE *f = fopen(path, "r");
	size_t t;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		name = strstr(line, before);
		if (name == NULL)
			continue;
		name += sizeof(before) - 1;
		end = strchr(name, '[');
		assert_non_null(end);
		*end = '\0';
		for (t = 0; t < N_TABLES; t++)
			if (strcmp(tables[t].name, name) == 0)
				break;
		if (t == N_TABLES)
			fail_msg("%s: %s is not compared", path, name);
	}
	fclose(f);
}

static void
every_table_is_compared(void **state)
{
	glob_t headers;
	size_t i;

	(void)state;
	assert_int_equal(glob(source_path("src/*/*.h"), 0, NULL, &headers), 0);
	for (i = 0; i < headers.gl_pathc; i++)
		check_header(headers.gl_pathv[i]);
	globfree(&headers);
}

/* A commented setting begins with '#' and a name or a tab, or closes a group;
 * prose has "# ". */
static void
put_in_force(struct span text, struct buf *out)
{
	struct span line;

	while (text.len > 0) {
		line = span_cut(&text, '\n');
		if (line.len > 1 && line.p[0] == '#' && line.p[1] != ' ')
			line = (struct span){ line.p + 1, line.len - 1 };
		assert_true(buf_put_span(out, line) && buf_putc(out, '\n'));
	}
}

static void
the_sample_can_be_read_with_every_line_in_force(void **state)
{
	char path[] = "/tmp/po-sample-XXXXXX";
	struct conf_table loaded[N_TABLES];
	struct conf *c = NULL;
	struct buf sample, text;
	struct po_err err = { PO_OK, 0, "" };
	int fd = mkstemp(path);
	size_t t;

	(void)state;
	assert_true(fd != -1);
	buf_init(&sample, LARGEST_PAGE);
	buf_init(&text, LARGEST_PAGE);
	read_whole("etc/po.conf", &sample);
	put_in_force(buf_span(&sample), &text);
	assert_int_equal(write(fd, text.p, text.len), text.len);
	close(fd);
	for (t = 0; t < N_TABLES; t++)
		loaded[t] =
		    (struct conf_table){ tables[t].options, &targets[t] };
	if (conf_load(path, loaded, N_TABLES, &c, &err) == -1)
		fail_msg("%s", err.text);
	unlink(path);
	assert_string_not_equal(conf_where(c, "transport"), "default");
	assert_string_not_equal(conf_where(c, "relay.host"), "default");
	assert_string_not_equal(conf_where(c, "log.level"), "default");
	conf_free(c);
	buf_clear(&sample);
	buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_is_in_the_page_with_its_default),
		cmocka_unit_test(the_page_has_no_other_option),
		cmocka_unit_test(tables_that_share_an_option_agree_about_it),
		cmocka_unit_test(every_option_explains_itself),
		cmocka_unit_test(every_table_is_compared),
		cmocka_unit_test(
		    the_sample_can_be_read_with_every_line_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
