/* SPDX-License-Identifier: ISC */
/*
 * Programs that we run: fork, exec, wait, with a deadline. The child gets no
 * environment but what it is given, default signals, / as its folder, no
 * descriptor of ours but the standard ones, and a process group of its own, all
 * of which is killed when its first process has ended or the time is up.
 */
#ifndef PO_UTIL_CHILD_H
#define PO_UTIL_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"

struct child_spec {
	const char *what;  /* for errors */
	char *const *argv; /* argv[0] is an absolute path */
	char *const *envp; /* NULL: none */
	int in;            /* standard input; -1: /dev/null */
	bool errors_too;   /* standard error goes into `out`, else it is ours */
	bool cut;          /* output beyond the ceiling is dropped */
	int64_t timeout_ms; /* and when *stop is set (NULL: never), at most
	                       grace_ms more */
	const volatile sig_atomic_t *stop;
	int64_t grace_ms;
};

enum child_how {
	CHILD_EXITED,  /* number: its status */
	CHILD_KILLED,  /* number: the signal, not ours */
	CHILD_LATE,    /* the time was up: killed by us */
	CHILD_NOT_RUN, /* number: errno of execve(2) */
	CHILD_TALKS    /* more output than the ceiling, and not `cut`: killed */
};

struct child_end {
	enum child_how how;
	int number;
};

/* Run it to its end, its output appended to `out`. -1 when it could not be
 * started or waited for (PO_EOS, PO_EIO). */
int child_run(const struct child_spec *spec, struct buf *out,
    struct child_end *end, struct po_err *err);

/*
 * Run argv[0] (an absolute path) and append its standard output to `out`, up
 * to the buffer's ceiling. 0 only when it exited with 0 within `timeout_s`;
 * else PO_ETEMP (time, signal, exit status) or PO_ECONFIG (cannot be run),
 * with `what` named. Never inside a transaction.
 */
int child_output(const char *what, char *const argv[], int64_t timeout_s,
    struct buf *out, struct po_err *err);

#endif
