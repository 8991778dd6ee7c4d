/* SPDX-License-Identifier: ISC */
#include "spool/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spool/drop.h"
#include "spool/setup.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* DESIGN.md, "The spool". */
static const struct {
	const char *name;
	unsigned system, own;
	bool root;
} folders[] = {
	{ "", 0755, 0700, true },
	{ "drop", 03733, 0700, false },
	{ "queue", 0700, 0700, false },
	{ "queue/00", 0700, 0700, false },
	{ "queue/ff", 0700, 0700, false },
	{ "done", 0700, 0700, false },
	{ "done/7f", 0700, 0700, false },
	{ "index", 0700, 0700, false },
	{ "history", 0700, 0700, false },
	{ "jobs", 0700, 0700, false },
	{ "blobs", 0700, 0700, false },
	{ "bad", 0700, 0700, false },
	{ "trash", 0700, 0700, false },
	{ "run", 0700, 0700, false },
	{ "templates", 0755, 0700, false },
	{ "public", 0755, 0700, false },
	{ "capture", 0700, 0700, false },
};

static struct po_err err;

static int
setup_system(void *path)
{
	if (spool_setup_folders(path, false, RIG_PO, RIG_PO, &err) == -1) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return geteuid() == RIG_PO ? 0 : 2;
}

static int
setup_own(void *path)
{
	return spool_setup(path, true, &err) == 0 ? 0 : 1;
}

static void
assert_system_modes(const char *top)
{
	struct stat st;
	size_t i;

	for (i = 0; i < COUNT(folders); i++) {
		assert_int_equal(lstat(rig_path(top, folders[i].name), &st), 0);
		if ((st.st_mode & 07777) != folders[i].system)
			fail_msg("%s: %o", folders[i].name, st.st_mode);
		assert_int_equal(st.st_uid, folders[i].root ? 0 : RIG_PO);
		assert_int_equal(st.st_gid, folders[i].root ? 0 : RIG_PO);
	}
	assert_int_equal(rig_count(top), 13);
	assert_int_equal(rig_count(rig_path(top, "queue")), 256);
	assert_int_equal(rig_count(rig_path(top, "done")), 256);
}

static int
open_it(void *path)
{
	struct spool s;
	int rc;

	rc = spool_open(path, &s, &err) == 0 ? 0 : (int)err.code;
	spool_close(&s);
	return rc;
}

static void
setup_makes_the_system_spool_and_repeating_repairs_it(void **state)
{
	char *dir, *top;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	top = strdup(rig_path(dir, "new/spool"));
	assert_int_equal(rig_as(0, setup_system, top), 0);
	assert_system_modes(top);
	assert_int_equal(rig_as(RIG_PO, open_it, top), 0);
	assert_int_equal(rig_as(0, setup_system, top), 0);
	assert_system_modes(top);
	assert_int_equal(chmod(rig_path(top, "drop"), 0777), 0);
	assert_int_equal(chown(rig_path(top, "bad"), 0, 0), 0);
	assert_int_equal(rmdir(rig_path(top, "queue/00")), 0);
	assert_int_equal(rig_as(RIG_PO, open_it, top), PO_ECONFIG);
	assert_int_equal(rig_as(0, setup_system, top), 0);
	assert_system_modes(top);
	free(top);
	rig_remove(dir);
}

static void
setup_leaves_what_lies_in_the_folders(void **state)
{
	char *dir;
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	assert_int_equal(rig_as(0, setup_system, dir), 0);
	rig_write(rig_path(dir, "drop/n.x"), "x", 1, 0640);
	assert_int_equal(chown(rig_path(dir, "drop/n.x"), RIG_ALICE, RIG_PO),
	    0);
	assert_int_equal(rig_as(0, setup_system, dir), 0);
	assert_int_equal(stat(rig_path(dir, "drop/n.x"), &st), 0);
	assert_int_equal(st.st_uid, RIG_ALICE);
	assert_int_equal(st.st_mode & 07777, 0640);
	rig_remove(dir);
}

static void
an_own_spool_is_0700_throughout(void **state)
{
	char *dir, *top;
	struct stat st;
	struct spool s;
	size_t i;

	(void)state;
	dir = rig_dir();
	top = strdup(rig_path(dir, "state/po"));
	assert_int_equal(setup_own(top), 0);
	for (i = 0; i < COUNT(folders); i++) {
		assert_int_equal(lstat(rig_path(top, folders[i].name), &st), 0);
		assert_int_equal(st.st_mode & 07777, folders[i].own);
		assert_int_equal(st.st_uid, geteuid());
	}
	assert_int_equal(spool_open(top, &s, &err), 0);
	assert_true(s.own);
	assert_int_equal(s.uid, geteuid());
	spool_close(&s);
	free(top);
	rig_remove(dir);
}

static void
every_entry_with_a_wrong_mode_or_owner_is_named_with_a_remedy(void **state)
{
	char *dir;
	const char *path;
	struct spool s;
	size_t i;

	(void)state;
	dir = rig_dir();
	assert_int_equal(setup_own(dir), 0);
	for (i = 0; i < COUNT(folders); i++) {
		path = rig_path(dir, folders[i].name);
		if (strchr(folders[i].name, '/') != NULL)
			continue;
		assert_int_equal(chmod(path, 0750), 0);
		assert_int_equal(spool_open(dir, &s, &err), -1);
		assert_int_equal(err.code, PO_ECONFIG);
		assert_non_null(strstr(err.text, folders[i].name));
		assert_non_null(strstr(err.text, "po-queue --setup"));
		spool_close(&s);
		assert_int_equal(chmod(path, 0700), 0);
	}
	rig_remove(dir);
}

static void
setup_follows_no_link_and_trusts_no_open_parent(void **state)
{
	char *dir;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	assert_int_equal(mkdir(rig_path(dir, "spool"), 0755), 0);
	rig_mkdir(rig_path(dir, "victim"), 0755, 0, 0);
	assert_int_equal(symlink("../victim", rig_path(dir, "spool/bad")), 0);
	assert_int_equal(spool_setup_folders(rig_path(dir, "spool"), false,
	                     RIG_PO, RIG_PO, &err),
	    -1);
	assert_non_null(strstr(err.text, "bad"));
	rig_mkdir(rig_path(dir, "open"), 0777, 0, 0);
	assert_int_equal(spool_setup_folders(rig_path(dir, "open/spool"), false,
	                     RIG_PO, RIG_PO, &err),
	    -1);
	assert_int_equal(err.code, PO_ECONFIG);
	rig_mkdir(rig_path(dir, "alice"), 0755, RIG_ALICE, RIG_ALICE);
	assert_int_equal(spool_setup_folders(rig_path(dir, "alice/spool"),
	                     false, RIG_PO, RIG_PO, &err),
	    -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_int_equal(access(rig_path(dir, "alice/spool"), F_OK), -1);
	assert_int_equal(geteuid(), 0);
	assert_int_equal(spool_setup_folders("relative", false, RIG_PO, RIG_PO,
	                     &err),
	    -1);
	assert_int_equal(spool_setup_folders("/tmp/..", false, RIG_PO, RIG_PO,
	                     &err),
	    -1);
	rig_remove(dir);
}

/* `spool = "/tmp"` must not make /tmp root's, mode 0755. */
static void
setup_takes_no_folder_that_others_use(void **state)
{
	char *dir, *top;
	struct stat st;

	(void)state;
	dir = rig_dir();
	top = strdup(rig_path(dir, "used"));
	rig_mkdir(top, 01777, geteuid(), getegid());
	rig_mkdir(rig_path(top, "letters"), 0755, geteuid(), getegid());
	assert_int_equal(spool_setup_folders(top, true, geteuid(), getegid(),
	                     &err),
	    -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_non_null(strstr(err.text, top));
	assert_non_null(strstr(err.text, "letters"));
	assert_int_equal(stat(top, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	assert_int_equal(access(rig_path(top, "drop"), F_OK), -1);

	/* what an interrupted set-up left, on a file system of its own */
	assert_int_equal(rename(rig_path(dir, "used/letters"),
	                     rig_path(top, "lost+found")),
	    0);
	rig_mkdir(rig_path(top, "drop"), 0700, geteuid(), getegid());
	assert_int_equal(setup_own(top), 0);
	free(top);
	rig_remove(dir);
}

static void
a_relative_path_is_no_spool(void **state)
{
	struct drop_conf conf = { .spool = (char[]){ "spool" } };
	struct drop *d = NULL;
	struct spool s;

	(void)state;
	assert_int_equal(drop_open(&conf, &d, &err), -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_non_null(strstr(err.text, "absolute"));
	assert_int_equal(spool_open("spool", &s, &err), -1);
	assert_non_null(strstr(err.text, "absolute"));
	spool_close(&s);
	assert_int_equal(spool_become_owner("spool", &err), -1);
	assert_non_null(strstr(err.text, "absolute"));
}

static int
setup_as_nobody_special(void *path)
{
	return spool_setup(path, false, &err) == -1 ? (int)err.code : 0;
}

static int
become(void *path)
{
	if (spool_become_owner(path, &err) == -1)
		return (int)err.code;
	return geteuid() == RIG_PO && getuid() == RIG_PO &&
	               getegid() == RIG_PO && getgroups(0, NULL) == 0 &&
	               setuid(0) == -1
	           ? 0
	           : 99;
}

static void
root_becomes_the_owner_and_anybody_else_is_refused(void **state)
{
	char *dir;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	assert_int_equal(rig_as(0, setup_system, dir), 0);
	assert_int_equal(rig_as(0, become, dir), 0);
	assert_int_equal(rig_as(RIG_PO, become, dir), 0);
	assert_int_equal(rig_as(RIG_ALICE, become, dir), PO_EPERM);
	assert_int_equal(rig_as(RIG_ALICE, open_it, dir), PO_EPERM);
	assert_int_equal(rig_as(RIG_ALICE, setup_as_nobody_special, dir),
	    PO_EPERM);
	/* Root itself is not the owner: it has to become him first. */
	assert_int_equal(open_it(dir), PO_EPERM);
	rig_remove(dir);
}

/* ------------------------------------------------------------ the account */

/* Take the account po of the host out of a passwd, group or shadow file. */
static size_t
without_po(char *text, size_t len)
{
	char *to = text, *line = text, *end = text + len, *next;

	for (; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next == NULL ? end : next + 1;
		if (strncmp(line, "po:", 3) == 0)
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	return (size_t)(to - text);
}

/* In a mount namespace with an /etc of its own, so the host keeps its users. */
static int
make_account(void *dir)
{
	static const char *const files[] = { "passwd", "group", "shadow",
		"gshadow", "login.defs", "nsswitch.conf" };
	char *etc = strdup(rig_path(dir, "etc")), *text;
	char from[64];
	const struct passwd *p;
	uid_t uid, again;
	gid_t gid;
	size_t i, len;

	if (mkdir(etc, 0755) == -1)
		return 1;
	for (i = 0; i < COUNT(files); i++) {
		(void)snprintf(from, sizeof(from), "/etc/%s", files[i]);
		if (access(from, R_OK) == -1)
			continue;
		text = rig_read(from, &len);
		len = without_po(text, len);
		rig_write(rig_path(etc, files[i]), text, len, 0644);
		free(text);
	}
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount(etc, "/etc", NULL, MS_BIND, NULL) == -1)
		return 2;
	free(etc);
	if (spool_setup_account("/var/spool/po", &uid, &gid, &err) == -1) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 3;
	}
	p = getpwnam("po");
	if (p == NULL || p->pw_uid != uid || p->pw_gid != gid || uid == 0 ||
	    strcmp(p->pw_dir, "/var/spool/po") != 0 ||
	    strcmp(p->pw_shell, "/usr/sbin/nologin") != 0)
		return 4;
	if (spool_setup_account("/var/spool/po", &again, &gid, &err) == -1 ||
	    again != uid)
		return 5;
	return 0;
}

static void
setup_makes_user_and_group_once(void **state)
{
	char *dir;

	(void)state;
	if (geteuid() != 0 || access("/usr/sbin/useradd", X_OK) == -1)
		skip();
	dir = rig_dir();
	assert_int_equal(rig_as(0, make_account, dir), 0);
	rig_remove(dir);
}

/* ------------------------------------------------------------ messages */

static void
put_message(const char *top, const struct envelope *env, const char *folder)
{
	struct drop_conf conf = { .min_free = 0 };
	struct drop *d;
	char from[64], to[64], xx[3];

	conf.spool = strdup(top);
	assert_int_equal(drop_open(&conf, &d, &err), 0);
	assert_int_equal(drop_begin(d, env, &err), 0);
	assert_int_equal(drop_publish(d, &err), 0);
	drop_close(d);
	free(conf.spool);
	queue_id_folder(&env->id, xx);
	(void)snprintf(from, sizeof(from), "drop/n.%s", env->id.text);
	(void)snprintf(to, sizeof(to), "%s/%s/%s", folder, xx, env->id.text);
	assert_int_equal(rename(rig_path(top, from), rig_path(top, to)), 0);
}

static void
a_message_is_found_moved_and_trashed_however_often(void **state)
{
	char *dir = rig_dir();
	struct recipient r;
	struct envelope env = rig_envelope(&r);
	struct message_file f;
	struct spool s;
	bool in_done;
	int i;

	(void)state;
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(setup_own(dir), 0);
	assert_int_equal(spool_open(dir, &s, &err), 0);
	assert_int_equal(spool_find(&s, &env.id, false, &f, &in_done, &err), 0);
	assert_int_equal(spool_move_to_done(&s, &env.id, &err), -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	put_message(dir, &env, "queue");
	assert_int_equal(spool_find(&s, &env.id, true, &f, &in_done, &err), 1);
	assert_false(in_done);
	file_close(&f);
	for (i = 0; i < 2; i++) {
		assert_int_equal(spool_move_to_done(&s, &env.id, &err), 0);
		assert_int_equal(spool_find(&s, &env.id, false, &f, &in_done,
		                     &err),
		    1);
		assert_true(in_done);
		file_close(&f);
	}
	for (i = 0; i < 2; i++) {
		assert_int_equal(spool_trash(&s, &env.id, &err), 0);
		assert_int_equal(spool_find(&s, &env.id, false, &f, &in_done,
		                     &err),
		    0);
		assert_int_equal(rig_count(rig_path(dir, "trash")), 1);
	}
	put_message(dir, &env, "done");
	assert_int_equal(spool_trash(&s, &env.id, &err), 0);
	rig_write(rig_path(dir, "trash/another"), "x", 1, 0600);
	assert_int_equal(mkdir(rig_path(dir, "trash/folder"), 0700), 0);
	assert_int_equal(spool_empty_trash(&s, 1, &err), 1);
	assert_int_equal(spool_empty_trash(&s, 10, &err), 1);
	assert_int_equal(spool_empty_trash(&s, 10, &err), 0);
	spool_close(&s);
	rig_remove(dir);
}

static void
a_damaged_message_is_an_error_and_not_a_missing_one(void **state)
{
	char *dir = rig_dir(), path[64], xx[3];
	struct recipient r;
	struct envelope env = rig_envelope(&r);
	struct message_file f;
	struct spool s;
	bool in_done;

	(void)state;
	assert_int_equal(setup_own(dir), 0);
	assert_int_equal(spool_open(dir, &s, &err), 0);
	put_message(dir, &env, "queue");
	queue_id_folder(&env.id, xx);
	(void)snprintf(path, sizeof(path), "queue/%s/%s", xx, env.id.text);
	assert_int_equal(truncate(rig_path(dir, path), 100), 0);
	assert_int_equal(spool_find(&s, &env.id, false, &f, &in_done, &err),
	    -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	spool_close(&s);
	rig_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    setup_makes_the_system_spool_and_repeating_repairs_it),
		cmocka_unit_test(setup_leaves_what_lies_in_the_folders),
		cmocka_unit_test(an_own_spool_is_0700_throughout),
		cmocka_unit_test(
		    every_entry_with_a_wrong_mode_or_owner_is_named_with_a_remedy),
		cmocka_unit_test(
		    setup_follows_no_link_and_trusts_no_open_parent),
		cmocka_unit_test(setup_takes_no_folder_that_others_use),
		cmocka_unit_test(a_relative_path_is_no_spool),
		cmocka_unit_test(
		    root_becomes_the_owner_and_anybody_else_is_refused),
		cmocka_unit_test(setup_makes_user_and_group_once),
		cmocka_unit_test(
		    a_message_is_found_moved_and_trashed_however_often),
		cmocka_unit_test(
		    a_damaged_message_is_an_error_and_not_a_missing_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
