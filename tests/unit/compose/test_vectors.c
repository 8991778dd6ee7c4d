/* SPDX-License-Identifier: ISC */
/*
 * Runs vectors/NAME.json (see README.md there): templates and contexts with
 * what Django made of them. One case of cmocka for each vector. A vector whose
 * error is one of compiling must fail when the template at fault is compiled;
 * one of rendering must compile and fail then.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "compose/template.h"

#define TEMPLATES_MAX 16

struct set {
	json_t *sources;
	const char *names[TEMPLATES_MAX];
	struct template *compiled[TEMPLATES_MAX];
	size_t n;
};

static const char *
key_of(json_t *object, struct span name)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key,
	    value) if (span_eq(span_of(key), name)) return key;
	return NULL;
}

static int
get(void *ctx, struct span name, const struct template **out,
    struct template_place *where, struct po_err *err)
{
	struct set *set = ctx;
	struct span source;
	json_t *j = json_object_getn(set->sources, name.p, name.len);
	size_t i;

	if (j == NULL)
		return 0;
	for (i = 0; i < set->n; i++) {
		if (span_eq(span_of(set->names[i]), name)) {
			*out = set->compiled[i];
			return 1;
		}
	}
	assert_true(set->n < TEMPLATES_MAX);
	source = (struct span){ json_string_value(j), json_string_length(j) };
	set->names[set->n] = key_of(set->sources, name);
	if (template_compile(set->names[set->n], source, NULL,
	        &set->compiled[set->n], where, err) == -1)
		return -1;
	*out = set->compiled[set->n++];
	return 1;
}

static const char *
text(json_t *v, const char *key)
{
	return json_string_value(json_object_get(v, key));
}

static void
check_error(json_t *want, int got, const struct template_place *where,
    const struct po_err *err)
{
	assert_non_null(want);
	assert_int_equal(got, -1);
	assert_true(err->code == PO_EDATA);
	assert_true(where->line > 0 && where->column > 0);
}

static int
render(json_t *v, struct set *set, const struct template *t, struct buf *out,
    struct template_place *where, struct po_err *err)
{
	struct template_options o = { .autoescape = json_is_true(
		                          json_object_get(v, "autoescape")),
		.loader = { get, set } };
	char *json = json_dumps(json_object_get(v, "context"), 0);
	struct template_context *c;
	int rc;

	if (text(v, "now") != NULL)
		assert_true(
		    template_time_parse(span_of(text(v, "now")), &o.now_us));
	assert_int_equal(template_context_parse(span_of(json), NULL, &c, err),
	    0);
	rc = template_render(t, c, &o, out, where, err);
	template_context_free(c);
	free(json);
	return rc;
}

static void
run(void **state)
{
	json_t *v = *state;
	struct set set = { .sources = json_object_get(v, "templates") };
	json_t *error = json_object_get(v, "error");
	struct po_err err = { PO_OK, 0, "" };
	struct template_place where;
	const struct template *t = NULL;
	struct buf out;
	int rc;

	buf_init(&out, 1 << 20);
	rc = get(&set, span_of(text(v, "main")), &t, &where, &err);
	if (rc == -1) {
		check_error(error, rc, &where, &err);
		assert_string_equal(text(error, "phase"), "compile");
	} else {
		assert_int_equal(rc, 1);
		assert_false(error != NULL &&
		             strcmp(text(error, "phase"), "compile") == 0);
		rc = render(v, &set, t, &out, &where, &err);
		if (error != NULL) {
			check_error(error, rc, &where, &err);
			assert_int_equal(out.len, 0);
		} else if (rc == -1) {
			fail_msg("%s", err.text);
		} else {
			assert_string_equal(buf_str(&out), text(v, "expected"));
		}
	}
	buf_clear(&out);
	while (set.n > 0)
		template_free(set.compiled[--set.n]);
}

static json_t *
load_all(const char *folder)
{
	json_t *all = json_array();
	struct dirent **names;
	char path[1024];
	int n = scandir(folder, &names, NULL, alphasort);
	int i;

	for (i = 0; i < n; i++) {
		size_t len = strlen(names[i]->d_name);

		if (len > 5 &&
		    strcmp(names[i]->d_name + len - 5, ".json") == 0) {
			json_t *file;

			(void)snprintf(path, sizeof(path), "%s/%s", folder,
			    names[i]->d_name);
			file = json_load_file(path, 0, NULL);
			if (file == NULL ||
			    json_array_extend(all, file) == -1) {
				print_error("%s cannot be read\n", path);
				exit(1);
			}
			json_decref(file);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return all;
}

int
main(void)
{
	const char *top = getenv("srcdir");
	struct CMUnitTest *tests;
	char folder[800];
	json_t *all;
	size_t n;
	size_t i;
	int failed;

	(void)snprintf(folder, sizeof(folder), "%s/tests/unit/compose/vectors",
	    top == NULL ? "." : top);
	all = load_all(folder);
	n = json_array_size(all);
	tests = calloc(n + 1, sizeof(*tests));
	if (n < 102 || tests == NULL) {
		print_error("%s has %zu vectors, 102 at least are wanted\n",
		    folder, n);
		return 1;
	}
	for (i = 0; i < n; i++)
		tests[i] =
		    (struct CMUnitTest){ text(json_array_get(all, i), "name"),
			    run, NULL, NULL, json_array_get(all, i) };
	failed = _cmocka_run_group_tests("vectors", tests, n, NULL, NULL);
	free(tests);
	json_decref(all);
	return failed;
}
