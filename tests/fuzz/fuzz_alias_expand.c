/* SPDX-License-Identifier: ISC */
/*
 * An aliases file from anybody: mail to some names of this host goes somewhere,
 * to addresses that can stand in SMTP and each only once; and newaliases ends.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "envelope/address.h"
#include "submit/alias_expand.h"
#include "util/span.h"
#include "util/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 200

static const struct submit_host host = { "mx.d.test", "d.test" };

static void
check(const struct recipients *to)
{
	struct address_list list;
	struct address a;
	size_t i, k;

	assert(to->n >= 1 && to->n <= LIMIT);
	for (i = 0; i < to->n; i++) {
		for (k = 0; k < i; k++)
			assert(strcmp(to->v[i].address, to->v[k].address));
		address_list_init(&list, span_of(to->v[i].address), NULL);
		assert(address_next(&list, &a, NULL) == 1 && a.qualified);
		assert(strcmp(a.text, to->v[i].address) == 0);
		assert(address_next(&list, &a, NULL) == 0);
		address_list_clear(&list);
		assert(to->utf8 || utf8_is_ascii(span_of(to->v[i].address)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("aliases", 0);
	char path[40];
	const struct submit_conf conf = { .aliases = path };
	struct recipients to;
	struct warnings w;
	struct arena arena;
	struct po_err err;

	assert(fd != -1 && write(fd, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	arena_init(&arena, 1 << 20);
	warnings_init(&w);
	recipients_init(&to, LIMIT);
	assert(recipients_add(&to, SPAN_LIT("root, a, b@localhost, c@x.test"),
	           host.domain, false, NULL) == 4);
	if (alias_expand(&conf, &host, &to, &arena, &w, &err) == 0)
		check(&to);
	else
		assert(err.code == PO_EDATA);
	assert(alias_check(&conf, &host, &w, &err) >= 0);
	warnings_clear(&w);
	recipients_clear(&to);
	arena_clear(&arena);
	close(fd);
	return 0;
}
