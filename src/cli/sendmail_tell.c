/* SPDX-License-Identifier: ISC */
#include "cli/sendmail_tell.h"

#include <sysexits.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/fd.h"

#define LINE_BYTES 900u

void
sendmail_tell_span(const char *before, struct span text)
{
	struct buf line;

	buf_init(&line, LINE_BYTES + 40);
	if (buf_puts(&line, "sendmail: ") && buf_puts(&line, before) &&
	    log_escape(&line, text, LINE_BYTES) && buf_putc(&line, '\n'))
		(void)fd_write_all(STDERR_FILENO, line.p, line.len, "stderr",
		    NULL);
	buf_clear(&line);
}

void
sendmail_tell(const char *text)
{
	sendmail_tell_span("", span_of(text));
}

static bool
open_log(const struct sendmail_settings *s)
{
	return s->conf != NULL && s->log.target != LOG_TO_STDERR &&
	       log_open(&s->log, "po/sendmail", NULL) == 0;
}

void
sendmail_pass_warnings_on(struct sendmail_settings *s, bool on_stderr)
{
	struct span rest = buf_span(&s->warnings.text), line;
	bool log = rest.len > 0 && open_log(s);

	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		if (on_stderr)
			sendmail_tell_span("warning: ", line);
		if (log)
			log_line(LOG_LEVEL_WARNING, "uid=%lu: %.*s",
			    (unsigned long)getuid(), (int)line.len, line.p);
	}
	warnings_clear(&s->warnings);
}

int
sendmail_fail(const struct sendmail_settings *s, const struct po_err *err)
{
	const struct po_code_info *info = po_code_info(err->code);

	sendmail_tell(err->text);
	if (open_log(s))
		log_line(LOG_LEVEL_WARNING, "uid=%lu: not queued: %s",
		    (unsigned long)getuid(), err->text);
	if (!info->retry || err->code == PO_ECONFIG || err->code == PO_ENOINPUT)
		return info->exit_status;
	return s->conf == NULL ? EX_TEMPFAIL : (int)s->submit.not_queued_exit;
}
