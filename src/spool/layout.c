/* SPDX-License-Identifier: ISC */
#include "spool/layout.h"

#include "spool/spool.h"

#define FD(field) offsetof(struct spool, field)

const struct layout_entry layout_entries[] = {
	{ "drop", LAYOUT_DROP_SYSTEM, LAYOUT_DROP_OWN, false, FD(drop) },
	{ "queue", 0700, 0700, true, FD(queue) },
	{ "done", 0700, 0700, true, FD(done) },
	{ "index", 0700, 0700, false, 0 },
	{ "history", 0700, 0700, false, FD(history) },
	{ "jobs", 0700, 0700, false, 0 },
	{ "blobs", 0700, 0700, false, 0 },
	{ "bad", 0700, 0700, false, FD(bad) },
	{ "trash", 0700, 0700, false, FD(trash) },
	{ "run", 0700, 0700, false, FD(run) },
	{ "templates", 0755, 0700, false, 0 },
	{ "public", 0755, 0700, false, FD(public_) },
	{ "capture", 0700, 0700, false,
	    0 }, /* the Maildir of an unconfigured installation */
	{ NULL, 0, 0, false, 0 },
};

int
layout_check(const char *top, const char *name, const struct stat *st,
    unsigned mode, uid_t uid, gid_t gid, bool own, struct po_err *err)
{
	const char *slash = name[0] == '\0' ? "" : "/";
	const char *remedy = own ? "run \"po-queue --setup --user\""
	                         : "run \"po-queue --setup\" as root";

	if (!S_ISDIR(st->st_mode))
		return po_fail(err, PO_ECONFIG, "%s%s%s is no folder", top,
		    slash, name);
	if (st->st_uid != uid || st->st_gid != gid)
		return po_fail(err, PO_ECONFIG,
		    "%s%s%s belongs to %lu:%lu instead of %lu:%lu; %s", top,
		    slash, name, (unsigned long)st->st_uid,
		    (unsigned long)st->st_gid, (unsigned long)uid,
		    (unsigned long)gid, remedy);
	if ((st->st_mode & 07777) != mode)
		return po_fail(err, PO_ECONFIG,
		    "%s%s%s has mode %04o instead of %04o; %s", top, slash,
		    name, st->st_mode & 07777, mode, remedy);
	return 0;
}
