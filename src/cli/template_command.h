/* SPDX-License-Identifier: ISC */
/* The verbs of po-template that work on the store (spool/templates.h). */
#ifndef PO_CLI_TEMPLATE_COMMAND_H
#define PO_CLI_TEMPLATE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* Is this one of them? `render` and `check` are when a name follows. */
bool template_command_is(int argc, char **argv);

/* Do it; errors go to stderr. Returns the exit status. */
int template_command_run(int argc, char **argv);

void template_command_usage(FILE *to);

#endif
