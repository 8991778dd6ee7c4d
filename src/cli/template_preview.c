/* SPDX-License-Identifier: ISC */
/* preview: what a template makes, as a file that a reader of mail or a browser
 * opens. All of it as the caller; only the store is read as its owner. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caller_program.h"
#include "cli/mail_send.h"
#include "cli/template_call.h"
#include "util/fd.h"

/* ------------------------------------------------------------ the whole mail
 */

static int
show_letter(struct template_call *c, const struct letter *l, FILE *to,
    struct po_err *err)
{
	struct mail_sender sender;
	int rc = mail_sender_open(&sender, c->config, err);

	sender.zone = c->timezone;
	if (rc == 0)
		rc = mail_show(&sender, l, to, err);
	mail_sender_close(&sender);
	return rc;
}

/* As po-mail would make it for nobody in particular. */
static int
write_letter(struct template_call *c, FILE *to, struct po_err *err)
{
	struct letter l;
	int rc;

	letter_init(&l);
	l.template = c->name;
	l.lang = c->lang;
	rc = letter_set_context(&l, buf_span(&c->context_text), err);
	if (rc == 0)
		rc = letter_add(&l, &l.bcc, "nobody@example.invalid", err);
	if (rc == 0)
		rc = show_letter(c, &l, to, err);
	letter_clear(&l);
	return rc;
}

/* ------------------------------------------------------------ one part */

static int
render_as_owner(struct template_call *c, struct mail_rendered *r,
    struct po_err *err)
{
	int rc;

	if (template_store_borrow(c, err) == -1)
		return -1;
	rc = template_render_call(c, r, err);
	spool_return_owner(&c->borrow);
	return rc;
}

static int
write_part(struct template_call *c, FILE *to, struct po_err *err)
{
	struct mail_rendered r;
	int i;

	if (render_as_owner(c, &r, err) == -1)
		return -1;
	for (i = 0; strcmp(c->part, mail_part_names[i]) != 0; i++)
		;
	if (r.has[i])
		(void)fwrite(buf_str(&r.part[i]), 1, r.part[i].len, to);
	mail_rendered_clear(&r);
	return r.has[i]
	           ? 0
	           : po_fail(err, PO_EDATA, "'%s' has no %s", c->name, c->part);
}

/* ------------------------------------------------------------ where to */

static const char *
browser(void)
{
	const char *name = getenv("BROWSER");

	return name != NULL && name[0] != '\0' ? name : "xdg-open";
}

/* The file stays: a browser reads it again when it likes. */
static FILE *
open_temporary(const char *part, char *path, size_t size, struct po_err *err)
{
	const char *tmp = getenv("TMPDIR");
	const char *suffix = strcmp(part, "html") == 0 ? ".html" : ".txt";
	FILE *to = NULL;
	int fd;

	(void)snprintf(path, size, "%.150s/po-preview-XXXXXX%s",
	    tmp == NULL || tmp[0] != '/' ? "/tmp" : tmp, suffix);
	fd = mkostemps(path, (int)strlen(suffix), O_CLOEXEC);
	if (fd != -1)
		to = fdopen(fd, "w");
	if (to == NULL) {
		(void)po_fail_sys(err, PO_ECREATE, "make %s", path);
		fd_close(&fd);
	}
	return to;
}

static FILE *
open_output(const struct template_call *c, char *path, size_t size,
    struct po_err *err)
{
	FILE *to;

	if (c->output == NULL && c->open)
		return open_temporary(c->part, path, size, err);
	if (c->output == NULL || strcmp(c->output, "-") == 0)
		return stdout;
	(void)snprintf(path, size, "%s", c->output);
	to = fopen(path, "we");
	if (to == NULL)
		(void)po_fail_sys(err, PO_ECREATE, "make %s", path);
	return to;
}

static int
open_in_browser(const char *path, struct po_err *err)
{
	const char *const files[] = { path, NULL };

	(void)printf("%s\n", path);
	(void)fflush(stdout);
	return caller_program_run(browser(), files, err);
}

int
template_verb_preview(struct template_call *c, struct po_err *err)
{
	char path[PATH_MAX] = "";
	FILE *to;
	int rc;

	if (c->context == NULL)
		return po_fail(err, PO_EUSAGE, "--context-file is missing");
	if (c->open && c->output != NULL && strcmp(c->output, "-") == 0)
		return po_fail(err, PO_EUSAGE,
		    "--open needs a file: '-o -' is standard output");
	if (c->open && c->part == NULL)
		c->part = mail_part_names[PART_HTML];
	to = open_output(c, path, sizeof(path), err);
	if (to == NULL)
		return -1;
	rc =
	    c->part == NULL ? write_letter(c, to, err) : write_part(c, to, err);
	if (to == stdout)
		return rc;
	if (fclose(to) != 0 && rc == 0)
		rc = po_fail_sys(err, PO_EIO, "write %s", path);
	if (rc == -1 && c->output == NULL)
		(void)remove(path);
	return rc == 0 && c->open ? open_in_browser(path, err) : rc;
}
