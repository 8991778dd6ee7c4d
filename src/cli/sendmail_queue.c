/* SPDX-License-Identifier: ISC */
#include "cli/sendmail_queue.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/totals.h"
#include "envelope/queue_id.h"
#include "util/buf.h"

const char sendmail_po_queue[] = PO_SBINDIR "/po-queue";

/* What we ignore is not to be ignored there. */
void
sendmail_exec_po_queue(char *const argv[])
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)execv(sendmail_po_queue, argv);
}

/* Is it a folder of the caller's? `below` is "" or "/NAME". */
static bool
is_mine(const char *spool, const char *below)
{
	struct stat st;
	struct buf path;
	bool mine = false;

	buf_init(&path, 4096);
	if (buf_puts(&path, spool) && buf_puts(&path, below))
		mine = lstat(path.p, &st) == 0 && S_ISDIR(st.st_mode) &&
		       st.st_uid == geteuid();
	buf_clear(&path);
	return mine;
}

bool
sendmail_is_own_spool(const struct sendmail_settings *s)
{
	return is_mine(s->drop.spool, "") && is_mine(s->drop.spool, "/queue");
}

/* May the caller read the spool: is he root, or its owner? */
static bool
owns_spool(const struct sendmail_settings *s)
{
	return geteuid() == 0 || is_mine(s->drop.spool, "/queue");
}

static int
run_po_queue(const struct sendmail_settings *s, const char *const argv[])
{
	char *args[ARGUMENTS_MAX_RUNS + 4];
	struct po_err err;
	size_t i;

	for (i = 0; i < ARGUMENTS_MAX_RUNS + 3 && argv[i] != NULL; i++)
		args[i] = strdup(argv[i]);
	args[i] = NULL;
	sendmail_exec_po_queue(args);
	(void)po_fail_sys(&err, PO_EOSFILE, "run %s", sendmail_po_queue);
	return sendmail_fail(s, &err);
}

/* "!Rtext" as po-queue's "--recipient=!text"; kept until exec. */
static const char *
selector_of(const char *run)
{
	const char *letter = run + (run[0] == '!');
	struct buf b;

	buf_init(&b, 1u << 20);
	if (!buf_printf(&b, "--%s=%s%s",
	        *letter == 'I'   ? "id"
	        : *letter == 'R' ? "recipient"
	                         : "sender",
	        letter == run ? "" : "!", letter + 1))
		return NULL;
	return b.p;
}

/* po-queue with `verb` and what -q chose. */
static int
run_selected(struct sendmail_settings *s, const struct arguments *a,
    const char *verb)
{
	const char *argv[ARGUMENTS_MAX_RUNS + 4] = { "po-queue", verb };
	struct po_err err;
	size_t i;

	for (i = 0; i < a->n_runs; i++) {
		argv[2 + i] = selector_of(a->runs[i]);
		if (argv[2 + i] == NULL) {
			(void)po_fail(&err, PO_EUSAGE, "-q: too long");
			return sendmail_fail(s, &err);
		}
	}
	return run_po_queue(s, argv);
}

int
sendmail_list(struct sendmail_settings *s, const struct arguments *a)
{
	struct po_err err;

	if (owns_spool(s))
		return run_selected(s, a, "--list");
	if (a->n_runs > 0)
		(void)po_fail(&err, PO_EPERM,
		    "-q: only root and the owner of the spool see more than "
		    "the totals");
	if (a->n_runs > 0 ||
	    totals_print(s->drop.spool, stdout,
	        isatty(STDERR_FILENO) == 1 ? stderr : NULL, &err) == -1)
		return sendmail_fail(s, &err);
	return fflush(stdout) == 0 || errno == EPIPE ? EX_OK : EX_IOERR;
}

int
sendmail_run_queue(struct sendmail_settings *s, const struct arguments *a)
{
	const char *argv[] = { "po-queue", "--only", NULL, NULL };
	struct queue_id id;
	struct po_err err;

	if (!owns_spool(s)) {
		(void)po_fail(&err, PO_EPERM,
		    "-q: only root and the owner of the spool run the queue; "
		    "po-queue's service or timer does it by itself");
		return sendmail_fail(s, &err);
	}
	if (a->n_runs == 1 && a->runs[0][0] == 'I' &&
	    queue_id_parse(span_of(a->runs[0] + 1), &id)) {
		argv[2] = a->runs[0] + 1;
		return run_po_queue(s, argv);
	}
	return run_selected(s, a, "--flush");
}
