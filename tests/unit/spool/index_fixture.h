/* SPDX-License-Identifier: ISC */
/* An index in a folder of its own, for the tests of spool and cli. */
#ifndef PO_TESTS_INDEX_FIXTURE_H
#define PO_TESTS_INDEX_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/index.h"

struct fixture {
	char path[64];
	int dirfd;
	struct index *ix;
	struct index_tx *tx;
	struct arena arena;
	struct po_err err;
};

#define OK(call) ok((call), f, #call, __FILE__, __LINE__)

/* 0 and 1 are no errors; -1 tells its own text. */
static inline int
ok(int rc, struct fixture *f, const char *call, const char *file, int line)
{
	if (rc == -1)
		print_error("%s: %s\n", call, f->err.text);
	_assert_true(rc != -1, call, file, line);
	return rc;
}

static inline void
fixture_open(struct fixture *f)
{
	OK(index_open(f->dirfd, "index", INDEX_WRITE, &f->ix, &f->err));
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
}

static inline void
fixture_commit(struct fixture *f)
{
	OK(index_commit(f->tx, &f->err));
	OK(index_begin(f->ix, INDEX_WRITE, &f->tx, &f->err));
}

static inline void
fixture_close(struct fixture *f)
{
	index_discard(f->tx);
	index_close(f->ix);
	f->tx = NULL;
	f->ix = NULL;
}

static inline int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	(void)snprintf(f->path, sizeof(f->path), "/tmp/po-test-XXXXXX");
	if (mkdtemp(f->path) == NULL)
		return -1;
	f->dirfd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_init(&f->arena, 1 << 20);
	fixture_open(f);
	*state = f;
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char command[100];

	fixture_close(f);
	arena_clear(&f->arena);
	(void)close(f->dirfd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
	free(f);
	return system(command);
}

/* The n-th id: ids of a test are told apart by their last four bytes. */
static inline struct queue_id
id_of(uint32_t n)
{
	unsigned char b[QUEUE_ID_BYTES] = { 0x01, 0x9a, 0xb0, 0, 0, 0 };
	struct queue_id id;

	b[12] = (unsigned char)(n >> 24);
	b[13] = (unsigned char)(n >> 16);
	b[14] = (unsigned char)(n >> 8);
	b[15] = (unsigned char)n;
	queue_id_of_bytes(b, &id);
	return id;
}

static inline struct index_message
message_of(uint32_t n)
{
	struct index_message m = {
		.id = id_of(n),
		.state = MESSAGE_WAITING,
		.priority = PRIORITY_MEDIUM,
		.place = PLACE_DUE,
		.uid = 1000,
		.arrival = 1764000000,
		.due = 1764000000 + (int64_t)n,
		.expires = 1764432000,
		.size = 1000,
		.n_recipients = 1,
		.n_open = 1,
		.login = "alice",
		.sender = "alice@example.com",
	};

	return m;
}

#endif
