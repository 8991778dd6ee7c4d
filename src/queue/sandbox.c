/* SPDX-License-Identifier: ISC */
#include "queue/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "log/log.h"
#include "queue/sandbox_calls.h"
#include "queue/sandbox_files.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_FILES 2048 /* open at once: jobs, their connections */
#define PATH_BYTES 4096

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* Of the spool; done/ because a repeat is compared with what is there. What
 * users put into drop/ may be anything, and goes to trash/ or bad/. */
static const char *const intake_folders[] = { "drop", "queue", "done", "bad",
	"trash", "jobs", "blobs" };

/* Who a uid is. */
static const char *const accounts[] = { "/etc/passwd", "/etc/group",
	"/var/lib/sss", "/var/lib/extrausers" };

const char *
sandbox_lacks(size_t i)
{
	const char *lacks[] = { calls_why_not(), files_why_not() };
	size_t k;

	if (IS_SANITIZED)
		return NULL;
	for (k = 0; k < N(lacks); k++)
		if (lacks[k] != NULL && i-- == 0)
			return lacks[k];
	return NULL;
}

/* ------------------------------------------------------------------- limits */

int
sandbox_hide(struct po_err *err)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    (!IS_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1))
		return po_fail_sys(err, PO_EOS, "sandbox");
	return 0;
}

static int
limit(struct po_err *err)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_max > MOST_FILES) {
		files.rlim_max = MOST_FILES;
		if (files.rlim_cur > MOST_FILES)
			files.rlim_cur = MOST_FILES;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (setrlimit(RLIMIT_MSGQUEUE, &none) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return po_fail_sys(err, PO_EOS, "sandbox");
	return sandbox_hide(err);
}

/* -------------------------------------------------------------------- files */

static int
permit_below(struct files *f, const char *spool, const char *name,
    enum files_use use, struct po_err *err)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/%s", spool, name) >=
	    (int)sizeof(path))
		return po_fail(err, PO_ECONFIG, "%s: long path", spool);
	return files_permit(f, path, use, err);
}

/* Rotation makes a new log file under the old name. Where the spool lies below
 * the same folder only the file of today is allowed. */
static int
permit_log(struct files *f, const char *spool, struct po_err *err)
{
	const char *file = log_file(), *slash;
	char folder[PATH_BYTES];
	size_t len;

	if (file == NULL || (slash = strrchr(file, '/')) == NULL)
		return 0;
	len = slash == file ? 1 : (size_t)(slash - file);
	if (len >= sizeof(folder) || strncmp(file, spool, len) == 0)
		return files_permit(f, file, FILES_APPEND, err);
	memcpy(folder, file, len);
	folder[len] = '\0';
	return files_permit(f, folder, FILES_APPEND, err);
}

static int
permit_delivery(struct files *f, const char *spool,
    const struct deliver_needs *needs, struct po_err *err)
{
	size_t i;

	for (i = 0; i < needs->n_folders; i++)
		if (files_permit(f, needs->folders[i], FILES_CHANGE, err) == -1)
			return -1;
	return permit_below(f, spool, "templates", FILES_READ, err);
}

static int
permit_intake(struct files *f, const char *spool, struct po_err *err)
{
	size_t i;

	for (i = 0; i < N(accounts); i++)
		if (files_permit(f, accounts[i], FILES_READ, err) == -1)
			return -1;
	for (i = 0; i < N(intake_folders); i++)
		if (permit_below(f, spool, intake_folders[i], FILES_ANY, err) ==
		    -1)
			return -1;
	return 0;
}

/* `needs` NULL: those of the ingester. */
static int
restrict_files(const char *spool, const struct deliver_needs *needs,
    struct po_err *err)
{
	struct files f;
	int rc;

	if (files_init(&f, err) == -1)
		return -1;
	rc = files_permit_system(&f, err);
	if (rc == 0)
		rc = permit_log(&f, spool, err);
	if (rc == 0)
		rc = needs == NULL ? permit_intake(&f, spool, err)
		                   : permit_delivery(&f, spool, needs, err);
	if (rc == 0)
		rc = files_restrict(&f, err);
	files_clear(&f);
	return rc;
}

/* ----------------------------------------------------------------- children */

static int
restrict_calls(unsigned more, struct po_err *err)
{
	return calls_why_not() != NULL ? 0 : calls_restrict(more, err);
}

int
sandbox_worker(const char *spool, const struct deliver_needs *needs,
    bool limits_only, struct po_err *err)
{
	unsigned calls =
	    CALLS_NETWORK | (needs->n_folders > 0 ? CALLS_FILES : 0);

	if (limit(err) == -1)
		return -1;
	if (limits_only || IS_SANITIZED)
		return 0;
	if (needs->commands)
		return calls_why_not() != NULL ? 0
		                               : calls_restrict_commands(err);
	if (restrict_files(spool, needs, err) == -1)
		return -1;
	return restrict_calls(calls, err);
}

int
sandbox_ingester(const char *spool, bool limits_only, struct po_err *err)
{
	if (limit(err) == -1)
		return -1;
	if (limits_only || IS_SANITIZED)
		return 0;
	if (restrict_files(spool, NULL, err) == -1)
		return -1;
	return restrict_calls(CALLS_FILES, err);
}
