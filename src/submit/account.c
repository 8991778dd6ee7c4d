/* SPDX-License-Identifier: ISC */
/*
 * The file is read first, as nsswitch.conf has it nearly everywhere, block by
 * block, because it may have many thousand lines and ours is mostly an early
 * one. getent(1) gives its answer in the same form.
 */
#include "submit/account.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/child.h"
#include "util/fd.h"
#include "util/parse_num.h"

#define BLOCK_BYTES 1024u
#define GETENT_TIMEOUT_S 10

/* "login:password:uid:gid:gecos:home:shell", when it is of `uid`. */
static bool
read_line(struct span line, uid_t uid, struct account *a)
{
	struct span login = span_cut(&line, ':'), number;
	uint64_t value;

	(void)span_cut(&line, ':');
	number = span_cut(&line, ':');
	if (login.len == 0 || login.p[0] == '#' ||
	    !parse_u64(number, 0, UINT32_MAX, &value) || value != uid)
		return false;
	(void)span_cut(&line, ':');
	a->login = login;
	a->gecos = span_cut(&line, ':');
	return true;
}

/* Put the next part of a line to `line`: true when that is its end. */
static bool
gather(struct span *block, struct buf *line, bool *fits)
{
	const char *lf = memchr(block->p, '\n', block->len);
	size_t n = lf == NULL ? block->len : (size_t)(lf - block->p);

	*fits = *fits && buf_put(line, block->p, n);
	block->p += n + (lf != NULL);
	block->len -= n + (lf != NULL);
	return lf != NULL;
}

static bool
find_in_file(int fd, uid_t uid, struct buf *line, struct account *a)
{
	char bytes[BLOCK_BYTES];
	struct span block;
	bool fits = true;
	ssize_t n;

	do {
		n = read(fd, bytes, sizeof(bytes));
		block = (struct span){ bytes, n > 0 ? (size_t)n : 0 };
		while (block.len > 0) {
			if (!gather(&block, line, &fits))
				break;
			if (fits && read_line(buf_span(line), uid, a))
				return true;
			buf_reset(line);
			fits = true;
		}
	} while (n > 0 || (n == -1 && errno == EINTR));
	return n == 0 && fits && read_line(buf_span(line), uid, a);
}

static bool
ask(const char *getent, uid_t uid, struct buf *line, struct account *a)
{
	char program[256], verb[] = "passwd", number[24];
	char *argv[] = { program, verb, number, NULL };
	struct span answer;

	(void)snprintf(program, sizeof(program), "%s", getent);
	(void)snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
	if (child_output(getent, argv, GETENT_TIMEOUT_S, line, NULL) == -1)
		return false;
	answer = buf_span(line);
	return read_line(span_cut(&answer, '\n'), uid, a);
}

bool
account_find(const char *file, const char *getent, uid_t uid, struct buf *line,
    struct account *a)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool found = fd != -1 && find_in_file(fd, uid, line, a);

	fd_close(&fd);
	if (found)
		return true;
	buf_reset(line);
	return getent != NULL && ask(getent, uid, line, a);
}
