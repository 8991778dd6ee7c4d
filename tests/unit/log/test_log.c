/* SPDX-License-Identifier: ISC */
/*
 * Lines as a file, stderr and syslog(3) get them. The linker puts functions
 * of ours in the place of syslog's.
 */
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "log/log.h"

#include <cmocka.h>

#define DATE_HOST                                                              \
	"^[A-Z][a-z][a-z] [ 1-3][0-9] [0-2][0-9]:[0-5][0-9]:"                  \
	"[0-6][0-9] [^ .]+ "

static char folder[] = "/tmp/po-log-XXXXXX";
static char path[64], moved[64], dangling[64];

static struct {
	char ident[32], line[4096];
	int options, facility, priority;
} seen;

void __wrap_openlog(const char *ident, int options, int facility);
void __wrap_closelog(void);
void __wrap_syslog(int priority, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void __wrap___syslog_chk(int priority, int flag, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void
__wrap_openlog(const char *ident, int options, int facility)
{
	snprintf(seen.ident, sizeof(seen.ident), "%s", ident);
	seen.options = options;
	seen.facility = facility;
}

void
__wrap_closelog(void)
{
	seen.ident[0] = '\0';
}

static void take(int priority, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
take(int priority, const char *fmt, va_list ap)
{
	seen.priority = priority;
	vsnprintf(seen.line, sizeof(seen.line), fmt, ap);
}

void
__wrap_syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	take(priority, fmt, ap);
	va_end(ap);
}

void
__wrap___syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	take(priority, fmt, ap);
	va_end(ap);
}

static void
assert_file_matches(const char *name, const char *pattern)
{
	char text[8192];
	regex_t re;
	size_t n;
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, text, 0, NULL, 0) != 0)
		fail_msg("\"%s\" does not match %s", text, pattern);
	regfree(&re);
}

static struct log_conf
to_file(void)
{
	return (struct log_conf){ LOG_TO_FILE, LOG_LEVEL_INFO, path };
}

static void
a_line_of_a_file_looks_like_syslogs(void **state)
{
	struct log_conf conf = to_file();
	struct po_err err;
	struct stat st;

	(void)state;
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	log_line(LOG_LEVEL_INFO, "%s: to=<%s>, status=sent", "0ABC", "a\nb");
	log_set_program("po/smtp");
	log_line(LOG_LEVEL_WARNING, "second");
	log_line(LOG_LEVEL_ERROR, "third");
	log_line(LOG_LEVEL_DEBUG, "never");
	assert_file_matches(path, DATE_HOST
	    "po/queue\\[[0-9]+\\]: 0ABC: to=<a\\\\x0ab>, status=sent\n"
	    "[^\n]+ po/smtp\\[[0-9]+\\]: warning: second\n"
	    "[^\n]+ po/smtp\\[[0-9]+\\]: error: third\n$");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07137, 0);
	assert_int_equal(unlink(path), 0);
}

static void
a_file_that_was_moved_away_is_made_anew(void **state)
{
	struct log_conf conf = to_file();
	struct po_err err;

	(void)state;
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	log_line(LOG_LEVEL_INFO, "one");
	assert_int_equal(rename(path, moved), 0);
	log_line(LOG_LEVEL_INFO, "two");
	assert_file_matches(moved, "^[^\n]+: one\n$");
	assert_file_matches(path, "^[^\n]+: two\n$");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(moved), 0);
}

static void
a_long_line_is_cut_with_dots(void **state)
{
	struct log_conf conf = to_file();
	struct po_err err;
	char text[6000];
	struct stat st;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	log_line(LOG_LEVEL_INFO, "%.*s", (int)sizeof(text), text);
	assert_file_matches(path, "^[^\n]+: x+\\.\\.\\.\n$");
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 2000, 2400);
	assert_int_equal(unlink(path), 0);
}

static void
syslog_gets_facility_mail_and_the_priority(void **state)
{
	static const struct {
		enum log_level level;
		int priority;
		const char *line;
	} rows[] = {
		{ LOG_LEVEL_ERROR, LOG_ERR, "error: 100%s" },
		{ LOG_LEVEL_WARNING, LOG_WARNING, "warning: 100%s" },
		{ LOG_LEVEL_INFO, LOG_INFO, "100%s" },
		{ LOG_LEVEL_DEBUG, LOG_DEBUG, "100%s" },
	};
	struct log_conf conf = { LOG_TO_SYSLOG, LOG_LEVEL_DEBUG, NULL };
	struct po_err err;
	size_t i;

	(void)state;
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	assert_string_equal(seen.ident, "po/queue");
	assert_int_equal(seen.facility, LOG_MAIL);
	assert_true(seen.options & LOG_PID);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_line(rows[i].level, "%s", "100%s");
		assert_int_equal(seen.priority, LOG_MAIL | rows[i].priority);
		assert_string_equal(seen.line, rows[i].line);
	}
	log_set_program("po/smtp");
	assert_string_equal(seen.ident, "po/smtp");
}

static void
lines_below_the_level_are_dropped(void **state)
{
	struct log_conf conf = { LOG_TO_SYSLOG, LOG_LEVEL_WARNING, NULL };
	struct po_err err;

	(void)state;
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	assert_true(log_enabled(LOG_LEVEL_WARNING));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	seen.line[0] = '\0';
	log_line(LOG_LEVEL_INFO, "not this");
	assert_string_equal(seen.line, "");
	errno = EDOM;
	log_line(LOG_LEVEL_WARNING, "this");
	assert_int_equal(errno, EDOM);
	assert_string_equal(seen.line, "warning: this");
}

static void
a_file_that_cannot_be_opened_is_an_error_and_syslog_takes_over(void **state)
{
	struct log_conf conf = to_file();
	struct po_err err;

	(void)state;
	conf.file = dangling;
	assert_int_equal(log_open(&conf, "po/queue", &err), -1);
	assert_int_equal(err.code, PO_ECREATE);
	assert_non_null(strstr(err.text, dangling));
	log_line(LOG_LEVEL_INFO, "still heard");
	assert_string_equal(seen.line, "still heard");
	conf.file = NULL;
	assert_int_equal(log_open(&conf, "po/queue", &err), -1);
	assert_int_equal(err.code, PO_ECONFIG);
}

static void
stderr_gets_the_same_line(void **state)
{
	struct log_conf conf = { LOG_TO_STDERR, LOG_LEVEL_INFO, NULL };
	struct po_err err;
	int saved, fd;

	(void)state;
	assert_int_equal(log_open(&conf, "po/queue", &err), 0);
	saved = dup(STDERR_FILENO);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(saved != -1 && fd != -1);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	log_line(LOG_LEVEL_INFO, "hello");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	close(fd);
	assert_file_matches(path, DATE_HOST "po/queue\\[[0-9]+\\]: hello\n$");
	assert_int_equal(unlink(path), 0);
}

static int
make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(moved, sizeof(moved), "%s/log.1", folder);
	snprintf(dangling, sizeof(dangling), "%s/link", folder);
	return symlink("/nonexistent/file", dangling);
}

static int
remove_folder(void **state)
{
	struct log_conf conf = { LOG_TO_STDERR, LOG_LEVEL_INFO, NULL };

	(void)state;
	unlink(dangling);
	if (log_open(&conf, "po", NULL) == -1)
		return -1;
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_a_file_looks_like_syslogs),
		cmocka_unit_test(a_file_that_was_moved_away_is_made_anew),
		cmocka_unit_test(a_long_line_is_cut_with_dots),
		cmocka_unit_test(syslog_gets_facility_mail_and_the_priority),
		cmocka_unit_test(lines_below_the_level_are_dropped),
		cmocka_unit_test(
		    a_file_that_cannot_be_opened_is_an_error_and_syslog_takes_over),
		cmocka_unit_test(stderr_gets_the_same_line),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
