/* SPDX-License-Identifier: ISC */
/* The store of templates: names, languages, versions, savers at one time. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "templates_fixture.h"

static int
save(const char *name, const char *lang, const char *text, int64_t base,
    struct templates_version *v, struct po_err *err)
{
	memset(v, 0, sizeof(*v));
	assert_true(templates_name_encode(span_of(name), v->id.folder));
	assert_true(templates_lang(span_of(lang), v->id.lang));
	v->source.has[PART_TEXT] = true;
	v->source.part[PART_TEXT] = span_of(text);
	v->description = span_of("what it is for");
	return templates_save(&store, v, base, 1000, err);
}

static void
names_are_folders_in_one_way_only(void **state)
{
	static const struct {
		const char *name, *folder;
	} rows[] = {
		{ "order", "order" },
		{ "mail/order v2", "mail%2Forder%20v2" },
		{ "..", "%2E." },
		{ ".git", "%2Egit" },
		{ "Grüße", "Gr%C3%BC%C3%9Fe" },
		{ "100%", "100%25" },
		{ "", NULL },
		{ "a\nb", NULL },
		{ "\xff", NULL },
	};
	static const char *const no_folders[] = { "..", ".x", "%2e.", "a/b",
		"%41", "%", "%2", "a b", "%0A", "" };
	char folder[TEMPLATES_FOLDER_BYTES], name[TEMPLATES_NAME_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(templates_name_encode(span_of(rows[i].name),
		                     folder),
		    rows[i].folder != NULL);
		if (rows[i].folder == NULL)
			continue;
		assert_string_equal(folder, rows[i].folder);
		assert_true(templates_name_decode(folder, name));
		assert_string_equal(name, rows[i].name);
	}
	for (i = 0; i < sizeof(no_folders) / sizeof(no_folders[0]); i++)
		assert_false(templates_name_decode(no_folders[i], name));
}

static void
languages_have_one_form_and_fall_back(void **state)
{
	static const struct {
		const char *given, *tag;
	} rows[] = {
		{ "", "default" },
		{ "DEFAULT", "default" },
		{ "de", "de" },
		{ "DE_at", "de-AT" },
		{ "zh-hant-tw", "zh-Hant-TW" },
		{ "es-419", "es-419" },
		{ "d", NULL },
		{ "de-", NULL },
		{ "-de", NULL },
		{ "de--AT", NULL },
		{ "1de", NULL },
		{ "../de", NULL },
		{ "de AT", NULL },
	};
	char tag[TEMPLATES_LANG_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(templates_lang(span_of(rows[i].given), tag),
		    rows[i].tag != NULL);
		if (rows[i].tag != NULL)
			assert_string_equal(tag, rows[i].tag);
	}
	assert_true(templates_lang(span_of("zh-Hant-TW"), tag));
	assert_true(templates_lang_shorter(tag));
	assert_string_equal(tag, "zh-Hant");
	assert_true(templates_lang_shorter(tag));
	assert_true(templates_lang_shorter(tag));
	assert_string_equal(tag, "default");
	assert_false(templates_lang_shorter(tag));
}

static void
every_save_is_a_version_and_the_old_ones_stay(void **state)
{
	struct templates_version v, found;
	struct templates_id first;
	struct po_err err;

	(void)state;
	templates_version_init(&found);
	assert_int_equal(save("order", "", "one", TEMPLATES_NEW, &v, &err), 1);
	first = v.id;
	assert_int_equal(save("order", "", "two", TEMPLATES_NEW, &v, &err), -1);
	assert_int_equal(save("order", "", "two", 1, &v, &err), 1);
	assert_int_equal(v.id.version, 2);
	assert_int_equal(save("order", "", "two", TEMPLATES_ANY, &v, &err), 0);
	assert_int_equal(save("order", "", "three", 1, &v, &err), -1);
	assert_int_equal(err.code, PO_EBUSY);
	assert_int_equal(templates_find(&store, span_of("order"), "de-AT",
	                     &found, &err),
	    1);
	assert_int_equal(found.id.version, 2);
	assert_memory_equal(found.source.part[PART_TEXT].p, "two", 3);
	assert_int_equal(templates_read(&store, &first, &found, &err), 1);
	assert_memory_equal(found.source.part[PART_TEXT].p, "one", 3);
	assert_int_equal(templates_remove(&store, "order", "default", &err), 1);
	assert_int_equal(templates_remove(&store, "order", "default", &err), 0);
	assert_int_equal(templates_find(&store, span_of("order"), "de", &found,
	                     &err),
	    0);
	assert_int_equal(templates_read(&store, &first, &found, &err), 1);
	assert_int_equal(save("order", "", "new", TEMPLATES_NEW, &v, &err), 1);
	assert_int_equal(v.id.version, 3);
	templates_version_clear(&found);
}

static void
the_nearest_language_is_found(void **state)
{
	struct templates_version v, found;
	struct po_err err;

	(void)state;
	templates_version_init(&found);
	assert_int_equal(save("hello", "", "x", TEMPLATES_ANY, &v, &err), 1);
	assert_int_equal(save("hello", "de", "d", TEMPLATES_ANY, &v, &err), 1);
	assert_int_equal(templates_find(&store, span_of("hello"), "de-AT",
	                     &found, &err),
	    1);
	assert_string_equal(found.id.lang, "de");
	assert_int_equal(templates_find(&store, span_of("hello"), "fr", &found,
	                     &err),
	    1);
	assert_string_equal(found.id.lang, "default");
	assert_int_equal(templates_find(&store, span_of("../x"), "fr", &found,
	                     &err),
	    0);
	templates_version_clear(&found);
}

static void
a_damaged_file_is_no_template(void **state)
{
	struct templates_version v, found;
	char path[200];
	struct po_err err;
	int fd;

	(void)state;
	templates_version_init(&found);
	assert_int_equal(save("bad", "", "x", TEMPLATES_ANY, &v, &err), 1);
	(void)snprintf(path, sizeof(path), "%s/bad/default/1", store.path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "y", 1, 30), 1);
	(void)close(fd);
	assert_int_equal(templates_find(&store, span_of("bad"), "de", &found,
	                     &err),
	    -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	templates_version_clear(&found);
}

#define SAVERS 6
#define SAVES 25

static void
savers_at_one_time_lose_no_version(void **state)
{
	struct templates_list list;
	struct templates_version v, found;
	struct po_err err;
	char text[40];
	int i, n, status;

	(void)state;
	for (i = 0; i < SAVERS; i++) {
		if (fork() != 0)
			continue;
		for (n = 0; n < SAVES; n++) {
			(void)snprintf(text, sizeof(text), "%d of %d", n, i);
			if (save("busy", "", text, TEMPLATES_ANY, &v, &err) !=
			    1)
				_exit(1);
		}
		_exit(0);
	}
	for (i = 0; i < SAVERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	templates_version_init(&found);
	assert_int_equal(templates_list_versions(&store, "busy", "default",
	                     &list, &err),
	    0);
	assert_int_equal(list.n, SAVERS * SAVES);
	assert_int_equal(templates_find(&store, span_of("busy"), "de", &found,
	                     &err),
	    1);
	assert_int_equal(found.id.version, SAVERS * SAVES);
	for (i = 0; (size_t)i < list.n; i++)
		assert_int_equal(templates_read(&store, &list.v[i], &found,
		                     &err),
		    1);
	templates_list_clear(&list);
	templates_version_clear(&found);
}

static void
a_killed_saver_leaves_a_whole_template(void **state)
{
	struct templates_version v, found;
	struct po_err err;
	char text[40];
	int n, round, status;
	pid_t pid;

	(void)state;
	templates_version_init(&found);
	assert_int_equal(save("killed", "", "0", TEMPLATES_ANY, &v, &err), 1);
	for (round = 0; round < 40; round++) {
		pid = fork();
		if (pid == 0)
			for (n = 0;; n++) {
				(void)snprintf(text, sizeof(text), "%d %d",
				    round, n);
				(void)save("killed", "", text, TEMPLATES_ANY,
				    &v, &err);
			}
		(void)usleep((useconds_t)(500 + 137 * round));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(templates_find(&store, span_of("killed"), "de",
		                     &found, &err),
		    1);
		(void)snprintf(text, sizeof(text), "after %d", round);
		assert_int_equal(save("killed", "", text, TEMPLATES_ANY, &v,
		                     &err),
		    1);
	}
	templates_version_clear(&found);
}

static int
wants(void *ctx, const struct templates_id *id, struct po_err *err)
{
	(void)err;
	return id->version == *(const uint32_t *)ctx;
}

static void
cleanup_takes_what_nobody_wants(void **state)
{
	struct templates_list list;
	struct templates_version v;
	uint32_t wanted = 2;
	struct po_err err;

	(void)state;
	assert_int_equal(save("old", "", "1", TEMPLATES_ANY, &v, &err), 1);
	assert_int_equal(save("old", "", "2", TEMPLATES_ANY, &v, &err), 1);
	assert_int_equal(save("old", "", "3", TEMPLATES_ANY, &v, &err), 1);
	assert_int_equal(templates_cleanup(&store, 1000, wants, &wanted, &err),
	    0);
	assert_true(
	    templates_cleanup(&store, INT64_MAX, wants, &wanted, &err) > 0);
	assert_int_equal(templates_list_versions(&store, "old", "default",
	                     &list, &err),
	    0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].version, 2);
	assert_int_equal(list.v[1].version, 3);
	templates_list_clear(&list);
	assert_int_equal(templates_remove(&store, "old", "default", &err), 1);
	wanted = 0;
	assert_true(
	    templates_cleanup(&store, INT64_MAX, wants, &wanted, &err) >= 2);
	assert_int_equal(faccessat(store.dirfd, "old", F_OK, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_folders_in_one_way_only),
		cmocka_unit_test(languages_have_one_form_and_fall_back),
		cmocka_unit_test(every_save_is_a_version_and_the_old_ones_stay),
		cmocka_unit_test(the_nearest_language_is_found),
		cmocka_unit_test(a_damaged_file_is_no_template),
		cmocka_unit_test(savers_at_one_time_lose_no_version),
		cmocka_unit_test(a_killed_saver_leaves_a_whole_template),
		cmocka_unit_test(cleanup_takes_what_nobody_wants),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
