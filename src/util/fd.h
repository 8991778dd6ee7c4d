/* SPDX-License-Identifier: ISC */
/*
 * Descriptors: whole reads and writes, and the deadline of a wait. All retry
 * EINTR. `what` names the object in the error text.
 */
#ifndef PO_UTIL_FD_H
#define PO_UTIL_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/err.h"

/* Write all of it, or -1 (a short write goes on). */
int fd_write_all(int fd, const void *p, size_t len, const char *what,
    struct po_err *err);
int fd_pwrite_all(int fd, const void *p, size_t len, off_t at, const char *what,
    struct po_err *err);

/* Read exactly `len` bytes at `at`: 0, or -1; a file that ends before is
 * PO_ECORRUPT. */
int fd_pread_all(int fd, void *p, size_t len, off_t at, const char *what,
    struct po_err *err);

/* Append what is left of a file: 0, or -1: PO_ENOINPUT, or PO_EDATA where it is
 * more than the buffer's ceiling. */
int fd_read_rest(int fd, struct buf *out, const char *what, struct po_err *err);

/* Wait for `events` (poll(2)) until monotonic `deadline_ms` (-1: for ever): 1
 * ready, 0 deadline, -1 error, errno set. EINTR returns -1: the caller has a
 * flag to look at. */
int fd_wait(int fd, short events, int64_t deadline_ms);

/*
 * Open `path` below `dirfd` and nowhere else: no symbolic link in any part of
 * it, no mount point crossed, CLOEXEC, NOCTTY, and NONBLOCK, so that neither a
 * FIFO nor a lease makes it wait. `mode` counts with O_CREAT. A descriptor, or
 * -1, errno set. Kernels without openat2(2) check the last part alone; then the
 * caller's folders must be nobody else's.
 */
int fd_open_beneath(int dirfd, const char *path, int flags, unsigned mode);

/*
 * Do both lie on one mount? Where the kernel does not tell mounts (before 5.8):
 * on one device. The device alone does not tell: overlayfs gives files that of
 * the layer they lie in, and folders its own.
 */
bool fd_same_mount(int a, int b);

/* Close *fd if it is open and set it to -1. */
void fd_close(int *fd);

/* /dev/null, or where that cannot be opened an empty file in memory; not
 * close-on-exec; -1 with errno. */
int fd_open_null(void);

/* Make sure that descriptors 0, 1 and 2 are open (fd_open_null), so that no
 * file of ours takes their place. */
void fd_open_standard(void);

#endif
