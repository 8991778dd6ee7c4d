/* SPDX-License-Identifier: ISC */
/* fsync and linkat are wrapped by the linker, to see their order and to fail.
 */
#include "spool/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spool/file.h"

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_linkat(int a, const char *b, int c, const char *d, int e);
int __wrap_linkat(int a, const char *b, int c, const char *d, int e);

static char calls[16]; /* 'l' linkat, 's' fsync */
static int fsync_errno;
static const char *taken_by_runner; /* unlinked when fsync is called */

int
__wrap_fsync(int fd)
{
	strncat(calls, "s", sizeof(calls) - strlen(calls) - 1);
	if (taken_by_runner != NULL)
		(void)unlink(taken_by_runner);
	if (fsync_errno != 0) {
		errno = fsync_errno;
		return -1;
	}
	return __real_fsync(fd);
}

int
__wrap_linkat(int a, const char *b, int c, const char *d, int e)
{
	strncat(calls, "l", sizeof(calls) - strlen(calls) - 1);
	return __real_linkat(a, b, c, d, e);
}

struct world {
	char *dir;
	char *drop;
	struct drop_conf conf;
	struct recipient r;
	struct envelope env;
};

static void
begin_world(struct world *w, unsigned mode, uid_t uid)
{
	*w = (struct world){ .dir = rig_dir() };
	w->drop = strdup(rig_path(w->dir, "drop"));
	rig_mkdir(w->drop, mode, uid, uid);
	w->conf = (struct drop_conf){ w->dir, 0 };
	w->env = rig_envelope(&w->r);
	memset(calls, 0, sizeof(calls));
	fsync_errno = 0;
	taken_by_runner = NULL;
}

static const char *
path_of(const struct world *w)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "n.%s", w->env.id.text);
	return rig_path(w->drop, name);
}

static int
open_message(const struct world *w, struct message_file *f)
{
	return file_adopt(open(path_of(w), O_RDONLY | O_CLOEXEC), f, NULL);
}

static void
end_world(struct world *w)
{
	free(w->drop);
	rig_remove(w->dir);
}

static int
submit(struct world *w, const char *content, struct po_err *err)
{
	struct drop *d = NULL;
	int rc = -1;

	if (drop_open(&w->conf, &d, err) == 0 &&
	    drop_begin(d, &w->env, err) == 0 &&
	    sink_write(drop_sink(d), content, strlen(content), err) == 0)
		rc = drop_publish(d, err);
	drop_close(d);
	return rc;
}

static const char mail[] = "Subject: x\n\nGr\xc3\xbc\xc3\x9f\x65\n";

static void
a_file_in_drop_stands_byte_for_byte_as_the_page_says(void **state)
{
	struct world w;
	struct message_file f;
	struct po_err err;
	char *text, blank[CELL_BYTES];
	size_t len, i, envelope;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(submit(&w, mail, &err), 0);
	text = rig_read(path_of(&w), &len);
	assert_memory_equal(text, "PO1 ", 4);
	envelope = (size_t)strtoul(text + 4, NULL, 16);
	assert_int_equal(strtoul(text + 13, NULL, 16), 1);
	cell_put_blank(blank);
	for (i = 64; i < 320; i += CELL_BYTES)
		assert_memory_equal(text + i, blank, CELL_BYTES);
	assert_memory_equal(text + 320, "id=", 3);
	assert_memory_equal(text + 323, w.env.id.text, QUEUE_ID_LEN);
	for (i = 320 + envelope; i % CELL_BYTES != 0; i++)
		assert_int_equal(text[i], '\n');
	assert_memory_equal(text + i, blank, CELL_BYTES);
	assert_memory_equal(text + i + CELL_BYTES, mail, strlen(mail));
	assert_int_equal(len, i + CELL_BYTES + strlen(mail) + CELL_BYTES);
	assert_int_equal(open_message(&w, &f), 0);
	assert_int_equal(file_verify(&f, &err), 1);
	assert_int_equal(f.trailer.content_bytes, strlen(mail));
	assert_int_equal(f.trailer.longest_line, 10);
	assert_true(f.trailer.has_8bit);
	file_close(&f);
	free(text);
	end_world(&w);
}

static void
the_sync_comes_once_and_after_the_name(void **state)
{
	struct world w;
	struct po_err err;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(submit(&w, mail, &err), 0);
	assert_string_equal(calls, "ls");
	end_world(&w);
}

static void
a_failed_sync_takes_the_name_back(void **state)
{
	struct world w;
	struct po_err err;

	(void)state;
	begin_world(&w, 0700, geteuid());
	fsync_errno = EIO;
	assert_int_equal(submit(&w, mail, &err), -1);
	assert_int_equal(err.code, PO_EIO);
	assert_int_equal(err.sys, EIO);
	assert_string_equal(calls, "ls");
	assert_int_equal(rig_count(w.drop), 0);
	end_world(&w);
}

static void
a_failed_sync_of_what_the_runner_took_is_accepted(void **state)
{
	struct world w;
	struct po_err err;

	(void)state;
	begin_world(&w, 0700, geteuid());
	fsync_errno = EIO;
	taken_by_runner = path_of(&w);
	assert_int_equal(submit(&w, mail, &err), 0);
	end_world(&w);
}

static void
an_id_that_exists_is_never_overwritten(void **state)
{
	struct world w;
	struct po_err err;
	char *text;
	size_t len;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(submit(&w, "first\n", &err), 0);
	assert_int_equal(submit(&w, "second\n", &err), -1);
	assert_int_equal(err.sys, EEXIST);
	text = rig_read(path_of(&w), &len);
	assert_memory_equal(text + len - CELL_BYTES - 6, "first\n", 6);
	assert_int_equal(rig_count(w.drop), 1);
	free(text);
	end_world(&w);
}

static void
carriage_return_and_nul_in_the_content_are_a_bug_of_the_caller(void **state)
{
	struct world w;
	struct po_err err;
	struct drop *d;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(submit(&w, "a\r\nb\n", &err), -1);
	assert_int_equal(err.code, PO_EBUG);
	assert_int_equal(drop_open(&w.conf, &d, &err), 0);
	assert_int_equal(drop_begin(d, &w.env, &err), 0);
	assert_int_equal(sink_write(drop_sink(d), "a\0b\n", 4, &err), 0);
	assert_int_equal(drop_publish(d, &err), -1);
	assert_int_equal(err.code, PO_EBUG);
	drop_close(d);
	assert_int_equal(rig_count(w.drop), 0);
	end_world(&w);
}

static void
what_is_discarded_leaves_nothing_and_the_next_begins_anew(void **state)
{
	struct world w;
	struct po_err err;
	struct drop *d;
	struct message_file f;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(drop_open(&w.conf, &d, &err), 0);
	assert_int_equal(drop_begin(d, &w.env, &err), 0);
	assert_int_equal(sink_write(drop_sink(d), "12345678\x80\n", 10, &err),
	    0);
	drop_discard(d);
	assert_int_equal(rig_count(w.drop), 0);
	assert_int_equal(drop_publish(d, &err), -1);
	assert_int_equal(drop_begin(d, &w.env, &err), 0);
	assert_int_equal(sink_write(drop_sink(d), "1\n", 2, &err), 0);
	assert_int_equal(drop_publish(d, &err), 0);
	drop_close(d);
	assert_int_equal(open_message(&w, &f), 0);
	assert_int_equal(f.trailer.longest_line, 1);
	assert_false(f.trailer.has_8bit);
	assert_int_equal(file_verify(&f, &err), 1);
	file_close(&f);
	end_world(&w);
}

/* Lines and pieces that straddle the buffer, many recipients, no last LF. */
static void
content_larger_than_every_buffer_arrives_whole(void **state)
{
	enum { PIECES = 5000, PIECE = 997 };
	struct world w;
	struct po_err err;
	struct drop *d;
	struct message_file f;
	struct recipient *all = calloc(3000, sizeof(*all));
	struct slot slot;
	char piece[PIECE], got[PIECE];
	size_t i;

	(void)state;
	begin_world(&w, 0700, geteuid());
	for (i = 0; i < 3000; i++)
		all[i] = w.r;
	w.env.recipients = all;
	w.env.n_recipients = 3000;
	memset(piece, 'x', PIECE);
	piece[500] = '\n';
	assert_int_equal(drop_open(&w.conf, &d, &err), 0);
	assert_int_equal(drop_begin(d, &w.env, &err), 0);
	for (i = 0; i < PIECES; i++)
		assert_int_equal(sink_write(drop_sink(d), piece, PIECE, &err),
		    0);
	assert_int_equal(drop_publish(d, &err), 0);
	drop_close(d);
	assert_int_equal(open_message(&w, &f), 0);
	assert_int_equal(f.preamble.slots, 3000);
	assert_int_equal(f.trailer.content_bytes, PIECES * PIECE);
	assert_int_equal(f.trailer.longest_line, PIECE - 1);
	assert_int_equal(file_verify(&f, &err), 1);
	assert_int_equal(pread(f.fd, got, PIECE, f.content_at + 4999L * PIECE),
	    PIECE);
	assert_memory_equal(got, piece, PIECE);
	assert_int_equal(file_read_slots(&f, 2999, 1, &slot, &err), 0);
	assert_int_equal(slot.state, SLOT_IN_DOUBT);
	file_close(&f);
	free(all);
	end_world(&w);
}

/* ------------------------------------------------------------ the folder */

static void
an_unfit_folder_is_refused_with_path_uid_and_remedy(void **state)
{
	static const struct {
		const char *name;
		unsigned mode;
		bool mine;
		bool fits;
	} cases[] = {
		{ "own", 0700, true, true },
		{ "own, but readable", 0755, true, false },
		{ "group may write", 0770, true, false },
		{ "no sticky bit", 02733, true, false },
		{ "no set-gid bit", 01733, true, false },
		{ "system", 03733, true, true },
		{ "system, of another uid", 03733, false, true },
		{ "own, of another uid", 0700, false, false },
	};
	struct world w;
	struct po_err err;
	char uid[40];
	size_t i;

	(void)state;
	if (geteuid() != 0)
		skip();
	(void)snprintf(uid, sizeof(uid), "uid %u", geteuid());
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_world(&w, cases[i].mode,
		    cases[i].mine ? geteuid() : RIG_PO);
		if ((submit(&w, mail, &err) == 0) != cases[i].fits)
			fail_msg("%s", cases[i].name);
		if (!cases[i].fits) {
			assert_int_equal(err.code, PO_ETEMP);
			assert_non_null(strstr(err.text, w.drop));
			assert_non_null(strstr(err.text, uid));
			assert_non_null(strstr(err.text, "po-queue --setup"));
		}
		end_world(&w);
	}
}

static void
a_missing_folder_and_a_link_to_one_are_refused(void **state)
{
	struct world w;
	struct po_err err;

	(void)state;
	begin_world(&w, 0700, geteuid());
	assert_int_equal(rename(w.drop, rig_path(w.dir, "real")), 0);
	assert_int_equal(submit(&w, mail, &err), -1);
	assert_int_equal(err.code, PO_ETEMP);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.text, w.drop));
	assert_non_null(strstr(err.text, "po-queue --setup"));
	assert_int_equal(symlink("real", w.drop), 0);
	assert_int_equal(submit(&w, mail, &err), -1);
	assert_int_equal(rig_count(rig_path(w.dir, "real")), 0);
	end_world(&w);
}

static void
too_little_free_space_is_said_before_anything_is_written(void **state)
{
	struct world w;
	struct po_err err;

	(void)state;
	begin_world(&w, 0700, geteuid());
	w.conf.min_free = INT64_MAX;
	assert_int_equal(submit(&w, mail, &err), -1);
	assert_int_equal(err.code, PO_EFULL);
	assert_non_null(strstr(err.text, w.drop));
	assert_non_null(strstr(err.text, "min_free"));
	assert_int_equal(rig_count(w.drop), 0);
	end_world(&w);
}

static int
submit_as(void *ctx)
{
	struct po_err err;

	return submit(ctx, mail, &err) == 0 ? 0 : 1;
}

static int
list_drop(void *ctx)
{
	struct world *w = ctx;

	return open(w->drop, O_RDONLY | O_DIRECTORY) == -1 && errno == EACCES
	           ? 0
	           : 1;
}

static int
read_message(void *ctx)
{
	return open(path_of(ctx), O_RDONLY) == -1 && errno == EACCES ? 0 : 1;
}

static int
remove_message(void *ctx)
{
	return unlink(path_of(ctx)) == -1 && errno == EPERM ? 0 : 1;
}

static void
any_uid_may_submit_and_no_other_may_list_read_or_remove(void **state)
{
	struct world w;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	begin_world(&w, 03733, RIG_PO);
	assert_int_equal(rig_as(RIG_ALICE, submit_as, &w), 0);
	assert_int_equal(stat(path_of(&w), &st), 0);
	assert_int_equal(st.st_uid, RIG_ALICE);
	assert_int_equal(st.st_gid, RIG_PO);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(rig_as(RIG_BOB, list_drop, &w), 0);
	assert_int_equal(rig_as(RIG_BOB, read_message, &w), 0);
	assert_int_equal(rig_as(RIG_BOB, remove_message, &w), 0);
	assert_int_equal(rig_as(RIG_ALICE, list_drop, &w), 0);
	end_world(&w);
}

static int
submit_without_proc(void *ctx)
{
	struct world *w = ctx;

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) == -1)
		return 2;
	memset(calls, 0, sizeof(calls));
	if (submit_as(ctx) != 0)
		return 3;
	if (strcmp(calls, "s") != 0)
		return 4;
	/* And what is refused or discarded leaves no temporary name. */
	if (submit_as(ctx) == 0)
		return 5;
	return rig_count(w->drop) == 1 ? 0 : 6;
}

static void
without_proc_a_named_file_is_made_and_renamed(void **state)
{
	struct world w;
	struct message_file f;
	struct po_err err;

	(void)state;
	if (geteuid() != 0)
		skip();
	begin_world(&w, 03733, RIG_PO);
	assert_int_equal(rig_as(0, submit_without_proc, &w), 0);
	assert_int_equal(open_message(&w, &f), 0);
	assert_int_equal(file_verify(&f, &err), 1);
	file_close(&f);
	end_world(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_file_in_drop_stands_byte_for_byte_as_the_page_says),
		cmocka_unit_test(the_sync_comes_once_and_after_the_name),
		cmocka_unit_test(a_failed_sync_takes_the_name_back),
		cmocka_unit_test(
		    a_failed_sync_of_what_the_runner_took_is_accepted),
		cmocka_unit_test(an_id_that_exists_is_never_overwritten),
		cmocka_unit_test(
		    carriage_return_and_nul_in_the_content_are_a_bug_of_the_caller),
		cmocka_unit_test(
		    what_is_discarded_leaves_nothing_and_the_next_begins_anew),
		cmocka_unit_test(
		    content_larger_than_every_buffer_arrives_whole),
		cmocka_unit_test(
		    an_unfit_folder_is_refused_with_path_uid_and_remedy),
		cmocka_unit_test(
		    a_missing_folder_and_a_link_to_one_are_refused),
		cmocka_unit_test(
		    too_little_free_space_is_said_before_anything_is_written),
		cmocka_unit_test(
		    any_uid_may_submit_and_no_other_may_list_read_or_remove),
		cmocka_unit_test(without_proc_a_named_file_is_made_and_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
