/* SPDX-License-Identifier: ISC */
#include "cli/template_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/caller_program.h"
#include "util/fd.h"

#define PART_MAX (1u << 20)

static const char *const files[MAIL_PARTS] = { "subject.txt", "text.txt",
	"html.html" };

struct path {
	char text[240];
};

static struct path
path_of(const struct template_edit *e, int part)
{
	struct path p;

	(void)snprintf(p.text, sizeof(p.text), "%s/%s", e->folder, files[part]);
	return p;
}

static int
write_part(const struct template_edit *e, int part, struct span s,
    struct po_err *err)
{
	struct path p = path_of(e, part);
	int fd = open(p.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd == -1)
		return po_fail_sys(err, PO_ECREATE, "make %s", p.text);
	rc = fd_write_all(fd, s.p, s.len, p.text, err);
	fd_close(&fd);
	return rc;
}

int
template_edit_begin(struct template_edit *e, const struct mail_source *s,
    struct po_err *err)
{
	const char *tmp = getenv("TMPDIR");
	int i;

	(void)snprintf(e->folder, sizeof(e->folder), "%.150s/po-edit-XXXXXX",
	    tmp == NULL || tmp[0] != '/' ? "/tmp" : tmp);
	if (mkdtemp(e->folder) == NULL)
		return po_fail_sys(err, PO_ECREATE, "make %s", e->folder);
	for (i = 0; i < MAIL_PARTS; i++)
		if (s->has[i] && write_part(e, i, s->part[i], err) == -1)
			return -1;
	return 0;
}

static const char *
editor(void)
{
	const char *visual = getenv("VISUAL"), *name = getenv("EDITOR");

	if (visual != NULL && visual[0] != '\0')
		return visual;
	return name != NULL && name[0] != '\0' ? name : "vi";
}

static int
run_editor(const struct template_edit *e, const bool has[MAIL_PARTS],
    struct po_err *err)
{
	const char *p[MAIL_PARTS + 1] = { NULL };
	struct path paths[MAIL_PARTS];
	int i, n = 0;

	for (i = 0; i < MAIL_PARTS; i++) {
		paths[i] = path_of(e, i);
		if (has[i])
			p[n++] = paths[i].text;
	}
	return caller_program_run(editor(), p, err);
}

static int
read_part(const struct template_edit *e, int part, bool *has, struct buf *out,
    struct po_err *err)
{
	struct path p = path_of(e, part);
	int rc, fd = open(p.text, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	buf_clear(out);
	buf_init(out, PART_MAX);
	*has = fd != -1;
	if (fd == -1)
		return errno == ENOENT
		           ? 0
		           : po_fail_sys(err, PO_ENOINPUT, "open %s", p.text);
	rc = fd_read_rest(fd, out, p.text, err);
	fd_close(&fd);
	return rc;
}

int
template_edit_run(const struct template_edit *e, bool has[MAIL_PARTS],
    struct buf out[MAIL_PARTS], struct po_err *err)
{
	int i;

	if (run_editor(e, has, err) == -1)
		return -1;
	for (i = 0; i < MAIL_PARTS; i++)
		if (read_part(e, i, &has[i], &out[i], err) == -1)
			return -1;
	return 0;
}

bool
template_edit_again(void)
{
	char answer[80];

	(void)fputs("Edit again? [Y/n] ", stderr);
	if (fgets(answer, sizeof(answer), stdin) == NULL) {
		(void)fputc('\n', stderr);
		return false;
	}
	return answer[0] != 'n' && answer[0] != 'N';
}

void
template_edit_end(const struct template_edit *e, bool keep)
{
	struct path p;
	int i;

	if (keep) {
		(void)fprintf(stderr, "po-template: the text is kept in %s\n",
		    e->folder);
		return;
	}
	for (i = 0; i < MAIL_PARTS; i++) {
		p = path_of(e, i);
		(void)unlink(p.text);
	}
	(void)rmdir(e->folder); /* what the editor left beside stays */
}
