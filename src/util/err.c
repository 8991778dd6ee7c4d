/* SPDX-License-Identifier: ISC */
#include "util/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct po_code_info codes[] = {
	{ PO_OK, EX_OK, "2.0.0", false, "success" },
	{ PO_EUSAGE, EX_USAGE, "5.5.4", false, "usage error" },
	{ PO_EDATA, EX_DATAERR, "5.6.0", false, "bad input" },
	{ PO_ENOINPUT, EX_NOINPUT, "4.3.0", true, "input cannot be read" },
	{ PO_ENOHOST, EX_NOHOST, "5.4.4", false, "host unknown" },
	{ PO_EUNAVAILABLE, EX_UNAVAILABLE, "5.3.4", false, "limit exceeded" },
	{ PO_EBUG, EX_SOFTWARE, "4.3.0", true, "internal error" },
	{ PO_EOS, EX_OSERR, "4.3.0", true, "out of system resources" },
	{ PO_EOSFILE, EX_OSFILE, "4.3.5", true, "system file missing" },
	{ PO_ECREATE, EX_CANTCREAT, "4.3.0", true, "cannot create file" },
	{ PO_EIO, EX_IOERR, "4.3.0", true, "input/output error" },
	{ PO_ETEMP, EX_TEMPFAIL, "4.3.0", true, "temporary failure" },
	{ PO_EFULL, EX_TEMPFAIL, "4.3.1", true, "storage full" },
	{ PO_EBUSY, EX_TEMPFAIL, "4.3.0", true, "busy" },
	{ PO_EPROTOCOL, EX_PROTOCOL, "4.5.0", true, "protocol error" },
	{ PO_EPERM, EX_NOPERM, "5.7.1", false, "not permitted" },
	{ PO_ECONFIG, EX_CONFIG, "4.3.5", true, "configuration error" },
	{ PO_ECORRUPT, EX_IOERR, "4.3.0", true, "damaged file" },
	{ PO_EINDEX, EX_IOERR, "4.3.0", true, "damaged index" },
};
_Static_assert(sizeof(codes) / sizeof(codes[0]) == PO_CODES,
    "one row for each code");

const struct po_code_info *
po_code_info(enum po_code code)
{
	assert(code < PO_CODES && codes[code].code == code);
	return &codes[code];
}

static void fill(struct po_err *err, enum po_code code, int sys,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

static void
fill(struct po_err *err, enum po_code code, int sys, const char *fmt,
    va_list ap)
{
	size_t used;

	err->code = code;
	err->sys = sys;
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
	used = strlen(err->text);
	if (sys != 0 && used < sizeof(err->text) - 1)
		(void)snprintf(err->text + used, sizeof(err->text) - used,
		    ": %s", strerror(sys));
}

int
po_fail(struct po_err *err, enum po_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	fill(err, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
po_fail_sys(struct po_err *err, enum po_code code, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	fill(err, po_code_of_errno(sys, code), sys, fmt, ap);
	va_end(ap);
	errno = sys;
	return -1;
}

enum po_code
po_code_of_errno(int sys, enum po_code other)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return PO_EFULL;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return PO_EOS;
	default:
		return other;
	}
}
