/* SPDX-License-Identifier: ISC */
/*
 * What a host knows of a uid, without a name service inside this process:
 * sendmail may be linked statically, and then has none.
 */
#ifndef PO_SUBMIT_ACCOUNT_H
#define PO_SUBMIT_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/buf.h"

#define ACCOUNT_LINE_BYTES                                                     \
	4096u /* passwd(5) lines from there are passed over */

struct account {
	struct span login, gecos; /* into the buffer that account_find() got */
};

/*
 * Look `uid` up in `file` (passwd(5)), then ask `getent` (an absolute path, run
 * as "getent passwd UID"; NULL: nobody): LDAP, sssd, systemd's dynamic users.
 * False when neither knows it within 10 s, or cannot be read or run.
 */
bool account_find(const char *file, const char *getent, uid_t uid,
    struct buf *line, struct account *a);

#endif
