/* SPDX-License-Identifier: ISC */
/*
 * The keeper of passwords that change: a process beside the workers, forked
 * before them, that runs password_command, or reads password_file, again when a
 * server refuses what came of it. All workers ask the same one, which does one
 * thing after the other: so a token that has expired is renewed once, however
 * many meet the refusal at the same time. For files of this room.
 */
#ifndef PO_DELIVER_KEEPER_H
#define PO_DELIVER_KEEPER_H

#include "deliver/setup.h"

/* May its password be another one later: by a command, or a token? */
bool keeper_is_for(const struct relay_conf *conf, unsigned auth);

/* Fork it if a prepared peer needs it; setup->keeper is then our end. */
int keeper_start(struct deliver_setup *setup, struct po_err *err);

/* The end of our end; the process that started it waits for it. */
void keeper_stop(struct deliver_setup *setup);

/*
 * What is the peer's password now? refused: the server did not take the one
 * that it has, so a new one is wanted. True: it has another one than before.
 * `why` says what went wrong, else it is "". Waits up to half a minute.
 */
bool keeper_ask(const struct deliver_setup *setup, struct peer *peer,
    bool refused, char *why, size_t max);

#endif
