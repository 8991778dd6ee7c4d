/* SPDX-License-Identifier: ISC */
/*
 * LMDB's file is mapped, so what somebody overwrites or cuts is met as a bad
 * pointer, in LMDB's code or in ours, whenever that page is touched; to look
 * at every page of a large index before each use would cost more than all else
 * (index_verify.c). The process cannot go on, but it can say why it ends and
 * leave a mark by which the next writer knows that files are to be believed
 * and the index is not. Only calls that signal-safety(7) allows are made.
 */
#include "spool/index_guard.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "util/err.h"

static const int faults[] = { SIGSEGV, SIGBUS };
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static const char words[] =
    "error: the index is damaged: the next run, or po-queue --rebuild-index, "
    "makes it again from the message files; nothing is lost\n";

static volatile sig_atomic_t home = -1; /* a descriptor, while guarded */
static volatile sig_atomic_t is_open;
static volatile sig_atomic_t exit_status;

static void
leave_mark(void)
{
	int fd = openat(home, INDEX_SUSPECT,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd != -1)
		(void)close(fd);
}

void
index_guard_suspect(void)
{
	if (home != -1 && is_open)
		leave_mark();
}

static _Noreturn void
give_up(void)
{
	leave_mark();
	if (write(STDERR_FILENO, words, sizeof(words) - 1) == -1)
		_exit(exit_status);
	_exit(exit_status);
}

static void
on_fault(int sig)
{
	if (home != -1)
		give_up();
	(void)signal(sig, SIG_DFL); /* not ours: it happens again, for good */
}

static void
on_assert(MDB_env *env, const char *text)
{
	(void)env;
	(void)text;
	if (home != -1)
		give_up();
}

static void
install(int sig)
{
	struct sigaction old, new = { .sa_handler = on_fault };

	(void)sigemptyset(&new.sa_mask);
	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)sigaction(sig, &new, NULL);
}

void
index_guard_begin(int folder)
{
	size_t i;

	exit_status = po_code_info(PO_EINDEX)->exit_status;
	home = folder;
	is_open = 0;
	for (i = 0; i < FAULTS; i++)
		install(faults[i]);
}

void
index_guard_opened(void)
{
	is_open = 1;
}

void
index_guard_watch(MDB_env *env)
{
	(void)mdb_env_set_assert(env, on_assert);
}

void
index_guard_end(void)
{
	home = -1;
}
