/* SPDX-License-Identifier: ISC */
/*
 * Log lines: "QUEUEID: key=value, ..." as mail log tools know them. One process-wide log, opened once by each program
 * (and kept over fork). Only mains, runner and worker log; everything below returns errors.
 */
#ifndef PO_LOG_LOG_H
#define PO_LOG_LOG_H

#include "conf/conf.h"
#include "util/buf.h"
#include "util/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_SYSLOG, LOG_TO_STDERR, LOG_TO_FILE };

struct log_conf {
	int target;   /* enum log_target; "syslog" (facility mail), "stderr", "file" */
	int level;    /* enum log_level; "error", "warning", "info", "debug" */
	char *file;   /* for "file" */
};

/* "log.target", "log.level", "log.file" */
extern const struct conf_option log_options[];

/* `program` is "po/queue", "po/smtp"...: the tag of each line, with the process id. Until it is called, lines go to
 * stderr. Every line of a file or stderr begins with an RFC 3339 or syslog-like date as mail logs have ("Nov 24 06:00:00 host
 * po/smtp[123]: ...") so that pflogsumm reads it. */
int log_open(const struct log_conf *conf, const char *program, struct po_err *err);
void log_set_program(const char *program); /* after fork: another tag */

/* One line, no newline in it: what is not printable ASCII or UTF-8 is written as \xNN. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append `s` made safe for a terminal, a log and one line: printable ASCII and valid UTF-8 but for C1 controls and
 * bidirectional marks; all else as \xNN; cut at max_bytes with "..." behind. */
bool log_escape(struct buf *out, struct span s, size_t max_bytes);

#endif
