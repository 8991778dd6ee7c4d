/* SPDX-License-Identifier: ISC */
/*
 * The ingester: a child of the runner that reads drop/ and writes queue/, has
 * no index and no network. It works when it is asked to (WIRE_SCAN), tells what
 * is durable in queue/ (WIRE_TAKEN), and lets go of the originals when the
 * parent has committed (WIRE_RELEASE).
 */
#ifndef PO_QUEUE_INTAKE_H
#define PO_QUEUE_INTAKE_H

#include <sys/types.h>

#include "spool/ingest.h"

struct intake_setup {
	int sock;
	pid_t parent;
	const struct spool *spool;
	const struct ingest_conf *conf;
	bool sandbox; /* see sandbox.h */
};

/* Serve until the parent closes the socket or SIGTERM comes. Returns the exit
 * status. Call in the child only. */
int intake_main(const struct intake_setup *setup);

#endif
