/* SPDX-License-Identifier: ISC */
/* A command line of words that end at NUL: what is taken points into it. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"

#define MAX_ARGS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), *argv[MAX_ARGS + 1], *at;
	struct arguments a;
	struct po_err err;
	size_t i;
	int argc = 0;

	assert(line != NULL);
	if (size > 0)
		memcpy(line, data, size);
	line[size] = '\0';
	for (at = line; argc < MAX_ARGS && at <= line + size;
	     at += strlen(at) + 1)
		argv[argc++] = at;
	argv[argc] = NULL;
	if (arguments_read(argc, argv, &a, &err) == 0) {
		assert(a.request.n_recipients < (size_t)argc);
		for (i = 0; i < a.request.n_recipients; i++)
			assert(a.request.recipients[i] != NULL);
		assert(a.n_warnings <= ARGUMENTS_MAX_WARNINGS);
		assert(a.request.envid == NULL ||
		       strpbrk(a.request.envid, "\r\n ") == NULL);
	} else {
		assert(err.code == PO_EUSAGE || err.code == PO_EDATA);
		assert(strchr(err.text, '\n') == NULL);
	}
	free(line);
	return 0;
}
