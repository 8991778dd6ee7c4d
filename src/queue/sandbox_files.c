/* SPDX-License-Identifier: ISC */
#include "queue/sandbox_files.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/fd.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define APPEND (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)
/* All of the first version (Linux 5.13), which every later one has. */
#define FIRST_VERSION ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* What the headers of Debian 12 do not have. */
#define REFER (1ULL << 13)
#define TRUNCATE (1ULL << 14)
#define SCOPE_SIGNAL (1ULL << 1)

static const uint64_t rights[] = {
	[FILES_READ] = READ,
	[FILES_APPEND] = APPEND,
	[FILES_ANY] = (FIRST_VERSION | REFER | TRUNCATE) &
	              ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE,
	[FILES_CHANGE] = READ | APPEND | LANDLOCK_ACCESS_FS_MAKE_DIR |
	                 LANDLOCK_ACCESS_FS_REMOVE_FILE | REFER | TRUNCATE,
};

/* struct landlock_ruleset_attr as of version 6. */
struct ruleset {
	uint64_t files, network, scoped;
};

static const char *const readable[] = {
	/* names */
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/nsswitch.conf",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/protocols",
	"/etc/networks",
	"/run",
	/* authorities, looked up by their hash */
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	/* modules of the name service, zones of time */
	"/usr",
	"/lib",
	"/lib64",
	"/etc/ld.so.cache",
	"/etc/localtime",
	"/dev/null",
	"/dev/urandom",
};

static long
version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0u,
	    LANDLOCK_CREATE_RULESET_VERSION);
}

const char *
files_why_not(void)
{
	return version() >= 1 ? NULL
	                      : "this kernel restricts no files (landlock)";
}

/* A right that the kernel does not know may not be asked for. */
int
files_init(struct files *f, struct po_err *err)
{
	long v = version();
	struct ruleset r = { .files = FIRST_VERSION };
	size_t len = v >= 6 ? sizeof(r) : sizeof(r.files);

	*f = (struct files){ .rules = -1 };
	if (v < 1)
		return 0;
	r.files |= (v >= 2 ? REFER : 0) | (v >= 3 ? TRUNCATE : 0);
	r.scoped = v >= 6 ? SCOPE_SIGNAL : 0;
	f->known = r.files;
	f->rules = (int)syscall(SYS_landlock_create_ruleset, &r, len, 0u);
	if (f->rules == -1)
		return po_fail_sys(err, PO_EOS, "sandbox: landlock");
	return 0;
}

void
files_clear(struct files *f)
{
	fd_close(&f->rules);
}

/* A file has no rights of a folder. */
int
files_permit(struct files *f, const char *path, enum files_use use,
    struct po_err *err)
{
	struct landlock_path_beneath_attr a = { .allowed_access =
		                                    rights[use] & f->known };
	struct stat st;
	int rc = 0;

	if (f->rules == -1)
		return 0;
	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd == -1)
		return 0;
	if (fstat(a.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		a.allowed_access &=
		    READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
	if (syscall(SYS_landlock_add_rule, f->rules, LANDLOCK_RULE_PATH_BENEATH,
	        &a, 0u) == -1)
		rc = po_fail_sys(err, PO_EOS, "sandbox: landlock: %s", path);
	(void)close(a.parent_fd);
	return rc;
}

int
files_permit_system(struct files *f, struct po_err *err)
{
	size_t i;

	for (i = 0; i < N(readable); i++)
		if (files_permit(f, readable[i], FILES_READ, err) == -1)
			return -1;
	return 0;
}

int
files_restrict(const struct files *f, struct po_err *err)
{
	if (f->rules != -1 &&
	    syscall(SYS_landlock_restrict_self, f->rules, 0u) == -1)
		return po_fail_sys(err, PO_EOS, "sandbox: landlock");
	return 0;
}
