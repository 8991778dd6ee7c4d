/* SPDX-License-Identifier: ISC */
#include "spool/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spool/drop.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct world {
	char *dir;
	int dirfd;
	struct recipient r[3];
	struct envelope env;
	char name[40]; /* "drop/n.ID" */
};

static const char content[] = "Subject: x\n\nbody\n";

/* A message of three recipients, with a first head and slots in it. */
static void
begin_world(struct world *w)
{
	struct drop_conf conf;
	struct drop *d;
	struct message_file f;
	struct slot slot = { .state = SLOT_WAITING };
	char cell[CELL_BYTES];
	struct head h = { 1, MESSAGE_WAITING, HOLD_REQUEST, PRIORITY_MEDIUM, 0,
		5, 6, 7 };
	size_t i;

	*w = (struct world){ .dir = rig_dir() };
	conf = (struct drop_conf){ w->dir, 0 };
	rig_mkdir(rig_path(w->dir, "drop"), 0700, geteuid(), getegid());
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY);
	w->env = rig_envelope(&w->r[0]);
	w->r[1] = w->r[2] = w->r[0];
	w->env.recipients = w->r;
	w->env.n_recipients = 3;
	(void)snprintf(w->name, sizeof(w->name), "drop/n.%s", w->env.id.text);
	assert_int_equal(drop_open(&conf, &d, NULL), 0);
	assert_int_equal(drop_begin(d, &w->env, NULL), 0);
	assert_int_equal(sink_write(drop_sink(d), content, strlen(content),
	                     NULL),
	    0);
	assert_int_equal(drop_publish(d, NULL), 0);
	drop_close(d);
	assert_int_equal(file_open(w->dirfd, w->name, true, &f, NULL), 0);
	cell_put_head(&h, cell);
	assert_int_equal(pwrite(f.fd, cell, CELL_BYTES, FILE_HEAD_AT),
	    CELL_BYTES);
	for (i = 0; i < 3; i++) {
		slot.generation = 0;
		assert_int_equal(file_write_slot(&f, i, &slot, NULL), 0);
	}
	file_close(&f);
}

static void
end_world(struct world *w)
{
	(void)close(w->dirfd);
	rig_remove(w->dir);
}

static void
open_it(struct world *w, struct message_file *f)
{
	struct po_err err;

	if (file_open(w->dirfd, w->name, true, f, &err) == -1)
		fail_msg("%s", err.text);
}

static void
heads_are_written_in_turn_and_the_newer_wins(void **state)
{
	struct world w;
	struct message_file f;
	struct head h;
	int which, i;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(file_read_head(&f, &h, &which, NULL), 0);
	assert_int_equal(which, 0);
	for (i = 2; i < 6; i++) {
		h.attempts = (uint32_t)i;
		assert_int_equal(file_write_head(&f, &h, NULL), 0);
		assert_int_equal(h.generation, i);
		h = (struct head){ 0 };
		assert_int_equal(file_read_head(&f, &h, &which, NULL), 0);
		assert_int_equal(h.attempts, i);
		assert_int_equal(which, (i + 1) % 2);
	}
	file_close(&f);
	end_world(&w);
}

/* What an open file read of itself is kept; another process's writes are seen
 * by whoever opens it after them. */
static void
open_again(struct world *w, struct message_file *f)
{
	file_close(f);
	open_it(w, f);
}

/* The cell being written is torn at every byte: the older head stays. */
static void
a_torn_head_leaves_the_one_before(void **state)
{
	struct world w;
	struct message_file f;
	struct head h, older;
	char whole[CELL_BYTES], torn[CELL_BYTES];
	int which;
	size_t cut;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(file_read_head(&f, &older, &which, NULL), 0);
	h = older;
	h.state = MESSAGE_HELD;
	assert_int_equal(file_write_head(&f, &h, NULL), 0);
	assert_int_equal(pread(f.fd, whole, CELL_BYTES, 128), CELL_BYTES);
	for (cut = 0; cut < CELL_BYTES; cut++) {
		cell_put_blank(torn);
		memcpy(torn, whole, cut);
		if (memcmp(torn, whole, CELL_BYTES) == 0)
			continue; /* only the last LF was missing */
		assert_int_equal(pwrite(f.fd, torn, CELL_BYTES, 128),
		    CELL_BYTES);
		open_again(&w, &f);
		assert_int_equal(file_read_head(&f, &h, &which, NULL), 0);
		assert_int_equal(h.state, older.state);
		assert_int_equal(h.generation, older.generation);
	}
	/* The next write goes over the torn one, not over the good one. */
	assert_int_equal(file_write_head(&f, &h, NULL), 0);
	assert_int_equal(file_read_head(&f, &h, &which, NULL), 0);
	assert_int_equal(which, 1);
	assert_int_equal(h.generation, older.generation + 1);
	file_close(&f);
	end_world(&w);
}

static void
without_a_valid_head_the_file_is_damaged(void **state)
{
	struct world w;
	struct message_file f;
	struct head h;
	struct po_err err;
	int which;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(pwrite(f.fd, "X", 1, FILE_HEAD_AT + 12), 1);
	open_again(&w, &f);
	assert_int_equal(file_read_head(&f, &h, &which, &err), -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	assert_int_equal(file_write_head(&f, &h, &err), -1);
	file_close(&f);
	end_world(&w);
}

static void
a_damaged_slot_reads_in_doubt_and_its_neighbours_stay(void **state)
{
	struct world w;
	struct message_file f;
	struct slot s[3];

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(pwrite(f.fd, "S", 1, f.slots_at + 64 + 12), 1);
	open_again(&w, &f);
	assert_int_equal(file_read_slots(&f, 0, 3, s, NULL), 0);
	assert_int_equal(s[0].state, SLOT_WAITING);
	assert_int_equal(s[1].state, SLOT_IN_DOUBT);
	assert_int_equal(s[1].generation, 0);
	assert_int_equal(s[2].state, SLOT_WAITING);
	assert_int_equal(s[2].generation, 1);
	file_close(&f);
	end_world(&w);
}

static void
slots_beyond_the_last_are_refused(void **state)
{
	struct world w;
	struct message_file f;
	struct slot s[4] = { { 0 } };

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(file_read_slots(&f, 0, 4, s, NULL), -1);
	assert_int_equal(file_read_slots(&f, 4, 0, s, NULL), -1);
	assert_int_equal(file_read_slots(&f, SIZE_MAX, 2, s, NULL), -1);
	assert_int_equal(file_write_slot(&f, 3, s, NULL), -1);
	assert_int_equal(file_read_slots(&f, 2, 1, s, NULL), 0);
	file_close(&f);
	end_world(&w);
}

static bool
opened_and_verified(const struct world *w)
{
	struct message_file f;
	int rc;

	if (file_open(w->dirfd, w->name, true, &f, NULL) == -1)
		return false;
	rc = file_verify(&f, NULL);
	file_close(&f);
	return rc == 1;
}

static void
cells_do_not_count_in_the_checksum_and_every_other_byte_does(void **state)
{
	struct world w;
	struct message_file f;
	struct slot s = { .state = SLOT_SENT };
	struct head h;
	char c;
	int which;
	off_t at;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	assert_int_equal(file_read_head(&f, &h, &which, NULL), 0);
	assert_int_equal(file_write_head(&f, &h, NULL), 0);
	assert_int_equal(file_write_slot(&f, 0, &s, NULL), 0);
	assert_int_equal(file_verify(&f, NULL), 1);
	for (at = 0; at < f.size - CELL_BYTES; at++) {
		bool cell = (at >= 64 && at < FILE_ENVELOPE_AT) ||
		            (at >= f.slots_at && at < f.content_at);

		assert_int_equal(pread(f.fd, &c, 1, at), 1);
		c ^= 1;
		assert_int_equal(pwrite(f.fd, &c, 1, at), 1);
		if (opened_and_verified(&w) != cell)
			fail_msg("byte %ld", (long)at);
		c ^= 1;
		assert_int_equal(pwrite(f.fd, &c, 1, at), 1);
	}
	file_close(&f);
	end_world(&w);
}

static void
the_envelope_comes_back_and_its_recipients_match_the_slots(void **state)
{
	struct world w;
	struct message_file f;
	struct arena a;
	struct envelope env;
	struct po_err err;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	arena_init(&a, 1 << 20);
	assert_int_equal(file_read_envelope(&f, &a, &env, &err), 0);
	assert_string_equal(env.id.text, w.env.id.text);
	assert_string_equal(env.sender, "alice@example.org");
	assert_int_equal(env.n_recipients, 3);
	f.preamble.slots = 2;
	assert_int_equal(file_read_envelope(&f, &a, &env, &err), -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	arena_clear(&a);
	file_close(&f);
	end_world(&w);
}

/* Cut to every length: refused, never read past its end. */
static void
a_file_cut_anywhere_is_refused(void **state)
{
	struct world w;
	struct message_file f;
	struct po_err err;
	off_t size;

	(void)state;
	begin_world(&w);
	open_it(&w, &f);
	size = f.size;
	file_close(&f);
	while (size-- > 0) {
		assert_int_equal(truncate(rig_path(w.dir, w.name), size), 0);
		if (file_open(w.dirfd, w.name, false, &f, &err) == 0)
			fail_msg("%ld bytes", (long)size);
		assert_int_equal(f.fd, -1);
		assert_int_equal(err.code, PO_ECORRUPT);
		assert_non_null(strstr(err.text, w.name));
	}
	end_world(&w);
}

static void
no_link_leads_out_of_the_folder(void **state)
{
	struct world w;
	struct message_file f;
	struct po_err err;

	(void)state;
	begin_world(&w);
	assert_int_equal(symlink(w.name, rig_path(w.dir, "link")), 0);
	assert_int_equal(symlink("drop", rig_path(w.dir, "folder")), 0);
	assert_int_equal(file_open(w.dirfd, "link", false, &f, &err), -1);
	assert_int_equal(err.code, PO_ECORRUPT);
	(void)memcpy(w.name, "none", 4);
	assert_int_equal(file_open(w.dirfd, w.name, false, &f, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(file_open(w.dirfd, "../x", false, &f, &err), -1);
	assert_int_equal(err.sys, EXDEV);
	end_world(&w);
}

static void
a_state_is_derived_from_head_and_slots(void **state)
{
	static const struct {
		const char *name;
		enum message_state head;
		enum slot_state slots[2];
		enum message_state want;
	} cases[] = {
		{ "open", MESSAGE_WAITING, { SLOT_SENT, SLOT_DEFERRED },
		    MESSAGE_WAITING },
		{ "in doubt is open", MESSAGE_WAITING,
		    { SLOT_SENT, SLOT_IN_DOUBT }, MESSAGE_WAITING },
		{ "held", MESSAGE_HELD, { SLOT_SENT, SLOT_WAITING },
		    MESSAGE_HELD },
		{ "all sent", MESSAGE_WAITING, { SLOT_SENT, SLOT_SENT },
		    MESSAGE_SENT },
		{ "sent though held meanwhile", MESSAGE_HELD,
		    { SLOT_SENT, SLOT_SENT }, MESSAGE_SENT },
		{ "one failed", MESSAGE_WAITING, { SLOT_SENT, SLOT_FAILED },
		    MESSAGE_FAILED },
		{ "failed outweighs expired", MESSAGE_WAITING,
		    { SLOT_EXPIRED, SLOT_FAILED }, MESSAGE_FAILED },
		{ "expired", MESSAGE_WAITING, { SLOT_EXPIRED, SLOT_SENT },
		    MESSAGE_EXPIRED },
		{ "cancelled slots", MESSAGE_WAITING,
		    { SLOT_CANCELLED, SLOT_SENT }, MESSAGE_CANCELLED },
		{ "the head's own", MESSAGE_CANCELLED,
		    { SLOT_WAITING, SLOT_SENT }, MESSAGE_CANCELLED },
		{ "a duplicate", MESSAGE_DUPLICATE,
		    { SLOT_CANCELLED, SLOT_CANCELLED }, MESSAGE_DUPLICATE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct head h = { .state = cases[i].head };
		struct slot s[2] = { { .state = cases[i].slots[0] },
			{ .state = cases[i].slots[1] } };

		if (file_state(&h, s, 2) != cases[i].want)
			fail_msg("%s", cases[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_written_in_turn_and_the_newer_wins),
		cmocka_unit_test(a_torn_head_leaves_the_one_before),
		cmocka_unit_test(without_a_valid_head_the_file_is_damaged),
		cmocka_unit_test(
		    a_damaged_slot_reads_in_doubt_and_its_neighbours_stay),
		cmocka_unit_test(slots_beyond_the_last_are_refused),
		cmocka_unit_test(
		    cells_do_not_count_in_the_checksum_and_every_other_byte_does),
		cmocka_unit_test(
		    the_envelope_comes_back_and_its_recipients_match_the_slots),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(no_link_leads_out_of_the_folder),
		cmocka_unit_test(a_state_is_derived_from_head_and_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
