/* SPDX-License-Identifier: ISC */
/* po-mail: composes mail and puts it into the spool. See po-mail(1). */
#include "cli/mail_command.h"
#include "util/fd.h"

int
main(int argc, char **argv)
{
	fd_open_standard();
	return mail_command_run(argc, argv);
}
