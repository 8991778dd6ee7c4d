/* SPDX-License-Identifier: ISC */
/* A folder with a store of templates in it, for one group of tests. */
#ifndef PO_TESTS_TEMPLATES_FIXTURE_H
#define PO_TESTS_TEMPLATES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/templates.h"

static char spool[] = "/tmp/po-templates-XXXXXX";
static struct templates store;

static int
set_up(void **state)
{
	char path[64];
	struct po_err err;

	(void)state;
	if (mkdtemp(spool) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/templates", spool);
	return mkdir(path, 0755) == 0 &&
	               templates_open(spool, &store, &err) == 0
	           ? 0
	           : -1;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	templates_close(&store);
	(void)snprintf(command, sizeof(command), "rm -rf %s", spool);
	return system(command); /* NOLINT: a fixed folder of ours */
}

#endif
