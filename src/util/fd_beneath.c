/* SPDX-License-Identifier: ISC */
/*
 * What lies below a folder and on its file system. Apart from fd.c, for
 * sendmail needs none of it and a C library may lack these calls.
 */
#include "util/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int
fd_open_beneath(int dirfd, const char *path, int flags, unsigned mode)
{
	struct open_how how = { 0 };
	long fd;

	flags |= O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
	how.flags = (unsigned)flags;
	how.mode = (flags & O_CREAT) != 0 ? mode : 0;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	              RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
	do {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd == -1 && errno == EINTR);
	if (fd != -1 || (errno != ENOSYS && errno != EPERM))
		return (int)fd;
	return openat(dirfd, path, flags, (mode_t)mode);
}

bool
fd_same_mount(int a, int b)
{
	struct statx x, y;

	if (statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &x) == -1 ||
	    statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &y) == -1)
		return false;
	if ((x.stx_mask & y.stx_mask & STATX_MNT_ID) != 0)
		return x.stx_mnt_id == y.stx_mnt_id;
	return x.stx_dev_major == y.stx_dev_major &&
	       x.stx_dev_minor == y.stx_dev_minor;
}
