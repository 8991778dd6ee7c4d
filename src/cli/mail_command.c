/* SPDX-License-Identifier: ISC */
#include "cli/mail_command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/caller_file.h"
#include "cli/mail_args.h"
#include "cli/mail_batch.h"
#include "compose/host.h"
#include "log/log.h"
#include "util/fd.h"

#define PART_MAX (10u << 20)  /* bytes of a text or html file */
#define INPUT_MAX (64u << 20) /* bytes of a JSON object */

static int
complain(const struct po_err *err)
{
	struct buf line;

	buf_init(&line, 2000);
	if (buf_puts(&line, "po-mail: ") &&
	    log_escape(&line, span_of(err->text), 1900) &&
	    buf_putc(&line, '\n'))
		(void)fwrite(line.p, 1, line.len, stderr);
	buf_clear(&line);
	return mail_status_of(err);
}

/* ------------------------------------------------------------------ files */

/* A part of the letter from a file, into its arena. */
static int
read_part(struct letter *l, int part, const char *path, struct po_err *err)
{
	const char *copy;
	struct buf b;
	int rc;

	if (path == NULL)
		return 0;
	rc = caller_file_read(path, PART_MAX, &b, err);
	if (rc == 0) {
		copy = arena_strndup(&l->arena, buf_str(&b), b.len);
		l->source.has[part] = true;
		l->source.part[part] = (struct span){ copy, b.len };
		if (copy == NULL)
			rc = po_fail(err, PO_EOS, "no memory for %s", path);
	}
	buf_clear(&b);
	return rc;
}

static int
read_context(struct letter *l, const char *path, struct po_err *err)
{
	struct buf b;
	int rc;

	if (path == NULL)
		return 0;
	rc = caller_file_read(path, INPUT_MAX, &b, err);
	if (rc == 0)
		rc = letter_set_context(l, buf_span(&b), err);
	buf_clear(&b);
	return rc;
}

/* Without a word of what it says, the text is standard input, as mail(1) has
 * it. */
static int
read_parts(struct mail_args *a, struct po_err *err)
{
	struct letter *l = &a->letter;
	const char *text = a->text;

	if (text == NULL && a->html == NULL && l->template == NULL &&
	    a->json == NULL && a->batch == NULL)
		text = "-";
	return read_part(l, PART_TEXT, text, err) == -1 ||
	               read_part(l, PART_HTML, a->html, err) == -1
	           ? -1
	           : read_context(l, a->context_file, err);
}

/* ------------------------------------------------------------------ one */

static int
send_args(struct mail_sender *s, const struct mail_args *a, struct po_err *err)
{
	struct queue_id id;

	if (a->dry_run)
		return mail_show(s, &a->letter, stdout, err);
	if (mail_send(s, &a->letter, &id, err) == -1)
		return -1;
	(void)puts(id.text);
	return 0;
}

static int
send_file(struct mail_sender *s, const struct mail_args *a, struct po_err *err)
{
	struct queue_id id;
	struct buf b;
	int rc = caller_file_read(a->json, INPUT_MAX, &b, err);

	if (rc == 0)
		rc = mail_batch_one(s, a, buf_span(&b), &id, err);
	if (rc == 0 && !a->dry_run)
		(void)puts(id.text);
	buf_clear(&b);
	return rc;
}

static int
send_batch(struct mail_sender *s, const struct mail_args *a, int *status,
    struct po_err *err)
{
	int fd = strcmp(a->batch, "-") == 0
	             ? dup(STDIN_FILENO)
	             : open(a->batch, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc = fd == -1 ? po_fail_sys(err, PO_ENOINPUT, "open %s", a->batch)
	                  : mail_batch_run(s, a, fd, status, err);

	fd_close(&fd);
	return rc;
}

static int
run(struct mail_args *a, struct po_err *err)
{
	struct mail_sender s;
	int rc, status = EX_OK;

	rc = mail_sender_open(&s, a->config, err);
	s.zone = a->timezone;
	if (rc == 0)
		rc = read_parts(a, err);
	if (rc == 0 && a->batch != NULL)
		rc = send_batch(&s, a, &status, err);
	else if (rc == 0)
		rc = a->json != NULL ? send_file(&s, a, err)
		                     : send_args(&s, a, err);
	mail_sender_close(&s);
	if (rc == 0 && fflush(stdout) != 0)
		rc = po_fail_sys(err, PO_EIO, "write standard output");
	return rc == -1 ? complain(err) : status;
}

int
mail_command_run(int argc, char **argv)
{
	struct mail_args a;
	struct po_err err;
	int status;

	if (mail_args_read(&a, argc, argv, &err) == -1) {
		status = complain(&err);
	} else if (a.help) {
		mail_args_usage(stdout);
		status = fflush(stdout) == 0 ? EX_OK : EX_IOERR;
	} else if (a.version) {
		status =
		    puts("po-mail " PACKAGE_VERSION) < 0 ? EX_IOERR : EX_OK;
	} else if (a.timezone != NULL && !template_zone_use(a.timezone)) {
		(void)po_fail(&err, PO_EUSAGE, "there is no time zone '%.60s'",
		    a.timezone);
		status = complain(&err);
	} else {
		status = run(&a, &err);
	}
	letter_clear(&a.letter);
	return status;
}
