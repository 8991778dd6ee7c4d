/* SPDX-License-Identifier: ISC */
/*
 * Root makes the entries of the top folder, which is root's, so nobody can
 * swap one of them between mkdirat, openat(O_NOFOLLOW) and fchown. What lies
 * below an entry is po's, so it is made as po: root never follows a name that
 * po could have planted.
 *
 * The way to the top folder is walked part by part, each opened relative to
 * the one before: a part that somebody else could rename is refused.
 */
#include "spool/setup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool/layout.h"
#include "spool/spool.h"
#include "util/fd.h"

#define PLACE_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* ------------------------------------------------------------ the account */

/* Runs a program of shadow-utils with a fixed environment: 0 when it did it. */
static int
run(const char *const argv[], struct po_err *err)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C", NULL };
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return po_fail_sys(err, PO_EOS, "start %s", argv[0]);
	if (pid == 0) {
		/* It changes nothing of the arrays, its type lacks const. */
		/* NOLINTBEGIN(performance-no-int-to-ptr) */
		(void)execve(argv[0], (char **)(uintptr_t)argv,
		    (char **)(uintptr_t)env);
		/* NOLINTEND(performance-no-int-to-ptr) */
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return po_fail_sys(err, PO_EOS, "wait for %s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return po_fail(err, PO_EOSFILE,
	    "%s failed (status %d); make the system group and user \"po\" "
	    "(no login, no members) by hand, then repeat",
	    argv[0], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int
need_group(gid_t *gid, struct po_err *err)
{
	static const char *const argv[] = { "/usr/sbin/groupadd", "--system",
		LAYOUT_GROUP, NULL };
	const struct group *g = getgrnam(LAYOUT_GROUP);

	if (g == NULL && run(argv, err) == -1)
		return -1;
	if (g == NULL)
		g = getgrnam(LAYOUT_GROUP);
	if (g == NULL)
		return po_fail(err, PO_EOSFILE, "there is no group po");
	if (g->gr_mem[0] != NULL)
		return po_fail(err, PO_ECONFIG,
		    "the group po has the member %s, who could read all mail; "
		    "run \"gpasswd --delete %s po\"",
		    g->gr_mem[0], g->gr_mem[0]);
	*gid = g->gr_gid;
	return 0;
}

int
spool_setup_account(const char *home, uid_t *uid, gid_t *gid,
    struct po_err *err)
{
	const char *const argv[] = { "/usr/sbin/useradd", "--system", "--gid",
		LAYOUT_GROUP, "--home-dir", home, "--no-create-home", "--shell",
		"/usr/sbin/nologin", "--comment", "po mail queue", LAYOUT_USER,
		NULL };
	const struct passwd *p;

	if (need_group(gid, err) == -1)
		return -1;
	p = getpwnam(LAYOUT_USER);
	if (p == NULL && run(argv, err) == -1)
		return -1;
	if (p == NULL)
		p = getpwnam(LAYOUT_USER);
	if (p == NULL)
		return po_fail(err, PO_EOSFILE, "there is no user po");
	if (p->pw_uid == 0 || p->pw_gid != *gid)
		return po_fail(err, PO_ECONFIG,
		    "the user po has uid %lu and group %lu; it needs a uid of "
		    "its own and the group po (%lu)",
		    (unsigned long)p->pw_uid, (unsigned long)p->pw_gid,
		    (unsigned long)*gid);
	*uid = p->pw_uid;
	return 0;
}

/* ------------------------------------------------------------ the way there */

/* Nobody but root and us may rename what lies in this folder of ours. */
static int
check_parent(int fd, const char *path, bool own, struct po_err *err)
{
	unsigned others = own ? S_IWOTH : S_IWOTH | S_IWGRP;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at a parent of %s", path);
	if ((st.st_uid == 0 || st.st_uid == geteuid()) &&
	    ((st.st_mode & others) == 0 || (st.st_mode & S_ISVTX) != 0))
		return 0;
	return po_fail(err, PO_ECONFIG,
	    "a folder above %s belongs to uid %lu and has mode %04o: others "
	    "could replace the spool; give it to root, mode 0755",
	    path, (unsigned long)st.st_uid, st.st_mode & 07777);
}

/* Open `name` in *dir, made when it is missing, and go there. */
static int
step(int *dir, const char *name, const char *path, unsigned mode,
    struct po_err *err)
{
	int fd;

	if (mkdirat(*dir, name, mode) == -1 && errno != EEXIST)
		return po_fail_sys(err, PO_ECREATE, "make %s of %s", name,
		    path);
	fd = openat(*dir, name, PLACE_FLAGS | O_NOFOLLOW);
	if (fd == -1)
		return po_fail_sys(err, PO_ECONFIG, "open %s of %s", name,
		    path);
	fd_close(dir);
	*dir = fd;
	return 0;
}

/*
 * Open the top folder; *out is a descriptor. `text` is an absolute path, and
 * is cut into its parts.
 */
static int
walk(char *text, const char *path, bool own, int *out, struct po_err *err)
{
	char *name, *rest = text;
	int dir = open("/", PLACE_FLAGS);

	if (dir == -1)
		return po_fail_sys(err, PO_EIO, "open /");
	while ((name = strsep(&rest, "/")) != NULL) {
		if (name[0] == '\0')
			continue;
		if (check_parent(dir, path, own, err) == -1 ||
		    step(&dir, name, path, own ? 0700 : 0755, err) == -1) {
			fd_close(&dir);
			return -1;
		}
	}
	*out = dir;
	return 0;
}

/*
 * The longest beginning of the path that exists, without its links (an
 * administrator may have put /var/spool elsewhere), and the rest behind it.
 */
static int
resolve(const char *path, char out[PATH_MAX], struct po_err *err)
{
	char head[PATH_MAX];
	size_t len = strlen(path), used;

	if (path[0] != '/' || len >= sizeof(head) ||
	    strstr(path, "/../") != NULL ||
	    (len >= 3 && strcmp(path + len - 3, "/..") == 0))
		return po_fail(err, PO_ECONFIG,
		    "\"%s\" is no absolute path without \"..\"", path);
	memcpy(head, path, len + 1);
	while (realpath(head, out) == NULL) {
		if (errno != ENOENT || len <= 1)
			return po_fail_sys(err, PO_ECONFIG, "look for %s",
			    path);
		do
			len--;
		while (len > 0 && head[len] != '/');
		if (len == 0)
			len = 1;
		head[len] = '\0';
	}
	used = strlen(out);
	if ((size_t)snprintf(out + used, PATH_MAX - used, "/%s", path + len) >=
	    PATH_MAX - used)
		return po_fail(err, PO_ECONFIG, "%s: too long", path);
	return 0;
}

/* ------------------------------------------------------------ the folders */

/* Owner first: chown(2) clears the set-gid bit that the mode may need. */
static int
fit(int fd, const char *name, uid_t uid, gid_t gid, unsigned mode,
    struct po_err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "look at %s", name);
	if ((st.st_uid != uid || st.st_gid != gid) &&
	    fchown(fd, uid, gid) == -1)
		return po_fail_sys(err, PO_EPERM, "change the owner of %s",
		    name);
	if ((st.st_mode & 07777) == mode && st.st_uid == uid &&
	    st.st_gid == gid)
		return 0;
	if (fchmod(fd, mode) == -1)
		return po_fail_sys(err, PO_EPERM, "change the mode of %s",
		    name);
	return 0;
}

static int
make_folder(int dir, const char *name, uid_t uid, gid_t gid, unsigned mode,
    struct po_err *err)
{
	int fd, rc;

	if (mkdirat(dir, name, 0700) == -1 && errno != EEXIST)
		return po_fail_sys(err, PO_ECREATE, "make %s", name);
	fd = openat(dir, name, PLACE_FLAGS | O_NOFOLLOW);
	if (fd == -1)
		return po_fail_sys(err, PO_ECONFIG, "open %s", name);
	rc = fit(fd, name, uid, gid, mode, err);
	fd_close(&fd);
	return rc;
}

static int
make_entries(int top, bool own, uid_t uid, gid_t gid, struct po_err *err)
{
	const struct layout_entry *e;

	for (e = layout_entries; e->name != NULL; e++)
		if (make_folder(top, e->name, uid, gid,
		        own ? e->mode_own : e->mode_system, err) == -1)
			return -1;
	return 0;
}

static int
make_hashed(int top, uid_t uid, gid_t gid, struct po_err *err)
{
	const struct layout_entry *e;
	char name[16];
	unsigned i;

	for (e = layout_entries; e->name != NULL; e++) {
		for (i = 0; e->hashed && i < 256; i++) {
			(void)snprintf(name, sizeof(name), "%s/%02x", e->name,
			    i);
			if (make_folder(top, name, uid, gid, 0700, err) == -1)
				return -1;
		}
	}
	return syncfs(top) == -1 ? po_fail_sys(err, PO_EIO, "sync the spool")
	                         : 0;
}

static bool
is_entry(const char *name)
{
	const struct layout_entry *e;

	for (e = layout_entries; e->name != NULL; e++)
		if (strcmp(name, e->name) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, "lost+found") == 0;
}

/* A slip of the pen must not give /tmp or /home to root: what becomes a spool
 * is empty, or what an interrupted set-up has left. */
static int
refuse_foreign(int top, const char *path, struct po_err *err)
{
	const struct dirent *e;
	DIR *d;
	int fd, rc = 0;

	if (faccessat(top, "queue", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	fd = openat(top, ".", PLACE_FLAGS);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		(void)po_fail_sys(err, PO_EIO, "read %s", path);
		fd_close(&fd);
		return -1;
	}
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (!is_entry(e->d_name))
			rc = po_fail(err, PO_ECONFIG,
			    "%s is no spool and not empty (\"%s\" lies in "
			    "it); set \"spool\" to a folder of its own",
			    path, e->d_name);
	(void)closedir(d);
	return rc;
}

int
spool_setup_folders(const char *path, bool own, uid_t uid, gid_t gid,
    struct po_err *err)
{
	char text[PATH_MAX];
	uid_t top_uid = own ? uid : 0;
	gid_t top_gid = own ? gid : 0;
	mode_t mask = umask(022); /* missing parents must let others through */
	int top = -1, rc = -1;

	if (resolve(path, text, err) == 0)
		rc = walk(text, path, own, &top, err);
	(void)umask(mask);
	if (rc == -1)
		return -1;
	rc = -1;
	if (refuse_foreign(top, path, err) == 0 &&
	    fit(top, path, top_uid, top_gid,
	        own ? LAYOUT_TOP_OWN : LAYOUT_TOP_SYSTEM, err) == 0 &&
	    make_entries(top, own, uid, gid, err) == 0 &&
	    spool_become_owner(path, err) == 0 &&
	    make_hashed(top, uid, gid, err) == 0)
		rc = 0;
	fd_close(&top);
	return rc;
}

int
spool_setup(const char *path, bool user_profile, struct po_err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!user_profile && uid != 0)
		return po_fail(err, PO_EPERM,
		    "only root can set up the system spool %s; \"po-queue "
		    "--setup --user\" makes one of your own",
		    path);
	if (!user_profile && spool_setup_account(path, &uid, &gid, err) == -1)
		return -1;
	return spool_setup_folders(path, user_profile, uid, gid, err);
}
