/* SPDX-License-Identifier: ISC */
/*
 * What can go wrong on our side, and what it means to everybody who asks: the
 * exit status, the enhanced status code and whether trying again helps all come
 * from one table, po_code_info().
 *
 * The remote's answer is no error (see deliver/delivery.h), a bug is an assert.
 * Functions return 0 or -1 and take `struct po_err *` last; the lowest function
 * that knows the object's name fills it, once.
 */
#ifndef PO_UTIL_ERR_H
#define PO_UTIL_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum po_code {
	PO_OK,
	PO_EUSAGE,       /* bad command line */
	PO_EDATA,        /* bad input: address, header, message */
	PO_ENOINPUT,     /* input cannot be read */
	PO_ENOHOST,      /* host name unknown */
	PO_EUNAVAILABLE, /* a limit of ours that waiting does not change (size)
	                  */
	PO_EBUG,         /* cannot happen */
	PO_EOS,          /* no memory, descriptors or processes */
	PO_EOSFILE,      /* a system file is missing */
	PO_ECREATE,      /* an output file cannot be made */
	PO_EIO,          /* read, write, sync */
	PO_ETEMP,        /* try again later */
	PO_EFULL,        /* disk, quota or index full: try again later */
	PO_EBUSY,        /* somebody else holds it */
	PO_EPROTOCOL,    /* the peer broke the protocol */
	PO_EPERM,        /* not allowed */
	PO_ECONFIG,      /* configuration wrong */
	PO_ECORRUPT,     /* a file of the spool is damaged */
	PO_EINDEX,       /* the index is damaged; files are not */
	PO_CODES
};

/* One row of the table: the sysexits(3) value, the RFC 3463 status, whether a
 * later try may succeed. */
struct po_code_info {
	enum po_code code;
	int exit_status;
	const char *status;
	bool retry;
	const char *text;
};

/* `text` is one line without a final newline, cut at its end; it names the
 * object and, where there is one, the remedy. */
struct po_err {
	enum po_code code;
	int sys; /* errno, 0 where there was none */
	char text[512];
};

const struct po_code_info *po_code_info(enum po_code code);

/* Fill *err (NULL allowed) and return -1, so that `return po_fail(...)` reads
 * well. The sys form appends strerror. */
int po_fail(struct po_err *err, enum po_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int po_fail_sys(struct po_err *err, enum po_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The code that errno `sys` stands for: ENOSPC, EDQUOT, EFBIG are PO_EFULL,
 * ENOMEM, EMFILE PO_EOS, else `other`. */
enum po_code po_code_of_errno(int sys, enum po_code other);

#endif
