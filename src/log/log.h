/* SPDX-License-Identifier: ISC */
/*
 * Log lines: "QUEUEID: key=value, ..." as mail log tools know them. One
 * process-wide log, opened once by each program (and kept over fork). Only
 * mains, runner and worker log; everything below returns errors.
 */
#ifndef PO_LOG_LOG_H
#define PO_LOG_LOG_H

#include "conf/conf.h"
#include "util/buf.h"
#include "util/err.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

enum log_target { LOG_TO_SYSLOG, LOG_TO_STDERR, LOG_TO_FILE };

struct log_conf {
	int target; /* enum log_target; "syslog" (facility mail), "stderr",
	             * "file" */
	int level;  /* enum log_level; "error", "warning", "info", "debug" */
	char *file; /* for "file" */
};

/* "log.target", "log.level", "log.file" */
extern const struct conf_option log_options[];

/*
 * `program` is "po/queue", "po/smtp"...: the tag of each line, with the
 * process id. Until this is called, lines of LOG_LEVEL_INFO and above go to
 * stderr. Every line of a file or of stderr begins as syslog writes it
 * ("Nov 24 06:00:00 host po/smtp[123]: ...", local time), so that pflogsumm
 * reads it. A file that was renamed (logrotate) is made anew by the next
 * line. -1 (PO_ECONFIG, PO_ECREATE): the file cannot be opened; lines then go
 * to syslog. `conf` is not needed afterwards. May be called again.
 */
int log_open(const struct log_conf *conf, const char *program,
    struct po_err *err);

/* After fork: another tag (cut at 31 bytes). */
void log_set_program(const char *program);
/* The file that lines go to, opened anew when it was renamed; NULL: none. */
const char *log_file(void);

/* Between these two, lines for stderr or a file are gathered (64 KiB at most)
 * and leave with one write. Not over a fork. */
void log_hold(void);
void log_release(void);

/* Is anything of this level written? For lines that cost much to make. */
bool log_enabled(enum log_level level);

/*
 * One line, made safe by log_escape() and cut at 2,000 bytes; no newline at
 * its end. Errors and warnings get "error: " or "warning: " in front. Failing
 * to write is not reported: there is no place left to report it to.
 */
void log_line(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Append `s` made safe for a terminal, a log and one line: printable ASCII
 * and valid UTF-8 but for C1 controls, line separators and bidirectional
 * marks stay, every other byte becomes \xNN. At most max_bytes are appended,
 * "..." at their end where something was left out; no character is cut in
 * two. A backslash stays as it is, so escaping twice changes nothing.
 * False: no room in `out`, which then is as it was.
 */
bool log_escape(struct buf *out, struct span s, size_t max_bytes);

#endif
