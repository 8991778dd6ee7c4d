/* SPDX-License-Identifier: ISC */
/*
 * render FOLDER COUNT once|each: renders the three parts of the mail in FOLDER
 * COUNT times, compiled once or each time; prints "seconds S bytes N": CPU
 * time, and what one mail has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compose/template.h"
#include "util/parse_num.h"

#define PARTS 4

static const char *const names[PARTS] = { "subject", "text", "html", "base" };

struct mail {
	struct buf sources[PARTS];
	struct template *parts[PARTS];
};

static void
check(int rc, const struct po_err *err)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "render: %s\n", err->text);
	exit(1);
}

static void
read_file(const char *folder, const char *name, struct buf *out)
{
	char path[4096];
	char part[4096];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	buf_init(out, 1 << 20);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		if (!buf_put(out, part, n))
			exit(1);
	(void)fclose(f);
}

static int
get(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct mail *m = ctx;
	size_t i;

	(void)where;
	(void)err;
	for (i = 0; i < PARTS; i++) {
		if (span_eq(span_of(names[i]), name)) {
			*out = m->parts[i];
			return 1;
		}
	}
	return 0;
}

static void
compile(struct mail *m)
{
	struct po_err err;
	size_t i;

	for (i = 0; i < PARTS; i++)
		check(template_compile(names[i], buf_span(&m->sources[i]), NULL,
		          &m->parts[i], NULL, &err),
		    &err);
}

static void
forget(struct mail *m)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		template_free(m->parts[i]);
}

static size_t
render(struct mail *m, const struct template_context *c, struct buf *out)
{
	struct template_options o = { .now_us = 1773500966000000,
		.loader = { get, m } };
	struct po_err err;
	size_t bytes = 0;
	size_t i;

	for (i = 0; i < 3; i++) {
		o.autoescape = i == 2;
		buf_reset(out);
		check(template_render(m->parts[i], c, &o, out, NULL, &err),
		    &err);
		bytes += out->len;
	}
	return bytes;
}

int
main(int argc, char **argv)
{
	struct template_context *c;
	struct mail m;
	struct buf json;
	struct buf out;
	struct po_err err;
	uint64_t count;
	size_t bytes = 0;
	clock_t begun;
	bool each;
	size_t i;

	if (argc != 4 || !parse_u64(span_of(argv[2]), 1, 100000000, &count))
		return 64;
	each = strcmp(argv[3], "each") == 0;
	for (i = 0; i < PARTS; i++)
		read_file(argv[1], names[i], &m.sources[i]);
	read_file(argv[1], "context.json", &json);
	check(template_context_parse(buf_span(&json), NULL, &c, &err), &err);
	buf_init(&out, 1 << 20);
	begun = clock();
	compile(&m);
	while (count-- > 0) {
		bytes = render(&m, c, &out);
		if (each && count > 0) {
			forget(&m);
			compile(&m);
		}
	}
	(void)printf("seconds %.3f bytes %zu\n",
	    (double)(clock() - begun) / CLOCKS_PER_SEC, bytes);
	forget(&m);
	template_context_free(c);
	for (i = 0; i < PARTS; i++)
		buf_clear(&m.sources[i]);
	buf_clear(&json);
	buf_clear(&out);
	return 0;
}
