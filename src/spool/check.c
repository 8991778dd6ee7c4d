/* SPDX-License-Identifier: ISC */
/* What can be seen without opening the spool: it may be too wrong to open. */
#include "spool/check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "spool/check_report.h"
#include "spool/layout.h"
#include "util/fd.h"

#define NFS_MAGIC 0x6969

struct place {
	const char *path;
	int top; /* O_PATH */
	uid_t uid;
	gid_t gid;
	bool own;
};

/* ------------------------------------------------------------ the folders */

static int
find_place(const char *path, struct place *p, struct check_report *r)
{
	struct stat top, queue;

	*p = (struct place){ .path = path, .top = -1 };
	p->top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->top == -1 || fstat(p->top, &top) == -1 ||
	    fstatat(p->top, "queue", &queue, AT_SYMLINK_NOFOLLOW) == -1) {
		check_say(r, CHECK_ERROR,
		    "%s is no spool (%s); run \"po-queue --setup\"", path,
		    strerror(errno));
		return -1;
	}
	p->uid = queue.st_uid;
	p->gid = queue.st_gid;
	p->own = top.st_uid == queue.st_uid;
	return 0;
}

static void
check_folder(const struct place *p, const char *name, unsigned mode, bool root,
    struct check_report *r)
{
	struct stat st;
	struct po_err err;

	if (fstatat(p->top, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ==
	    -1)
		check_say(r, CHECK_ERROR, "%s/%s: %s; run \"po-queue --setup\"",
		    p->path, name, strerror(errno));
	else if (layout_check(p->path, name, &st, mode, root ? 0 : p->uid,
	             root ? 0 : p->gid, p->own, &err) == -1)
		check_say(r, CHECK_ERROR, "%s", err.text);
}

static void
check_hashed(const struct place *p, const char *name, struct check_report *r)
{
	char sub[32];
	unsigned i;

	for (i = 0; i < 256; i++) {
		(void)snprintf(sub, sizeof(sub), "%s/%02x", name, i);
		check_folder(p, sub, 0700, false, r);
	}
}

/* What lies below an entry is looked at as the owner, whom root does not
 * trust. */
static void
check_below(const struct place *p, struct check_report *r)
{
	const struct layout_entry *e;
	struct spool_borrow b;
	struct po_err err;

	if (spool_borrow_owner(p->path, &b, &err) == -1) {
		check_say(r, CHECK_ERROR, "%s", err.text);
		return;
	}
	for (e = layout_entries; e->name != NULL; e++)
		if (e->hashed)
			check_hashed(p, e->name, r);
	spool_return_owner(&b);
}

static void
check_folders(const struct place *p, struct check_report *r)
{
	const struct layout_entry *e;
	struct statfs fs;

	check_about(r, "folders");
	check_folder(p, "", p->own ? LAYOUT_TOP_OWN : LAYOUT_TOP_SYSTEM,
	    !p->own, r);
	for (e = layout_entries; e->name != NULL; e++)
		check_folder(p, e->name, p->own ? e->mode_own : e->mode_system,
		    false, r);
	check_below(p, r);
	if (fstatfs(p->top, &fs) == 0 && fs.f_type == NFS_MAGIC)
		check_say(r, CHECK_ERROR,
		    "%s lies on NFS, where neither the lock nor the sync of a "
		    "file can be relied on",
		    p->path);
}

/* ------------------------------------------------------------ the account */

static void
check_group(const struct place *p, struct check_report *r)
{
	const struct group *g;
	const struct passwd *u;

	check_about(r, "account");
	g = getgrgid(p->gid);
	if (g == NULL) {
		check_say(r, CHECK_ERROR, "the spool's group %lu has no name",
		    (unsigned long)p->gid);
		return;
	}
	if (g->gr_mem[0] != NULL)
		check_say(r, CHECK_ERROR,
		    "the group %s has the member %s, who can read mail in "
		    "drop/; run \"gpasswd --delete %s %s\"",
		    g->gr_name, g->gr_mem[0], g->gr_mem[0], g->gr_name);
	setpwent();
	while ((u = getpwent()) != NULL)
		if (u->pw_gid == p->gid && u->pw_uid != p->uid)
			check_say(r, CHECK_ERROR,
			    "%s has the spool's group as its own and can read "
			    "mail in drop/",
			    u->pw_name);
	endpwent();
}

/* ------------------------------------------------------------ the programs */

static void
check_program(const char *path, struct check_report *r)
{
	struct stat st;
	char value[1];

	if (stat(path, &st) == -1) {
		if (errno != ENOENT)
			check_say(r, CHECK_WARNING, "%s: %s", path,
			    strerror(errno));
		return;
	}
	if ((st.st_mode & (S_ISUID | S_ISGID)) != 0)
		check_say(r, CHECK_ERROR,
		    "%s has a set-id bit, which po neither needs nor is made "
		    "for; run \"chmod 755 %s\"",
		    path, path);
	if (getxattr(path, "security.capability", value, 0) > 0)
		check_say(r, CHECK_ERROR,
		    "%s has a file capability; run \"setcap -r %s\"", path,
		    path);
	if ((st.st_mode & S_IWOTH) != 0 ||
	    (st.st_uid != 0 && st.st_uid != geteuid()))
		check_say(r, CHECK_WARNING,
		    "%s can be changed by uid %lu or by anybody", path,
		    (unsigned long)st.st_uid);
}

static void
check_programs(const char *bindir, struct check_report *r)
{
	static const char *const names[] = { "sendmail", "po-queue", "po-mail",
		"po-template" };
	char path[4096];
	size_t i;

	check_about(r, "programs");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", bindir, names[i]);
		check_program(path, r);
	}
}

int
spool_check_layout(const char *path, const char *bindir, FILE *out)
{
	struct check_report r = { .out = out };
	struct place p;

	check_about(&r, "spool");
	if (find_place(path, &p, &r) == 0) {
		check_folders(&p, &r);
		if (!p.own)
			check_group(&p, &r);
		check_programs(bindir, &r);
		check_about(&r, NULL);
		if (r.worst == CHECK_OK)
			check_say(&r, CHECK_OK,
			    "%s: owners, modes, %s as they should be", path,
			    p.own ? "programs" : "group, programs");
	}
	fd_close(&p.top);
	return (int)r.worst;
}
