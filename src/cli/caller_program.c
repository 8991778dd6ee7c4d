/* SPDX-License-Identifier: ISC */
/* A shell reads the command, as for every other program that starts one. */
#include "cli/caller_program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void
become(const char *command, const char *const files[])
{
	const char *p[CALLER_PROGRAM_FILES] = { NULL };
	char script[4096];
	int i;

	for (i = 0; i < CALLER_PROGRAM_FILES && files[i] != NULL; i++)
		p[i] = files[i];
	(void)snprintf(script, sizeof(script), "exec %.4000s \"$@\"", command);
	(void)execl("/bin/sh", "sh", "-c", script, "sh", p[0], p[1], p[2],
	    NULL);
	_exit(127);
}

int
caller_program_run(const char *command, const char *const files[],
    struct po_err *err)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, on_int, on_quit;
	int status = -1;
	pid_t pid;

	(void)sigaction(SIGINT, &ignore, &on_int);
	(void)sigaction(SIGQUIT, &ignore, &on_quit);
	pid = fork();
	if (pid == 0) {
		(void)sigaction(SIGINT, &on_int, NULL);
		(void)sigaction(SIGQUIT, &on_quit, NULL);
		become(command, files);
	}
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	(void)sigaction(SIGINT, &on_int, NULL);
	(void)sigaction(SIGQUIT, &on_quit, NULL);
	if (pid == -1)
		return po_fail_sys(err, PO_EOS, "start \"%.100s\"", command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return po_fail(err, PO_EDATA, "\"%.100s\" failed", command);
	return 0;
}
