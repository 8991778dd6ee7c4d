/* SPDX-License-Identifier: ISC */
/* po-mail: one letter or many, from a command line or JSON. */
#ifndef PO_CLI_MAIL_COMMAND_H
#define PO_CLI_MAIL_COMMAND_H

/* All of it; returns the exit status. */
int mail_command_run(int argc, char **argv);

#endif
