/* SPDX-License-Identifier: ISC */
/* Mail of priority now in an own spool: whoever queues it has it delivered. */
#ifndef PO_CLI_NOW_H
#define PO_CLI_NOW_H

#include <stdint.h>

/*
 * Start "PROGRAM --only ID" away from the caller: a session of its own, no
 * descriptor of his, so that nobody waits for its end who reads a pipe to its
 * end. Returns when it has ended, or after wait_ms (0: at once), and it goes
 * on. That it cannot be started is no error: the message is queued.
 */
void now_deliver(const char *program, const char *id, int64_t wait_ms);

#endif
