/* SPDX-License-Identifier: ISC */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

char *
rig_dir(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	(void)umask(022);
	(void)snprintf(path, sizeof(path), "%s/po-test-XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
	return strdup(path);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
rig_remove(char *dir)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(dir);
}

const char *
rig_path(const char *dir, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *p = paths[next++ % 8];

	(void)snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return p;
}

void
rig_mkdir(const char *path, unsigned mode, uid_t uid, gid_t gid)
{
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, uid, gid), 0);
	assert_int_equal(chmod(path, mode), 0);
}

int
rig_as(uid_t uid, int (*fn)(void *ctx), void *ctx)
{
	int status;
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid == 0) {
		if (uid != geteuid() && (setgroups(0, NULL) == -1 ||
		                            setresgid(uid, uid, uid) == -1 ||
		                            setresuid(uid, uid, uid) == -1))
			_exit(199);
		_exit(fn(ctx));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

size_t
rig_count(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

struct envelope
rig_envelope(struct recipient *r)
{
	struct envelope env = { .sender = "alice@example.org",
		.priority = PRIORITY_MEDIUM,
		.recipients = r,
		.n_recipients = 1 };

	*r = (struct recipient){ "bob@example.net", 0, NULL };
	assert_int_equal(queue_id_make(&env.id, NULL), 0);
	return env;
}

void
rig_write(const char *path, const void *p, size_t len, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

char *
rig_read(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	char *p;

	assert_true(fd != -1);
	assert_int_equal(fstat(fd, &st), 0);
	p = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*len = (size_t)st.st_size;
	return p;
}
