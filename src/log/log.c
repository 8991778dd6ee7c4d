/* SPDX-License-Identifier: ISC */
/*
 * A line is formatted, made safe, and leaves with one write(2) (O_APPEND for
 * a file), so that lines of several processes do not mix; between log_hold()
 * and log_release() lines are gathered and leave together. Before each write to
 * a file its name is looked at again: a file that logrotate moved away is
 * opened anew, without any signal.
 */
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/xalloc.h"

#define LONGEST_LINE ((size_t)2000)
#define HELD_BYTES ((size_t)65536)

#define AT(field) offsetof(struct log_conf, field)

static const char *const target_words[] = { "syslog", "stderr", "file", NULL };
static const char *const level_words[] = { "error", "warning", "info", "debug",
	NULL };

const struct conf_option log_options[] = {
	{ "log.target", CONF_WORD, AT(target), "syslog", 0, 0,
	    "where log lines go", target_words },
	{ "log.level", CONF_WORD, AT(level), "info", 0, 0,
	    "the least important lines that are written", level_words },
	{ "log.file", CONF_STRING, AT(file), NULL, 0, 0,
	    "the file, where log.target is \"file\"", NULL },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

/* The sink: the one of this process. */
static struct {
	enum log_target target;
	enum log_level level;
	char tag[32];
	int fd; /* of the file, -1 */
	char *file;
	bool holding;
	struct buf held; /* lines for stderr or the file */
} sink = { LOG_TO_STDERR, LOG_LEVEL_INFO, "po", -1, NULL, false,
	{ NULL, 0, 0, HELD_BYTES } };

static const struct {
	const char *prefix;
	int priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error: ", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning: ", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "", LOG_DEBUG },
};

static int
open_file(const char *path)
{
	return open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
	        O_NONBLOCK,
	    0640);
}

static void
follow_rename(void)
{
	struct stat named, held;
	int fd;

	if (fstat(sink.fd, &held) == 0 && stat(sink.file, &named) == 0 &&
	    named.st_dev == held.st_dev && named.st_ino == held.st_ino)
		return;
	fd = open_file(sink.file);
	if (fd == -1)
		return; /* the old file is better than none */
	fd_close(&sink.fd);
	sink.fd = fd;
}

/* "Nov 24 07:31:54 host ": made once a second. */
static const char *
date_and_host(void)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static char text[300];
	static time_t made;
	time_t now = time(NULL);
	struct tm tm = { .tm_mon = 0 };
	char host[256] = "";

	if (now == made && text[0] != '\0')
		return text;
	localtime_r(&now, &tm);
	if (gethostname(host, sizeof(host) - 1) == -1 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost");
	host[strcspn(host, ".")] = '\0';
	snprintf(text, sizeof(text), "%s %2d %02d:%02d:%02d %s ",
	    months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    host);
	made = now;
	return text;
}

static bool
put_line(struct buf *out, struct span text)
{
	size_t before = out->len;

	if (buf_puts(out, date_and_host()) &&
	    buf_printf(out, "%s[%d]: ", sink.tag, (int)getpid()) &&
	    buf_put_span(out, text) && buf_putc(out, '\n'))
		return true;
	out->len = before;
	return false;
}

static void
write_out(struct buf *lines)
{
	if (lines->len > 0 && sink.target == LOG_TO_FILE)
		follow_rename();
	if (lines->len > 0)
		(void)fd_write_all(sink.target == LOG_TO_FILE ? sink.fd
		                                              : STDERR_FILENO,
		    lines->p, lines->len, "log", NULL);
	buf_reset(lines);
}

static void
write_line(struct span text)
{
	struct buf line;

	if (sink.holding) {
		if (put_line(&sink.held, text))
			return;
		write_out(&sink.held);
	}
	buf_init(&line, LONGEST_LINE + 512);
	if (put_line(&line, text))
		write_out(&line);
	buf_clear(&line);
}

static void
emit(enum log_level level, struct span text)
{
	if (sink.target == LOG_TO_SYSLOG)
		syslog(LOG_MAIL | levels[level].priority, "%.*s", (int)text.len,
		    text.p);
	else
		write_line(text);
}

void
log_hold(void)
{
	sink.holding = true;
}

void
log_release(void)
{
	sink.holding = false;
	write_out(&sink.held);
}

static void
close_file(void)
{
	fd_close(&sink.fd);
	free(sink.file);
	sink.file = NULL;
}

void
log_set_program(const char *program)
{
	/* syslog keeps the pointer, and its connection. */
	snprintf(sink.tag, sizeof(sink.tag), "%s", program);
	openlog(sink.tag, LOG_PID, LOG_MAIL);
}

const char *
log_file(void)
{
	return sink.file;
}

int
log_open(const struct log_conf *conf, const char *program, struct po_err *err)
{
	close_file();
	sink.level = (enum log_level)conf->level;
	sink.target = LOG_TO_SYSLOG;
	log_set_program(program);
	if (conf->target == LOG_TO_FILE) {
		if (conf->file == NULL || *conf->file == '\0')
			return po_fail(err, PO_ECONFIG,
			    "log.target is \"file\", but log.file is not set");
		sink.fd = open_file(conf->file);
		if (sink.fd == -1)
			return po_fail_sys(err, PO_ECREATE,
			    "uid %lu cannot write to log.file %s",
			    (unsigned long)geteuid(), conf->file);
		sink.file = xstrdup(conf->file);
	}
	sink.target = (enum log_target)conf->target;
	return 0;
}

bool
log_enabled(enum log_level level)
{
	return level <= sink.level;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	int saved_errno = errno;
	char raw[LONGEST_LINE +
	         16]; /* more than fits: log_escape marks the cut */
	struct buf text;
	va_list ap;
	int n;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	buf_init(&text, 4 * LONGEST_LINE);
	if (n >= 0 && buf_puts(&text, levels[level].prefix) &&
	    log_escape(&text, span_of(raw), LONGEST_LINE))
		emit(level, buf_span(&text));
	buf_clear(&text);
	errno = saved_errno;
}
