/* SPDX-License-Identifier: ISC */
/* The verbs of po-template that work on the store (spool/templates.h). */
#ifndef PO_CLI_TEMPLATE_COMMAND_H
#define PO_CLI_TEMPLATE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* What begins with "/", "./" or "../" is the name of no template. */
bool template_command_names_file(const char *argument);

/* Is this one of them? `render` and `check` are when a name follows. */
bool template_command_is(int argc, char **argv);

/* Do it; errors go to stderr. Returns the exit status. */
int template_command_run(int argc, char **argv);

void template_command_usage(FILE *to);

#endif
