/* SPDX-License-Identifier: ISC */
/*
 * A damaged index: what index_verify() lets through must not hurt a process
 * that opens it. Each damage is tried in a child, so that a crash is a result.
 */
#include <sys/wait.h>

#include "index_fixture.h"

static void
fill(struct fixture *f)
{
	static const struct index_recipient r = { .address = "bob@example.net",
		.text = "later" };
	char sender[900];
	struct index_message m;
	uint32_t i;

	memset(sender, 's', sizeof(sender));
	sender[sizeof(sender) - 1] = '\0';
	for (i = 0; i < 400; i++) {
		m = message_of(i);
		if (i % 50 == 0)
			m.sender = sender;
		OK(index_message_put(f->tx, &m, &f->err));
		OK(index_recipient_put(f->tx, &m.id, 0, &r, &f->err));
	}
	fixture_commit(f);
	/* Some free pages, and a list of them. */
	for (i = 0; i < 300; i++) {
		m.id = id_of(i);
		OK(index_message_delete(f->tx, &m.id, &f->err));
		if (i % 100 == 99)
			fixture_commit(f);
	}
	fixture_close(f);
}

static int
open_both(struct fixture *f, enum index_mode mode, struct index **ix,
    struct index_tx **tx)
{
	*tx = NULL;
	if (index_open(f->dirfd, "index", mode, ix, &f->err) == -1)
		return -1;
	if (index_begin(*ix, mode, tx, &f->err) == 0)
		return 0;
	index_close(*ix);
	return -1;
}

static int
read_all(struct fixture *f)
{
	struct index_tx *tx;
	struct index *ix;
	int rc;

	if (open_both(f, INDEX_READ, &ix, &tx) == -1)
		return -1;
	rc = index_verify_records(tx, &f->err);
	index_discard(tx);
	index_close(ix);
	return rc;
}

/* Everything deleted and put again: the pages that are free get used. */
static int
write_all(struct fixture *f)
{
	struct index_message m;
	struct index_tx *tx;
	struct index *ix;
	int rc = 0;
	uint32_t i;

	if (open_both(f, INDEX_WRITE, &ix, &tx) == -1)
		return -1;
	for (i = 0; rc == 0 && i < 400; i++) {
		m = message_of(i);
		rc = index_message_delete(tx, &m.id, &f->err);
		if (rc == 0)
			rc = index_message_put(tx, &m, &f->err);
	}
	if (rc == 0)
		rc = index_commit(tx, &f->err);
	else
		index_discard(tx);
	index_close(ix);
	return rc;
}

static void
assert_survives(struct fixture *f, int (*use)(struct fixture *f), off_t at,
    unsigned char byte)
{
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		/* Refused or not: only to get here counts. */
		(void)use(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("status %#x: byte %lld is %#x", (unsigned)status,
		    (long long)at, byte);
}

static int
open_data(struct fixture *f)
{
	int fd = openat(f->dirfd, "index/live/data.mdb", O_RDWR);

	assert_true(fd != -1);
	return fd;
}

static void
sound_index_is_found_sound(void **state)
{
	struct fixture *f = *state;

	fill(f);
	OK(index_verify(f->dirfd, "index", &f->err));
	assert_int_equal(read_all(f), 0);
	fixture_open(f);
}

static void
missing_index_is_told_apart(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(index_verify(f->dirfd, "nowhere", &f->err), -1);
	assert_int_equal(f->err.code, PO_EINDEX);
	assert_int_equal(f->err.sys, ENOENT);
}

static void
cut_index_is_found_damaged(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	off_t size;
	int fd;

	fill(f);
	fd = open_data(f);
	assert_int_equal(fstat(fd, &st), 0);
	for (size = st.st_size / 2; size > 0; size /= 2) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(index_verify(f->dirfd, "index", &f->err), -1);
		assert_survives(f, read_all, size, 0);
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	(void)close(fd);
	fixture_open(f);
}

/* One byte changed, at places spread over headers, pointers, nodes and data of
 * every page; the seed is fixed. */
static void
no_damage_that_is_let_through_hurts(void **state)
{
	struct fixture *f = *state;
	unsigned found = 0, missed = 0, seed = 1;
	unsigned char was, is;
	struct stat st;
	off_t at;
	int fd, i;

	fill(f);
	fd = open_data(f);
	assert_int_equal(fstat(fd, &st), 0);
	for (i = 0; i < 4000; i++) {
		seed = seed * 1103515245 + 12345;
		at = (off_t)(seed >> 8) % st.st_size;
		/* Half of the damage goes into what LMDB steers by. */
		if (i % 2 == 0)
			at = at / 4096 * 4096 + at % 64;
		assert_int_equal(pread(fd, &was, 1, at), 1);
		is = (unsigned char)(was ^ (1u << (seed >> 29)));
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		if (index_verify(f->dirfd, "index", &f->err) == -1) {
			assert_int_equal(f->err.code, PO_EINDEX);
			found++;
		} else {
			missed++;
			if (missed % 16 == 0)
				assert_survives(f, read_all, at, is);
		}
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	print_message("%u found, %u let through\n", found, missed);
	assert_true(found > 300 && missed > 300);
	(void)close(fd);
	OK(index_verify(f->dirfd, "index", &f->err));
	(void)unlinkat(f->dirfd, "index/suspect", 0); /* a reader's mark */
	fixture_open(f);
}

static void
restore(int fd, const char *copy, size_t len)
{
	assert_int_equal(pwrite(fd, copy, len, 0), len);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
}

/* The same for a writer, whose pages come from the list of free ones. */
static void
no_damage_that_is_let_through_hurts_a_writer(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 7, tried = 0;
	struct stat st;
	size_t len;
	char *copy;
	off_t at;
	int fd, i;

	fill(f);
	fd = open_data(f);
	assert_int_equal(fstat(fd, &st), 0);
	len = (size_t)st.st_size;
	copy = test_malloc(len);
	assert_int_equal(pread(fd, copy, len, 0), len);
	for (i = 0; i < 3000 && tried < 60; i++) {
		unsigned char is;

		seed = seed * 1103515245 + 12345;
		at = (off_t)((seed >> 8) % len);
		if (i % 2 == 0)
			at = at / 4096 * 4096 + at % 64;
		is = (unsigned char)(copy[at] ^ (1 << (seed >> 29)));
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		if (index_verify(f->dirfd, "index", &f->err) == 0) {
			assert_survives(f, write_all, at, is);
			restore(fd, copy, len);
			tried++;
		} else {
			assert_int_equal(pwrite(fd, &copy[at], 1, at), 1);
		}
	}
	assert_true(tried >= 30);
	test_free(copy);
	(void)close(fd);
	fixture_open(f);
}

#define UNIT(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(sound_index_is_found_sound),
		UNIT(missing_index_is_told_apart),
		UNIT(cut_index_is_found_damaged),
		UNIT(no_damage_that_is_let_through_hurts),
		UNIT(no_damage_that_is_let_through_hurts_a_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
