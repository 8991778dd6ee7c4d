/* SPDX-License-Identifier: ISC */
/*
 * A worker: a child of the runner that delivers what it is handed. It has no
 * index and no folder of the spool but templates/, only the files of its jobs;
 * bytes from the network are parsed here and nowhere else.
 */
#ifndef PO_QUEUE_WORKER_H
#define PO_QUEUE_WORKER_H

#include <sys/types.h>

#include "deliver/transport.h"

#define WORKER_MAX_JOBS 512u /* the parent never gives it more at a time */

struct worker_setup {
	int sock;     /* to the parent */
	pid_t parent; /* whose death ends the worker */
	const struct deliver_setup *deliver;
	const struct deliver_routes *routes;
	int64_t stop_grace_s;
	const char *spool; /* its path: templates are below it */
	bool sandbox;      /* see sandbox.h */
};

/* Serve until the parent closes the socket or SIGTERM comes. Returns the exit
 * status. Call in the child only. */
int worker_main(const struct worker_setup *setup);

#endif
