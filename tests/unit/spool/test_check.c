/* SPDX-License-Identifier: ISC */
#include "spool/check.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spool/drop.h"
#include "spool/ingest.h"
#include "spool/setup.h"

static char text[65536]; /* what the last check printed */

static FILE *
begin_output(void)
{
	FILE *out = tmpfile();

	assert_non_null(out);
	return out;
}

static void
end_output(FILE *out)
{
	size_t n;

	rewind(out);
	n = fread(text, 1, sizeof(text) - 1, out);
	text[n] = '\0';
	(void)fclose(out);
}

static int
check_layout(const char *path, const char *bindir)
{
	FILE *out = begin_output();
	int rc = spool_check_layout(path, bindir, out);

	end_output(out);
	return rc;
}

static int
check_content(const struct spool *s, bool locked)
{
	FILE *out = begin_output();
	int rc = spool_check_content(s, locked, out);

	end_output(out);
	return rc;
}

static void
assert_says(const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("\"%s\" not in: %s", what, text);
}

/* ------------------------------------------------------------ the layout */

static void
a_fresh_spool_is_all_well(void **state)
{
	char *dir = rig_dir();

	(void)state;
	assert_int_equal(spool_setup(dir, true, NULL), 0);
	assert_int_equal(check_layout(dir, dir), 0);
	assert_says("ok: ");
	rig_remove(dir);
}

static void
a_missing_spool_is_an_error_with_a_remedy(void **state)
{
	(void)state;
	assert_int_equal(check_layout("/nonexistent/po", "/"), 2);
	assert_says("error: /nonexistent/po");
	assert_says("po-queue --setup");
}

static void
every_wrong_folder_is_named(void **state)
{
	static const char *const names[] = { "", "drop", "queue", "done/7f",
		"bad", "run", "templates", "public" };
	char *dir = rig_dir();
	size_t i;

	(void)state;
	assert_int_equal(spool_setup(dir, true, NULL), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(chmod(rig_path(dir, names[i]), 0711), 0);
		assert_int_equal(check_layout(dir, "/nonexistent"), 2);
		assert_says(names[i]);
		assert_says("0711");
		assert_int_equal(chmod(rig_path(dir, names[i]), 0700), 0);
	}
	assert_int_equal(rmdir(rig_path(dir, "queue/00")), 0);
	assert_int_equal(check_layout(dir, "/nonexistent"), 2);
	assert_says("queue/00");
	rig_remove(dir);
}

static void
a_set_id_bit_on_a_program_is_an_error(void **state)
{
	static const struct {
		unsigned mode;
		int want;
	} cases[] = { { 0755, 0 }, { 04755, 2 }, { 02755, 2 }, { 0757, 1 } };
	char *dir = rig_dir();
	const char *path;
	size_t i;

	(void)state;
	assert_int_equal(spool_setup(dir, true, NULL), 0);
	rig_mkdir(rig_path(dir, "sbin"), 0755, geteuid(), getegid());
	path = rig_path(dir, "sbin/sendmail");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_write(path, "", 0, cases[i].mode);
		assert_int_equal(check_layout(dir, rig_path(dir, "sbin")),
		    cases[i].want);
		if (cases[i].want != 0)
			assert_says("sbin/sendmail");
	}
	rig_remove(dir);
}

struct accounts {
	char *dir;
	const char *passwd, *group;
	int want;
	const char *says;
};

/* In a mount namespace whose /etc knows just these users. */
static int
check_with_accounts(void *ctx)
{
	struct accounts *a = ctx;
	const char *etc = rig_path(a->dir, "../etc-for-check");
	char name[4200];
	int rc;

	(void)mkdir(etc, 0755);
	(void)snprintf(name, sizeof(name), "%s/passwd", etc);
	rig_write(name, a->passwd, strlen(a->passwd), 0644);
	(void)snprintf(name, sizeof(name), "%s/group", etc);
	rig_write(name, a->group, strlen(a->group), 0644);
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount(etc, "/etc", NULL, MS_BIND, NULL) == -1)
		return 100;
	rc = check_layout(a->dir, "/nonexistent");
	if (strstr(text, a->says) == NULL) {
		(void)fprintf(stderr, "%s", text);
		return 101;
	}
	return rc == a->want ? 0 : 102;
}

static int
setup_system(void *dir)
{
	return spool_setup_folders(dir, false, RIG_PO, RIG_PO, NULL) == 0 ? 0
	                                                                  : 1;
}

static void
the_group_has_nobody_but_po(void **state)
{
	static const char po[] = "po:x:2000:2000::/:/usr/sbin/nologin\n";
	struct accounts cases[] = {
		{ NULL, po, "po:x:2000:\n", 0, "ok: " },
		{ NULL, po, "po:x:2000:alice\n", 2, "member alice" },
		{ NULL,
		    "po:x:2000:2000::/:/bin/false\nbob:x:2002:2000::/:/bin/"
		    "sh\n",
		    "po:x:2000:\n", 2, "bob has the spool's group" },
		{ NULL, po, "other:x:5:\n", 2, "has no name" },
	};
	char *dir, *top;
	size_t i;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	top = strdup(rig_path(dir, "spool"));
	assert_int_equal(rig_as(0, setup_system, top), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].dir = top;
		assert_int_equal(rig_as(0, check_with_accounts, &cases[i]), 0);
	}
	free(top);
	rig_remove(dir);
}

/* ------------------------------------------------------------ the content */

struct world {
	char *dir;
	struct spool s;
	struct queue_id ids[3];
	struct po_err err;
};

static void
open_write(struct world *w, struct index **ix, struct index_tx **tx)
{
	assert_int_equal(index_open(w->s.dirfd, "index", INDEX_WRITE, ix,
	                     &w->err),
	    0);
	assert_int_equal(index_begin(*ix, INDEX_WRITE, tx, &w->err), 0);
}

static void
commit(struct world *w, struct index *ix, struct index_tx *tx)
{
	assert_int_equal(index_commit(tx, &w->err), 0);
	index_close(ix);
}

static void
record_all(struct world *w)
{
	struct index *ix;
	struct index_tx *tx;
	struct index_message m;
	struct message_file f;
	struct arena arena;
	bool in_done;
	size_t i;

	arena_init(&arena, 1 << 20);
	open_write(w, &ix, &tx);
	for (i = 0; i < 3; i++) {
		assert_int_equal(spool_find(&w->s, &w->ids[i], false, &f,
		                     &in_done, &w->err),
		    1);
		assert_int_equal(spool_index_file(&f, tx, &arena, NULL, &m,
		                     &w->err),
		    0);
		file_close(&f);
	}
	commit(w, ix, tx);
	arena_clear(&arena);
}

/* Three messages in queue/ and in the index. */
static void
begin_world(struct world *w)
{
	static const struct ingest_conf conf = { 86400, 0 };
	struct recipient r;
	struct drop_conf dc;
	struct drop *d;
	struct ingest *ing;
	struct ingest_taken taken[8];
	size_t i, n;
	bool more;

	memset(w, 0, sizeof(*w));
	w->dir = rig_dir();
	dc = (struct drop_conf){ w->dir, 0 };
	assert_int_equal(spool_setup(w->dir, true, &w->err), 0);
	assert_int_equal(spool_open(w->dir, &w->s, &w->err), 0);
	for (i = 0; i < 3; i++) {
		struct envelope env = rig_envelope(&r);

		assert_int_equal(drop_open(&dc, &d, &w->err), 0);
		assert_int_equal(drop_begin(d, &env, &w->err), 0);
		assert_int_equal(drop_publish(d, &w->err), 0);
		drop_close(d);
		w->ids[i] = env.id;
	}
	assert_int_equal(ingest_new(&w->s, &conf, &ing, &w->err), 0);
	assert_int_equal(ingest_batch(ing, 8, taken, &n, &more, &w->err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(ingest_release(ing, w->ids, n, &w->err), 0);
	ingest_free(ing);
	record_all(w);
}

static void
end_world(struct world *w)
{
	spool_close(&w->s);
	rig_remove(w->dir);
}

static const char *
path_of(const struct world *w, size_t i, const char *folder)
{
	char name[64], xx[3];

	queue_id_folder(&w->ids[i], xx);
	(void)snprintf(name, sizeof(name), "%s/%s/%s", folder, xx,
	    w->ids[i].text);
	return rig_path(w->dir, name);
}

static void
index_and_files_that_agree_are_all_well(void **state)
{
	struct world w;

	(void)state;
	begin_world(&w);
	assert_int_equal(check_content(&w.s, true), 0);
	assert_says("ok: 3 messages, 3 in the index");
	assert_int_equal(check_content(&w.s, false), 0);
	assert_int_equal(spool_move_to_done(&w.s, &w.ids[0], &w.err), 0);
	assert_int_equal(check_content(&w.s, true), 0);
	end_world(&w);
}

static void
a_file_without_a_record_is_an_error(void **state)
{
	struct world w;
	struct index *ix;
	struct index_tx *tx;
	int locked;

	(void)state;
	begin_world(&w);
	open_write(&w, &ix, &tx);
	assert_int_equal(index_message_delete(tx, &w.ids[1], &w.err), 0);
	commit(&w, ix, tx);
	for (locked = 0; locked < 2; locked++) {
		assert_int_equal(check_content(&w.s, locked), 2);
		assert_says(w.ids[1].text);
		assert_says("--rebuild-index");
	}
	end_world(&w);
}

static void
a_record_without_a_file_is_an_error(void **state)
{
	struct world w;
	int locked;

	(void)state;
	begin_world(&w);
	assert_int_equal(unlink(path_of(&w, 2, "queue")), 0);
	for (locked = 0; locked < 2; locked++) {
		assert_int_equal(check_content(&w.s, locked), 2);
		assert_says(w.ids[2].text);
		assert_says("gone");
	}
	end_world(&w);
}

static void
states_that_differ_are_an_error(void **state)
{
	struct world w;
	struct message_file f;
	struct head h;
	bool in_done;
	int which;

	(void)state;
	begin_world(&w);
	assert_int_equal(spool_find(&w.s, &w.ids[0], true, &f, &in_done,
	                     &w.err),
	    1);
	assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
	h.state = MESSAGE_HELD;
	assert_int_equal(file_write_head(&f, &h, &w.err), 0);
	file_close(&f);
	assert_int_equal(check_content(&w.s, true), 2);
	assert_says("is held, the index says waiting");
	end_world(&w);
}

static void
a_damaged_file_is_an_error(void **state)
{
	struct world w;
	struct message_file f;
	bool in_done;

	(void)state;
	begin_world(&w);
	assert_int_equal(spool_find(&w.s, &w.ids[0], true, &f, &in_done,
	                     &w.err),
	    1);
	assert_int_equal(pwrite(f.fd, "X", 1, FILE_ENVELOPE_AT + 40), 1);
	file_close(&f);
	assert_int_equal(truncate(path_of(&w, 1, "queue"), 100), 0);
	assert_int_equal(check_content(&w.s, true), 2);
	assert_says("wrong checksum");
	assert_says(w.ids[0].text);
	assert_says(w.ids[1].text);
	end_world(&w);
}

static void
a_damaged_and_a_missing_index_are_errors(void **state)
{
	struct world w;

	(void)state;
	begin_world(&w);
	assert_int_equal(truncate(rig_path(w.dir, "index/live/data.mdb"), 5000),
	    0);
	assert_int_equal(check_content(&w.s, true), 2);
	assert_says("--rebuild-index");
	assert_int_equal(unlink(rig_path(w.dir, "index/live/data.mdb")), 0);
	assert_int_equal(check_content(&w.s, true), 2);
	assert_says("3 messages and no index");
	end_world(&w);
}

static void
strays_are_warnings(void **state)
{
	static const struct {
		const char *name;
		bool folder;
		const char *says;
	} cases[] = {
		{ "drop/x", true, "folder of uid" },
		{ "queue/00/notes", false, "no id" },
		{ "bad/01JG7YBT000000000000000001.reason", false,
		    "1 refused files" },
	};
	struct world w;
	const char *path;
	size_t i;

	(void)state;
	begin_world(&w);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		path = rig_path(w.dir, cases[i].name);
		if (cases[i].folder)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			rig_write(path, "x", 1, 0600);
		assert_int_equal(check_content(&w.s, true), 1);
		assert_says(cases[i].says);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(check_content(&w.s, true), 0);
	end_world(&w);
}

static void
a_file_in_a_folder_of_another_hash_is_an_error(void **state)
{
	struct world w;
	char name[64], xx[3];

	(void)state;
	begin_world(&w);
	queue_id_folder(&w.ids[0], xx);
	(void)snprintf(name, sizeof(name), "queue/%s/%s",
	    strcmp(xx, "00") == 0 ? "01" : "00", w.ids[0].text);
	assert_int_equal(rename(path_of(&w, 0, "queue"), rig_path(w.dir, name)),
	    0);
	assert_int_equal(check_content(&w.s, true), 2);
	assert_says("belongs into folder");
	end_world(&w);
}

static void
a_thousand_findings_are_twenty_lines_and_a_number(void **state)
{
	struct world w;
	char name[64];
	size_t i, lines = 0;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "drop/d%zu", i);
		assert_int_equal(mkdir(rig_path(w.dir, name), 0700), 0);
	}
	assert_int_equal(check_content(&w.s, true), 1);
	for (i = 0; text[i] != '\0'; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, 21);
	assert_says("980 more");
	end_world(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_spool_is_all_well),
		cmocka_unit_test(a_missing_spool_is_an_error_with_a_remedy),
		cmocka_unit_test(every_wrong_folder_is_named),
		cmocka_unit_test(a_set_id_bit_on_a_program_is_an_error),
		cmocka_unit_test(the_group_has_nobody_but_po),
		cmocka_unit_test(index_and_files_that_agree_are_all_well),
		cmocka_unit_test(a_file_without_a_record_is_an_error),
		cmocka_unit_test(a_record_without_a_file_is_an_error),
		cmocka_unit_test(states_that_differ_are_an_error),
		cmocka_unit_test(a_damaged_file_is_an_error),
		cmocka_unit_test(a_damaged_and_a_missing_index_are_errors),
		cmocka_unit_test(strays_are_warnings),
		cmocka_unit_test(
		    a_file_in_a_folder_of_another_hash_is_an_error),
		cmocka_unit_test(
		    a_thousand_findings_are_twenty_lines_and_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
