/* SPDX-License-Identifier: ISC */
/*
 * The buffer is reserved at its full size first, so that it never moves and
 * leaves no copy behind. A command is split at blanks and run without a shell
 * unless it begins with "sh:".
 */
#include "deliver/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/child.h"
#include "util/fd.h"

#define COMMAND_TIMEOUT_S 10
#define MAX_ARGS 32u

void
secret_clear(struct buf *secret)
{
	if (secret->p != NULL)
		OPENSSL_cleanse(secret->p, secret->cap);
	buf_clear(secret);
}

const char *
secret_owner(const struct relay_conf *conf)
{
	return conf->name == NULL || conf->name[0] == '\0' ? "relay"
	                                                   : conf->name;
}

bool
secret_is_roots(const struct relay_conf *conf)
{
	struct stat st;

	return conf->user[0] != '\0' && conf->password_file[0] != '\0' &&
	       stat(conf->password_file, &st) == 0 && st.st_uid == 0;
}

int
secret_check_file(int fd, const char *who, const char *what, const char *path,
    struct po_err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return po_fail_sys(err, PO_EIO, "%s", path);
	if (!S_ISREG(st.st_mode))
		return po_fail(err, PO_ECONFIG, "%s.%s %s: not a regular file",
		    who, what, path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return po_fail(err, PO_ECONFIG,
		    "%s.%s %s: owned by uid %u, not by root or uid %u; "
		    "chown it",
		    who, what, path, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 027) != 0)
		return po_fail(err, PO_ECONFIG,
		    "%s.%s %s: mode %04o is too open; chmod 0640 or 0600", who,
		    what, path, (unsigned)st.st_mode & 07777);
	return 0;
}

static int
read_file(const struct relay_conf *conf, struct buf *out, struct po_err *err)
{
	const char *path = conf->password_file;
	const char *who = secret_owner(conf);
	int fd, rc = -1;
	ssize_t n;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return po_fail_sys(err, PO_ECONFIG,
		    "%s.password_file %s cannot be read by uid %lu, who "
		    "runs po-queue and should own it",
		    who, path, (unsigned long)geteuid());
	if (secret_check_file(fd, who, "password_file", path, err) == -1)
		goto out;
	do {
		n = read(fd, out->p + out->len, out->max - out->len);
		if (n > 0)
			out->len += (size_t)n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	if (n == -1) {
		(void)po_fail_sys(err, PO_EIO, "%s.password_file %s", who,
		    path);
		goto out;
	}
	out->p[out->len] = '\0';
	rc = 0;
out:
	fd_close(&fd);
	return rc;
}

/* Blanks divide; `line` is cut up. */
static int
split(const char *who, char *line, char *argv[MAX_ARGS + 1], struct po_err *err)
{
	size_t n = 0;
	char *p = line;

	for (;;) {
		while (*p == ' ' || *p == '\t')
			*p++ = '\0';
		if (*p == '\0')
			break;
		if (n == MAX_ARGS)
			return po_fail(err, PO_ECONFIG,
			    "%s.password_command: too many arguments", who);
		argv[n++] = p;
		while (*p != '\0' && *p != ' ' && *p != '\t')
			p++;
	}
	argv[n] = NULL;
	if (n == 0 || argv[0][0] != '/')
		return po_fail(err, PO_ECONFIG,
		    "%s.password_command: needs an absolute path", who);
	return 0;
}

static int
run_command(const struct relay_conf *conf, struct buf *out, struct po_err *err)
{
	const char *command = conf->password_command;
	const char *who = secret_owner(conf);
	char shell[] = "/bin/sh", flag[] = "-c", line[1024];
	char *argv[MAX_ARGS + 1] = { shell, flag, line + 3, NULL };

	if (strlen(command) >= sizeof(line))
		return po_fail(err, PO_ECONFIG,
		    "%s.password_command: longer than %zu bytes", who,
		    sizeof(line) - 1);
	memcpy(line, command, strlen(command) + 1);
	if (strncmp(line, "sh:", 3) != 0 && split(who, line, argv, err) == -1)
		return -1;
	return child_output("relay.password_command", argv, COMMAND_TIMEOUT_S,
	    out, err);
}

/* One newline less; then it must be one line of text. */
static int
check_text(struct buf *s, const char *what, struct po_err *err)
{
	size_t i;

	if (s->len > 0 && s->p[s->len - 1] == '\n')
		s->p[--s->len] = '\0';
	if (s->len > 0 && s->p[s->len - 1] == '\r')
		s->p[--s->len] = '\0';
	if (s->len == 0)
		return po_fail(err, PO_ECONFIG, "%s: the password is empty",
		    what);
	if (s->len >= SECRET_MAX_BYTES)
		return po_fail(err, PO_ECONFIG, "%s: the password is too long",
		    what);
	for (i = 0; i < s->len; i++)
		if (ascii_is_control((unsigned char)s->p[i]))
			return po_fail(err, PO_ECONFIG,
			    "%s: the password must be one line of text", what);
	return 0;
}

int
secret_load(const struct relay_conf *conf, struct buf *out, struct po_err *err)
{
	const char *file = conf->password_file;
	const char *command = conf->password_command;
	int rc;

	buf_init(out, SECRET_MAX_BYTES);
	if (conf->user[0] == '\0')
		return 0;
	if ((file[0] == '\0') == (command[0] == '\0'))
		return po_fail(err, PO_ECONFIG,
		    "%s.user needs one of %s.password_file and "
		    "%s.password_command",
		    secret_owner(conf), secret_owner(conf), secret_owner(conf));
	if (!buf_reserve(out, SECRET_MAX_BYTES))
		return po_fail(err, PO_EOS, "out of memory");
	rc = file[0] != '\0' ? read_file(conf, out, err)
	                     : run_command(conf, out, err);
	if (rc == 0)
		rc = check_text(out,
		    file[0] != '\0' ? file : "relay.password_command", err);
	if (rc == -1)
		secret_clear(out);
	return rc;
}
