/* SPDX-License-Identifier: ISC */
/* syncfs is wrapped by the linker: to count it, to fail, to act in between. */
#include "spool/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"
#include "spool/drop.h"
#include "spool/setup.h"
#include "util/crc32c.h"
#include "util/wallclock.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 4096

int __real_syncfs(int fd);
int __wrap_syncfs(int fd);

static unsigned syncs;
static int sync_errno;
static const char *unlink_at_sync;

int
__wrap_syncfs(int fd)
{
	syncs++;
	if (unlink_at_sync != NULL)
		(void)unlink(unlink_at_sync);
	if (sync_errno != 0) {
		errno = sync_errno;
		return -1;
	}
	return __real_syncfs(fd);
}

static const struct ingest_conf conf = { 5 * 86400, 10 << 20 };
static const char mail[] = "Subject: x\n\nGr\xc3\xbc\xc3\x9f\x65\n";

struct world {
	char *dir;
	struct spool s;
	struct ingest *ing;
	struct ingest_taken taken[MANY];
	struct queue_id ids[MANY]; /* theirs */
	size_t n;
	bool more;
	struct po_err err;
};

static void
begin_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->dir = rig_dir();
	assert_int_equal(spool_setup(w->dir, true, &w->err), 0);
	assert_int_equal(spool_open(w->dir, &w->s, &w->err), 0);
	assert_int_equal(ingest_new(&w->s, &conf, &w->ing, &w->err), 0);
	syncs = 0;
	sync_errno = 0;
	unlink_at_sync = NULL;
}

static void
end_world(struct world *w)
{
	ingest_free(w->ing);
	spool_close(&w->s);
	rig_remove(w->dir);
}

/* As after a crash: nothing is remembered. */
static void
restart(struct world *w)
{
	ingest_free(w->ing);
	assert_int_equal(ingest_new(&w->s, &conf, &w->ing, &w->err), 0);
}

static int
batch(struct world *w, size_t max)
{
	size_t i;
	int rc = ingest_batch(w->ing, max, w->taken, &w->n, &w->more, &w->err);

	for (i = 0; i < w->n; i++)
		w->ids[i] = w->taken[i].id;
	return rc;
}

static void
submit(struct world *w, const struct envelope *env, const char *content)
{
	struct drop_conf dc = { w->dir, 0 };
	struct drop *d;

	assert_int_equal(drop_open(&dc, &d, &w->err), 0);
	assert_int_equal(drop_begin(d, env, &w->err), 0);
	assert_int_equal(sink_write(drop_sink(d), content, strlen(content),
	                     &w->err),
	    0);
	assert_int_equal(drop_publish(d, &w->err), 0);
	drop_close(d);
}

static const char *
drop_path(const struct world *w, const struct queue_id *id)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "drop/n.%s", id->text);
	return rig_path(w->dir, name);
}

static const char *
queue_path(const struct world *w, const struct queue_id *id)
{
	char name[64], xx[3];

	queue_id_folder(id, xx);
	(void)snprintf(name, sizeof(name), "queue/%s/%s", xx, id->text);
	return rig_path(w->dir, name);
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static size_t
queued(const struct world *w)
{
	char name[16];
	size_t n = 0;
	unsigned i;

	for (i = 0; i < 256; i++) {
		(void)snprintf(name, sizeof(name), "queue/%02x", i);
		n += rig_count(rig_path(w->dir, name));
	}
	return n;
}

/* ------------------------------------------------------------ what is right */

static void
a_message_is_copied_stamped_and_made_waiting(void **state)
{
	struct world w;
	struct recipient r[2];
	struct envelope env = rig_envelope(&r[0]);
	struct message_file f;
	struct head h;
	struct stamp stamp;
	struct slot slots[2];
	struct stat st, copy;
	bool in_done;
	int which;

	(void)state;
	begin_world(&w);
	r[1] = r[0];
	env.recipients = r;
	env.n_recipients = 2;
	env.priority = PRIORITY_HIGH;
	submit(&w, &env, mail);
	assert_int_equal(stat(drop_path(&w, &env.id), &st), 0);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_false(w.more);
	assert_string_equal(w.ids[0].text, env.id.text);
	assert_true(exists(drop_path(&w, &env.id)));
	assert_int_equal(stat(queue_path(&w, &env.id), &copy), 0);
	assert_int_not_equal(copy.st_ino, st.st_ino);
	assert_int_equal(copy.st_mode & 07777, 0600);
	assert_int_equal(spool_find(&w.s, &env.id, false, &f, &in_done, &w.err),
	    1);
	assert_false(in_done);
	assert_int_equal(file_verify(&f, &w.err), 1);
	assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
	assert_int_equal(which, 0);
	assert_int_equal(h.generation, 1);
	assert_int_equal(h.state, MESSAGE_WAITING);
	assert_int_equal(h.priority, PRIORITY_HIGH);
	assert_int_equal(h.attempts, 0);
	assert_true(h.due == st.st_ctime);
	assert_true(h.expires == st.st_ctime + 5 * 86400);
	assert_int_equal(file_read_stamp(&f, &stamp, &w.err), 0);
	assert_int_equal(stamp.uid, geteuid());
	assert_true(stamp.arrival == st.st_ctime);
	if (geteuid() == 0)
		assert_string_equal(stamp.login, "root");
	assert_int_equal(file_read_slots(&f, 0, 2, slots, &w.err), 0);
	assert_int_equal(slots[1].state, SLOT_WAITING);
	assert_int_equal(slots[1].generation, 1);
	assert_int_equal(slots[1].attempt, 0);
	file_close(&f);
	end_world(&w);
}

static void
due_and_expiry_come_from_the_envelope_and_give_up_counts_from_due(void **state)
{
	int64_t now = wallclock_now();
	const struct {
		int64_t due, expires, want_expires;
	} cases[] = {
		{ now + 100, now + 200, now + 200 },
		{ now + 864000, 0, now + 864000 + 5 * 86400 },
	};
	struct world w;
	struct recipient r;
	struct message_file f;
	struct head h;
	bool in_done;
	int which;
	size_t i;

	(void)state;
	begin_world(&w);
	for (i = 0; i < COUNT(cases); i++) {
		struct envelope env = rig_envelope(&r);

		env.due = cases[i].due;
		env.expires = cases[i].expires;
		submit(&w, &env, mail);
		assert_int_equal(batch(&w, 10), 0);
		assert_int_equal(w.n, 1);
		assert_int_equal(spool_find(&w.s, &env.id, false, &f, &in_done,
		                     &w.err),
		    1);
		assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
		assert_true(h.due == cases[i].due);
		assert_true(h.expires == cases[i].want_expires);
		file_close(&f);
	}
	end_world(&w);
}

static void
a_batch_costs_one_sync_and_reports_each_message_once(void **state)
{
	static struct world w;
	struct recipient r;
	size_t i, total = 0, calls = 0;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 50; i++) {
		struct envelope env = rig_envelope(&r);

		submit(&w, &env, mail);
	}
	do {
		assert_int_equal(batch(&w, 7), 0);
		assert_true(w.n <= 7);
		total += w.n;
		calls++;
		assert_true(calls < 20);
	} while (w.more);
	assert_int_equal(total, 50);
	assert_int_equal(syncs, 8); /* 7 times 7 and 1 */
	/* Not released yet: not reported again, not copied again. */
	assert_int_equal(batch(&w, 100), 0);
	assert_int_equal(w.n, 0);
	assert_int_equal(syncs, 8);
	assert_int_equal(queued(&w), 50);
	end_world(&w);
}

/* Nobody's mail waits for the copies of all that another handed in. */
static void
large_messages_make_short_batches(void **state)
{
	static struct world w;
	char *content = malloc(9 << 20);
	struct recipient r;
	struct envelope env;
	uint32_t i;

	(void)state;
	assert_non_null(content);
	memset(content, 'x', 9 << 20);
	for (i = 79; i < 9 << 20; i += 80)
		content[i] = '\n';
	memcpy(content, "A: b\n\n", 6);
	content[(9 << 20) - 1] = '\0';
	begin_world(&w);
	for (i = 1; i <= 9; i++) {
		env = rig_envelope(&r);
		submit(&w, &env, content);
	}
	assert_int_equal(batch(&w, MANY), 0);
	assert_int_equal(w.n, 8);
	assert_true(w.more);
	assert_int_equal(batch(&w, MANY), 0);
	assert_int_equal(w.n, 1);
	assert_int_equal(queued(&w), 9);
	end_world(&w);
	free(content);
}

static void
release_takes_the_originals_away_however_often(void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope env = rig_envelope(&r);
	int i;

	(void)state;
	begin_world(&w);
	submit(&w, &env, mail);
	assert_int_equal(batch(&w, 10), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(ingest_release(w.ing, w.ids, 1, &w.err), 0);
		assert_false(exists(drop_path(&w, &env.id)));
		assert_int_equal(rig_count(rig_path(w.dir, "trash")), 1);
	}
	assert_int_equal(ingest_idle(w.ing, 10, &w.err), 1);
	assert_int_equal(rig_count(rig_path(w.dir, "trash")), 0);
	assert_true(exists(queue_path(&w, &env.id)));
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 0);
	end_world(&w);
}

/* ------------------------------------------------------------ repeats */

static void
after_a_crash_before_the_release_the_same_message_is_reported_again(
    void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope env = rig_envelope(&r);
	struct stat before, after;

	(void)state;
	begin_world(&w);
	submit(&w, &env, mail);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(stat(queue_path(&w, &env.id), &before), 0);
	restart(&w);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.ids[0].text, env.id.text);
	assert_int_equal(stat(queue_path(&w, &env.id), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* And when it was finished meanwhile. */
	assert_int_equal(spool_move_to_done(&w.s, &env.id, &w.err), 0);
	restart(&w);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_false(exists(queue_path(&w, &env.id)));
	assert_int_equal(rig_count(rig_path(w.dir, "bad")), 0);
	end_world(&w);
}

static void
flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	char c;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	(void)close(fd);
}

static void
zero(const char *path, off_t at, off_t len)
{
	int fd = open(path, O_RDWR);
	char none[4096] = { 0 };

	assert_int_equal(pwrite(fd, none, (size_t)len, at), len);
	(void)close(fd);
}

/* What power loss may leave of a copy that was never synced. */
static void
a_torn_copy_is_replaced_by_the_original(void **state)
{
	static const struct {
		const char *name;
		off_t cut, zero_at, zero_len;
	} cases[] = {
		{ "empty", 0, 0, 0 },
		{ "half a preamble", 30, 0, 0 },
		{ "no trailer", 500, 0, 0 },
		{ "content zero", -1, 520, 10 },
		{ "all zero", -1, 0, 500 },
		{ "slots zero", -1, 448, 64 },
		{ "heads zero", -1, 64, 128 },
		{ "stamp zero", -1, 192, 128 },
	};
	static struct world w;
	struct recipient r;
	struct message_file f;
	struct head h;
	struct slot slot;
	bool in_done;
	int which;
	size_t i;

	(void)state;
	begin_world(&w);
	for (i = 0; i < COUNT(cases); i++) {
		struct envelope env = rig_envelope(&r);
		const char *path = queue_path(&w, &env.id);

		submit(&w, &env, mail);
		assert_int_equal(batch(&w, 10), 0);
		if (cases[i].cut >= 0)
			assert_int_equal(truncate(path, cases[i].cut), 0);
		if (cases[i].zero_len > 0)
			zero(path, cases[i].zero_at, cases[i].zero_len);
		restart(&w);
		assert_int_equal(batch(&w, 10), 0);
		if (w.n != 1)
			fail_msg("%s: %zu", cases[i].name, w.n);
		assert_int_equal(spool_find(&w.s, &env.id, false, &f, &in_done,
		                     &w.err),
		    1);
		assert_int_equal(file_verify(&f, &w.err), 1);
		if (file_read_head(&f, &h, &which, &w.err) == -1 ||
		    file_read_slots(&f, 0, 1, &slot, &w.err) == -1)
			fail_msg("%s: %s", cases[i].name, w.err.text);
		assert_int_equal(h.state, MESSAGE_WAITING);
		if (slot.state != SLOT_WAITING)
			fail_msg("%s: slot", cases[i].name);
		file_close(&f);
		assert_int_equal(ingest_release(w.ing, w.ids, 1, &w.err), 0);
	}
	end_world(&w);
}

static void
a_damaged_copy_that_was_worked_on_keeps_heads_and_slots(void **state)
{
	static struct world w;
	struct recipient r[3];
	struct envelope env = rig_envelope(&r[0]);
	struct message_file f;
	struct head h;
	struct slot slots[3];
	bool in_done;
	int which;
	off_t slots_at;

	(void)state;
	begin_world(&w);
	r[1] = r[2] = r[0];
	env.recipients = r;
	env.n_recipients = 3;
	submit(&w, &env, mail);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(spool_find(&w.s, &env.id, true, &f, &in_done, &w.err),
	    1);
	assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
	h.attempts = 1;
	assert_int_equal(file_write_head(&f, &h, &w.err), 0);
	assert_int_equal(file_read_slots(&f, 0, 3, slots, &w.err), 0);
	slots[0].state = SLOT_SENT;
	slots[0].attempt = 1;
	assert_int_equal(file_write_slot(&f, 0, &slots[0], &w.err), 0);
	slots_at = f.slots_at;
	flip(queue_path(&w, &env.id), f.content_at);
	flip(queue_path(&w, &env.id), slots_at + 64 + 5);
	file_close(&f);
	restart(&w);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_int_equal(spool_find(&w.s, &env.id, false, &f, &in_done, &w.err),
	    1);
	assert_int_equal(file_verify(&f, &w.err), 1);
	assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
	assert_int_equal(h.attempts, 1);
	assert_int_equal(file_read_slots(&f, 0, 3, slots, &w.err), 0);
	assert_int_equal(slots[0].state, SLOT_SENT);
	assert_int_equal(slots[1].state, SLOT_IN_DOUBT);
	assert_int_equal(slots[2].state, SLOT_WAITING);
	file_close(&f);
	end_world(&w);
}

static void
a_known_id_with_other_content_goes_to_bad(void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope env = rig_envelope(&r);
	const struct ingest_refusal *no;
	struct message_file f;
	char got[6], reason[64];
	bool in_done;
	size_t n, unsaid, len;
	char *text;

	(void)state;
	begin_world(&w);
	submit(&w, &env, "first\n");
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(ingest_release(w.ing, w.ids, w.n, &w.err), 0);
	submit(&w, &env, "other\n");
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 0);
	assert_false(exists(drop_path(&w, &env.id)));
	no = ingest_refusals(w.ing, &n, &unsaid);
	assert_int_equal(n, 1);
	assert_non_null(strstr(no[0].text, "id taken"));
	assert_int_equal(spool_find(&w.s, &env.id, false, &f, &in_done, &w.err),
	    1);
	assert_int_equal(pread(f.fd, got, 6, f.content_at), 6);
	assert_memory_equal(got, "first\n", 6);
	file_close(&f);
	(void)snprintf(reason, sizeof(reason), "bad/%s.reason", env.id.text);
	text = rig_read(rig_path(w.dir, reason), &len);
	assert_non_null(strstr(text, "reason=id taken\n"));
	free(text);
	end_world(&w);
}

/* ------------------------------------------------------------ failures */

static void
a_failed_sync_reports_nothing_and_leaves_no_copy(void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope env = rig_envelope(&r);

	(void)state;
	begin_world(&w);
	submit(&w, &env, mail);
	sync_errno = EIO;
	assert_int_equal(batch(&w, 10), -1);
	assert_int_equal(w.err.code, PO_EIO);
	assert_int_equal(w.n, 0);
	assert_int_equal(queued(&w), 0);
	assert_true(exists(drop_path(&w, &env.id)));
	sync_errno = 0;
	assert_int_equal(batch(&w, 10), 0);
	/* The folder had been read to its end or not: one more pass at most. */
	if (w.n == 0)
		assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	end_world(&w);
}

static void
a_message_taken_back_during_the_batch_is_not_queued(void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope back = rig_envelope(&r), stays = rig_envelope(&r);

	(void)state;
	begin_world(&w);
	submit(&w, &back, mail);
	submit(&w, &stays, mail);
	unlink_at_sync = drop_path(&w, &back.id);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.ids[0].text, stays.id.text);
	assert_false(exists(queue_path(&w, &back.id)));
	assert_true(exists(queue_path(&w, &stays.id)));
	end_world(&w);
}

/* ------------------------------------------------------------ forged files */

/* The parts of a file as a hostile submitter may put them together. */
struct forgery {
	const char *name;
	const char
	    *envelope;       /* with "ID" where the id goes; NULL: a good one */
	const char *content; /* NULL: a good one */
	const char *reason;  /* part of the refusal's text */
	uint32_t slots;      /* 0: 1 */
	int length_off;      /* added to the trailer's length */
	uint32_t crc_xor;
	uint32_t longest_off;
	bool flip_8bit;
	const char *padding; /* first bytes of the padding */
	off_t cut;           /* bytes removed at the end */
	bool other_name;     /* the file is called by another id */
	int64_t id_age_s;
	size_t content_len; /* 0: strlen */
};

#define GOOD "id=ID\nsender=a@b\nbody=mail\npriority=medium\nvia=sendmail\n"

static const struct forgery forgeries[] = {
	{ "no content is a message too", NULL, "", NULL, .content_len = 0 },
	{ "CR in the sender",
	    "id=ID\nsender=a\rb@c\nbody=mail\npriority=low\nvia=mail\nrcpt=b@"
	    "c\n",
	    NULL, .reason = "sender" },
	{ "LF in a recipient", GOOD "rcpt=a\nb@c\n", NULL,
	    .reason = "unknown key" },
	{ "escaped LF in a recipient", GOOD "rcpt=a%0ab@c\n", NULL,
	    .reason = "rcpt" },
	{ "escaped CR in a recipient", GOOD "rcpt=a%0Db@c\n", NULL,
	    .reason = "rcpt" },
	{ "escaped NUL in a recipient", GOOD "rcpt=a%00b@c\n", NULL,
	    .reason = "rcpt" },
	{ "escaped LF in the envid",
	    "id=ID\nsender=a@b\nenvid=x%0Ay\nbody=mail\npriority=low\n"
	    "via=mail\nrcpt=b@c\n",
	    NULL, .reason = "envid" },
	{ "escaped LF in orcpt", GOOD "rcpt=a@b\norcpt=rfc822;x%0ay\n", NULL,
	    .reason = "orcpt" },
	{ "unknown key", GOOD "uid=0\nrcpt=a@b\n", NULL,
	    .reason = "unknown key" },
	{ "repeated key",
	    "id=ID\nsender=a@b\nsender=c@d\nbody=mail\npriority=low\n"
	    "via=mail\nrcpt=b@c\n",
	    NULL, .reason = "repeated" },
	{ "no recipient", GOOD, NULL, .reason = "rcpt missing" },
	{ "no sender", "id=ID\nbody=mail\npriority=low\nvia=mail\nrcpt=b@c\n",
	    NULL, .reason = "sender missing" },
	{ "no last LF", GOOD "rcpt=a@b", NULL, .reason = "cut" },
	{ "two slots, one recipient", NULL, NULL, "slots", .slots = 2 },
	{ "one slot, two recipients", GOOD "rcpt=a@b\nrcpt=c@d\n", NULL,
	    .reason = "slots" },
	{ "text behind the envelope", NULL, NULL, "behind the envelope",
	    .padding = "rcpt=evil@x\n" },
	{ "length one more", NULL, NULL, "content length", .length_off = 1 },
	{ "length one less", NULL, NULL, "content length", .length_off = -1 },
	{ "wrong checksum", NULL, NULL, "checksum", .crc_xor = 1 },
	{ "no trailer", NULL, NULL, "is cut", .cut = 64 },
	{ "half a trailer", NULL, NULL, "trailer", .cut = 1 },
	{ "CR in the content", NULL, "a\r\n.\r\nb\n", .reason = "NUL or CR" },
	{ "NUL in the content", NULL, "a\0b\n", "NUL or CR", .content_len = 4 },
	{ "8-bit content called 7-bit", NULL, "\xff\n", "describe",
	    .flip_8bit = true },
	{ "a longer line than the trailer says", NULL, "abc\n", "describe",
	    .longest_off = 1 },
	{ "another id in the envelope", NULL, NULL, "another id",
	    .other_name = true },
	{ "an old id", NULL, NULL, "a day", .id_age_s = 86400 + 60 },
	{ "an id of the future", NULL, NULL, "a day", .id_age_s = -86460 },
	{ "an id of yesterday", NULL, NULL, NULL, .id_age_s = 86000 },
	{ "expires before due",
	    "id=ID\nsender=a@b\nbody=mail\npriority=low\nvia=mail\n"
	    "due=2000000000\nexpires=1999999999\nrcpt=b@c\n",
	    NULL, .reason = "expire before" },
	{ "due is negative",
	    "id=ID\nsender=a@b\nbody=mail\npriority=low\nvia=mail\n"
	    "due=-1\nrcpt=b@c\n",
	    NULL, .reason = "due" },
	{ "due beyond all years",
	    "id=ID\nsender=a@b\nbody=mail\npriority=low\nvia=mail\n"
	    "due=99999999999999999999\nrcpt=b@c\n",
	    NULL, .reason = "due" },
	{ "no such priority",
	    "id=ID\nsender=a@b\nbody=mail\npriority=4\nvia=mail\nrcpt=b@c\n",
	    NULL, .reason = "priority" },
	{ "a template without its name",
	    "id=ID\nsender=a@b\nbody=template\npriority=low\nvia=mail\n"
	    "rcpt=b@c\n",
	    NULL, .reason = "template" },
	{ "a template without a version",
	    "id=ID\nsender=a@b\nbody=template\npriority=low\nvia=mail\n"
	    "template=welcome/en\nrcpt=b@c\n",
	    NULL, .reason = "NAME/LANG/VERSION" },
	{ "a template outside of the store",
	    "id=ID\nsender=a@b\nbody=template\npriority=low\nvia=mail\n"
	    "template=../en/1\nrcpt=b@c\n",
	    NULL, .reason = "NAME/LANG/VERSION" },
};

static void
make_id(int64_t age_s, struct queue_id *id)
{
	static unsigned char counter;
	unsigned char bytes[QUEUE_ID_BYTES] = { 0 };
	uint64_t ms = (uint64_t)(wallclock_now() - age_s) * 1000;
	unsigned i;

	for (i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
	bytes[15] = ++counter;
	queue_id_of_bytes(bytes, id);
}

/* Every cell in it is a valid one: "sent", "held", another uid. */
static void
forge(const struct world *w, const struct forgery *forgery,
    struct queue_id *name)
{
	const char *text =
	    forgery->envelope != NULL ? forgery->envelope : GOOD "rcpt=b@c\n";
	const char *content =
	    forgery->content != NULL ? forgery->content : mail;
	size_t len =
	    forgery->content_len > 0 ? forgery->content_len : strlen(content);
	char *file = calloc(1, 65536), *at, *lf;
	struct queue_id id;
	struct preamble p;
	struct trailer t = { .content_bytes = len };
	struct head h = { 99, MESSAGE_HELD, HOLD_REQUEST, PRIORITY_NOW, 9, 1, 2,
		3 };
	struct stamp stamp = { 0, 1, "root" };
	struct slot slot = { 99, SLOT_SENT, 1, 1, 250, "2.0.0" };
	size_t i, line = 0, padded;

	assert_non_null(file);
	make_id(forgery->id_age_s, &id);
	at = file + FILE_ENVELOPE_AT;
	assert_memory_equal(text, "id=ID", 5);
	memcpy(at, text, 3);
	memcpy(at + 3, id.text, QUEUE_ID_LEN);
	memcpy(at + 3 + QUEUE_ID_LEN, text + 5, strlen(text) - 5);
	p.envelope_bytes = (uint32_t)(strlen(text) - 2 + QUEUE_ID_LEN);
	p.slots = forgery->slots == 0 ? 1 : forgery->slots;
	padded = (size_t)file_slots_at(&p) - FILE_ENVELOPE_AT;
	memset(at + p.envelope_bytes, '\n', padded - p.envelope_bytes);
	if (forgery->padding != NULL)
		memcpy(at + p.envelope_bytes, forgery->padding,
		    strlen(forgery->padding));
	cell_put_preamble(&p, file);
	cell_put_head(&h, file + 64);
	h.generation = 100;
	cell_put_head(&h, file + 128);
	cell_put_stamp(&stamp, file + FILE_STAMP_AT);
	for (i = 0; i < p.slots; i++)
		cell_put_slot(&slot, file + file_slots_at(&p) + i * 64);
	memcpy(file + file_content_at(&p), content, len);
	for (i = 0; i < len; i++) {
		line = content[i] == '\n' ? 0 : line + 1;
		if (line > t.longest_line)
			t.longest_line = (uint32_t)line;
		t.has_8bit = t.has_8bit || (content[i] & 0x80) != 0;
	}
	t.longest_line += forgery->longest_off;
	t.has_8bit = t.has_8bit != forgery->flip_8bit;
	t.crc = crc32c(crc32c(crc32c(0, file, 64), at, padded), content, len);
	t.crc ^= forgery->crc_xor;
	t.content_bytes += (uint64_t)(int64_t)forgery->length_off;
	lf = file + file_content_at(&p) + len;
	cell_put_trailer(&t, lf);
	if (forgery->other_name)
		make_id(0, &id);
	*name = id;
	rig_write(drop_path(w, &id), file,
	    (size_t)(lf + 64 - file - forgery->cut), 0600);
	free(file);
}

static void
every_forged_file_goes_to_bad_with_its_reason_and_none_is_queued(void **state)
{
	static struct world w;
	const struct ingest_refusal *no;
	struct queue_id id;
	char name[64], *text;
	size_t i, n, unsaid, len;

	(void)state;
	begin_world(&w);
	for (i = 0; i < COUNT(forgeries); i++) {
		const struct forgery *f = &forgeries[i];

		forge(&w, f, &id);
		assert_int_equal(batch(&w, 10), 0);
		no = ingest_refusals(w.ing, &n, &unsaid);
		if (f->reason == NULL) {
			if (w.n != 1)
				fail_msg("%s: %s", f->name, no[0].text);
			assert_int_equal(ingest_release(w.ing, w.ids, 1,
			                     &w.err),
			    0);
			continue;
		}
		if (w.n != 0 || n != 1)
			fail_msg("%s was taken", f->name);
		if (strstr(no[0].text, f->reason) == NULL)
			fail_msg("%s: %s", f->name, no[0].text);
		assert_int_equal(no[0].uid, geteuid());
		assert_false(exists(drop_path(&w, &id)));
		assert_false(exists(queue_path(&w, &id)));
		(void)snprintf(name, sizeof(name), "bad/%s", id.text);
		assert_true(exists(rig_path(w.dir, name)));
		(void)snprintf(name, sizeof(name), "bad/%s.reason", id.text);
		text = rig_read(rig_path(w.dir, name), &len);
		assert_non_null(strstr(text, f->reason));
		free(text);
	}
	end_world(&w);
}

static void
cells_that_a_submitter_wrote_are_not_believed(void **state)
{
	static const struct forgery good = { .name = "good" };
	static struct world w;
	struct queue_id id;
	struct message_file f;
	struct head h;
	struct slot slot;
	struct stamp stamp;
	bool in_done;
	int which;

	(void)state;
	begin_world(&w);
	forge(&w, &good, &id);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 1);
	assert_int_equal(spool_find(&w.s, &id, false, &f, &in_done, &w.err), 1);
	assert_int_equal(file_read_head(&f, &h, &which, &w.err), 0);
	assert_int_equal(h.generation, 1);
	assert_int_equal(h.state, MESSAGE_WAITING);
	assert_int_equal(h.attempts, 0);
	assert_int_equal(file_read_slots(&f, 0, 1, &slot, &w.err), 0);
	assert_int_equal(slot.state, SLOT_WAITING);
	assert_int_equal(file_read_stamp(&f, &stamp, &w.err), 0);
	assert_int_equal(stamp.uid, geteuid());
	file_close(&f);
	end_world(&w);
}

static void
short_empty_and_oversized_files_are_refused(void **state)
{
	static const struct {
		off_t size;
		const char *reason;
		bool copy;
	} cases[] = {
		{ 0, "too short", false },
		{ 1, "too short", true },
		{ 511, "too short", true },
		{ 512, "preamble", true },
		{ INT64_C(1) << 40, "message_size_limit", false },
	};
	static struct world w;
	const struct ingest_refusal *no;
	struct queue_id id;
	char name[64];
	size_t i, n, unsaid;

	(void)state;
	begin_world(&w);
	for (i = 0; i < COUNT(cases); i++) {
		make_id(0, &id);
		rig_write(drop_path(&w, &id), "", 0, 0600);
		assert_int_equal(truncate(drop_path(&w, &id), cases[i].size),
		    0);
		assert_int_equal(batch(&w, 10), 0);
		no = ingest_refusals(w.ing, &n, &unsaid);
		assert_int_equal(n, 1);
		assert_non_null(strstr(no[0].text, cases[i].reason));
		(void)snprintf(name, sizeof(name), "bad/%s", id.text);
		assert_int_equal(exists(rig_path(w.dir, name)), cases[i].copy);
		assert_false(exists(drop_path(&w, &id)));
	}
	end_world(&w);
}

static void
one_uid_fills_no_more_than_its_share_of_bad(void **state)
{
	static struct world w;
	struct queue_id id;
	size_t i, n, unsaid, said = 0;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 110; i++) {
		make_id(0, &id);
		rig_write(drop_path(&w, &id), "junk", 4, 0600);
	}
	/* The shares are counted again from the reasons after a restart. */
	do {
		assert_int_equal(batch(&w, 40), 0);
		(void)ingest_refusals(w.ing, &n, &unsaid);
		said += n + unsaid;
		restart(&w);
	} while (rig_count(rig_path(w.dir, "drop")) > 0);
	assert_int_equal(said, 110);
	assert_int_equal(rig_count(rig_path(w.dir, "bad")), 200);
	end_world(&w);
}

/* ------------------------------------------------------------ hostile entries
 */

/* Whichever name is met first: the ids, and so their order, are the test's. */
static void
of_two_names_for_one_file_that_of_the_envelope_counts(void **state)
{
	static struct world w;
	const struct ingest_refusal *no;
	struct recipient r;
	struct envelope env;
	struct queue_id other;
	size_t i, n, unsaid;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 2; i++) {
		env = rig_envelope(&r);
		make_id(i == 0 ? 3600 : -3600, &other);
		submit(&w, &env, mail);
		assert_int_equal(link(drop_path(&w, &env.id),
		                     drop_path(&w, &other)),
		    0);
		assert_int_equal(batch(&w, 10), 0);
		assert_int_equal(w.n, 1);
		assert_string_equal(w.ids[0].text, env.id.text);
		no = ingest_refusals(w.ing, &n, &unsaid);
		assert_int_equal(n, 1);
		assert_non_null(strstr(no[0].text, other.text));
		assert_non_null(strstr(no[0].text, "another id"));
		assert_false(exists(drop_path(&w, &other)));
		assert_false(exists(queue_path(&w, &other)));
		assert_int_equal(ingest_release(w.ing, w.ids, 1, &w.err), 0);
	}
	end_world(&w);
}

static void
links_pipes_and_sockets_are_removed_unread_and_folders_stay(void **state)
{
	static struct world w;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct queue_id ids[4];
	const char *names[6];
	size_t i, n, unsaid;
	int fd;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 4; i++)
		make_id(0, &ids[i]);
	assert_int_equal(symlink("/etc/passwd", drop_path(&w, &ids[0])), 0);
	assert_int_equal(mkfifo(drop_path(&w, &ids[1]), 0666), 0);
	assert_int_equal(mkdir(drop_path(&w, &ids[2]), 0777), 0);
	names[0] = rig_path(w.dir, "drop/evil\n\x1b]0;name");
	assert_int_equal(symlink("/", names[0]), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(chdir(rig_path(w.dir, "drop")), 0);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "n.%s", ids[3].text);
	assert_int_equal(bind(fd, (struct sockaddr *)(void *)&sun, sizeof(sun)),
	    0);
	assert_int_equal(chdir("/"), 0);
	(void)close(fd);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 0);
	assert_false(w.more);
	(void)ingest_refusals(w.ing, &n, &unsaid);
	assert_int_equal(n, 5);
	assert_int_equal(rig_count(rig_path(w.dir, "drop")), 1);
	assert_true(exists(drop_path(&w, &ids[2])));
	assert_int_equal(rig_count(rig_path(w.dir, "bad")), 0);
	/* The folder is said once. */
	assert_int_equal(batch(&w, 10), 0);
	assert_false(w.more);
	(void)ingest_refusals(w.ing, &n, &unsaid);
	assert_int_equal(n, 0);
	assert_int_equal(ingest_idle(w.ing, 100, &w.err), 4);
	end_world(&w);
}

static void
unfinished_files_stay(void **state)
{
	static struct world w;

	(void)state;
	begin_world(&w);
	rig_write(rig_path(w.dir, "drop/t.0123456789abcdef0123456789abcdef"),
	    "x", 1, 0600);
	rig_write(rig_path(w.dir, "drop/whatever"), "x", 1, 0600);
	rig_write(rig_path(w.dir, "drop/n.short"), "x", 1, 0600);
	assert_int_equal(batch(&w, 10), 0);
	assert_int_equal(w.n, 0);
	assert_int_equal(rig_count(rig_path(w.dir, "drop")), 3);
	end_world(&w);
}

static void
junk_in_thousands_neither_stops_nor_loops(void **state)
{
	static struct world w;
	struct recipient r;
	struct envelope env;
	char name[32];
	size_t i, found = 0, calls = 0;

	(void)state;
	begin_world(&w);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "drop/d%zu", i);
		assert_int_equal(mkdir(rig_path(w.dir, name), 0700), 0);
	}
	env = rig_envelope(&r);
	submit(&w, &env, mail);
	do {
		assert_int_equal(batch(&w, 16), 0);
		found += w.n;
		assert_true(++calls < 100);
	} while (w.more);
	assert_int_equal(found, 1);
	end_world(&w);
}

/* ------------------------------------------------------------ other uids */

#define CHECK(x)                                                               \
	do {                                                                   \
		if (!(x)) {                                                    \
			(void)fprintf(stderr, "line %d: %s\n", __LINE__, #x);  \
			return 1;                                              \
		}                                                              \
	} while (0)

static int
setup_system(void *dir)
{
	return spool_setup_folders(dir, false, RIG_PO, RIG_PO, NULL) == 0 ? 0
	                                                                  : 1;
}

struct submission {
	char *dir;
	struct envelope env;
};

static int
submit_as(void *ctx)
{
	struct submission *s = ctx;
	struct drop_conf dc = { s->dir, 0 };
	struct drop *d;
	struct po_err err;

	if (drop_open(&dc, &d, &err) == -1 ||
	    drop_begin(d, &s->env, &err) == -1 ||
	    sink_write(drop_sink(d), mail, strlen(mail), &err) == -1 ||
	    drop_publish(d, &err) == -1) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	drop_close(d);
	return 0;
}

struct expectation {
	char *dir;
	size_t n; /* messages */
	size_t refusals;
	const char *text; /* in the first refusal */
	uint32_t uid;     /* of the first message, or the first refusal */
};

static int
expect(void *ctx)
{
	static struct world w;
	struct expectation *x = ctx;
	const struct ingest_refusal *no;
	struct message_file f;
	struct stamp stamp;
	size_t n, unsaid;
	bool in_done;

	CHECK(spool_open(x->dir, &w.s, &w.err) == 0);
	CHECK(!w.s.own);
	CHECK(ingest_new(&w.s, &conf, &w.ing, &w.err) == 0);
	CHECK(batch(&w, 100) == 0);
	CHECK(!w.more);
	CHECK(w.n == x->n);
	no = ingest_refusals(w.ing, &n, &unsaid);
	CHECK(n == x->refusals);
	if (n > 0) {
		CHECK(strstr(no[0].text, x->text) != NULL);
		CHECK(no[0].uid == x->uid);
	}
	if (w.n > 0) {
		CHECK(spool_find(&w.s, &w.ids[0], false, &f, &in_done,
		          &w.err) == 1);
		CHECK(file_read_stamp(&f, &stamp, &w.err) == 0);
		CHECK(stamp.uid == x->uid);
		file_close(&f);
		CHECK(ingest_release(w.ing, w.ids, w.n, &w.err) == 0);
	}
	ingest_free(w.ing);
	spool_close(&w.s);
	return 0;
}

static void
the_sender_is_the_uid_of_the_file_and_the_original_leaves(void **state)
{
	struct recipient r;
	struct submission s;
	struct expectation x;

	(void)state;
	if (geteuid() != 0)
		skip();
	s.dir = rig_dir();
	s.env = rig_envelope(&r);
	assert_int_equal(rig_as(0, setup_system, s.dir), 0);
	assert_int_equal(rig_as(RIG_ALICE, submit_as, &s), 0);
	x = (struct expectation){ s.dir, 1, 0, NULL, RIG_ALICE };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	assert_int_equal(rig_count(rig_path(s.dir, "drop")), 0);
	/* Bob sends a copy of it under the same id. */
	assert_int_equal(rig_as(RIG_BOB, submit_as, &s), 0);
	x = (struct expectation){ s.dir, 0, 1, "id taken", RIG_BOB };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	assert_int_equal(rig_count(rig_path(s.dir, "drop")), 0);
	rig_remove(s.dir);
}

static void
only_po_may_send_bounces(void **state)
{
	struct recipient r;
	struct submission s;
	struct expectation x;

	(void)state;
	if (geteuid() != 0)
		skip();
	s.dir = rig_dir();
	s.env = rig_envelope(&r);
	s.env.via = VIA_BOUNCE;
	assert_int_equal(rig_as(0, setup_system, s.dir), 0);
	assert_int_equal(rig_as(RIG_ALICE, submit_as, &s), 0);
	x = (struct expectation){ s.dir, 0, 1, "bounces", RIG_ALICE };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	s.env = rig_envelope(&r);
	s.env.via = VIA_BOUNCE;
	assert_int_equal(rig_as(RIG_PO, submit_as, &s), 0);
	x = (struct expectation){ s.dir, 1, 0, NULL, RIG_PO };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	rig_remove(s.dir);
}

static void
a_file_that_po_may_not_read_is_left_and_said(void **state)
{
	struct queue_id id;
	struct expectation x;
	char name[64];
	char *dir;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	assert_int_equal(rig_as(0, setup_system, dir), 0);
	make_id(0, &id);
	(void)snprintf(name, sizeof(name), "drop/n.%s", id.text);
	rig_write(rig_path(dir, name), mail, sizeof(mail), 0600);
	assert_int_equal(chown(rig_path(dir, name), RIG_ALICE, RIG_PO), 0);
	x = (struct expectation){ dir, 0, 1, "Permission denied", RIG_ALICE };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	assert_int_equal(rig_count(rig_path(dir, "drop")), 1);
	rig_remove(dir);
}

/* As if protected_hardlinks were off: root makes the link. */
static void
a_link_to_a_foreign_file_is_refused_unread_and_the_file_stays(void **state)
{
	struct queue_id id;
	struct expectation x;
	struct stat st;
	char name[64], *dir;

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = rig_dir();
	assert_int_equal(rig_as(0, setup_system, dir), 0);
	rig_write(rig_path(dir, "secret"), mail, sizeof(mail), 0644);
	make_id(0, &id);
	(void)snprintf(name, sizeof(name), "drop/n.%s", id.text);
	assert_int_equal(link(rig_path(dir, "secret"), rig_path(dir, name)), 0);
	x = (struct expectation){ dir, 0, 1, "foreign owner", 0 };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	assert_int_equal(rig_count(rig_path(dir, "drop")), 0);
	(void)snprintf(name, sizeof(name), "bad/%s", id.text);
	assert_int_equal(lstat(rig_path(dir, name), &st), -1);
	assert_int_equal(stat(rig_path(dir, "secret"), &st), 0);
	rig_remove(dir);
}

struct leased {
	char *dir;
	char *path;
};

/* The owner holds a write lease; an open that waits would wait for him. */
static int
ingest_leased(void *ctx)
{
	struct leased *l = ctx;
	struct expectation x = { l->dir, 0, 0, NULL, 0 };

	(void)alarm(20);
	return expect(&x);
}

static void
a_lease_on_a_file_delays_it_and_nothing_else(void **state)
{
	struct recipient r;
	struct submission s;
	struct leased l;
	struct expectation x;
	char name[64];
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	s.dir = rig_dir();
	s.env = rig_envelope(&r);
	assert_int_equal(rig_as(0, setup_system, s.dir), 0);
	assert_int_equal(rig_as(RIG_ALICE, submit_as, &s), 0);
	(void)snprintf(name, sizeof(name), "drop/n.%s", s.env.id.text);
	l.dir = s.dir;
	l.path = strdup(rig_path(s.dir, name));
	fd = open(l.path, O_WRONLY);
	assert_true(fd != -1);
	(void)signal(SIGIO, SIG_IGN);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_WRLCK), 0);
	assert_int_equal(rig_as(RIG_PO, ingest_leased, &l), 0);
	(void)close(fd);
	x = (struct expectation){ s.dir, 1, 0, NULL, RIG_ALICE };
	assert_int_equal(rig_as(RIG_PO, expect, &x), 0);
	free(l.path);
	rig_remove(s.dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_copied_stamped_and_made_waiting),
		cmocka_unit_test(
		    due_and_expiry_come_from_the_envelope_and_give_up_counts_from_due),
		cmocka_unit_test(
		    a_batch_costs_one_sync_and_reports_each_message_once),
		cmocka_unit_test(large_messages_make_short_batches),
		cmocka_unit_test(
		    release_takes_the_originals_away_however_often),
		cmocka_unit_test(
		    after_a_crash_before_the_release_the_same_message_is_reported_again),
		cmocka_unit_test(a_torn_copy_is_replaced_by_the_original),
		cmocka_unit_test(
		    a_damaged_copy_that_was_worked_on_keeps_heads_and_slots),
		cmocka_unit_test(a_known_id_with_other_content_goes_to_bad),
		cmocka_unit_test(
		    a_failed_sync_reports_nothing_and_leaves_no_copy),
		cmocka_unit_test(
		    a_message_taken_back_during_the_batch_is_not_queued),
		cmocka_unit_test(
		    every_forged_file_goes_to_bad_with_its_reason_and_none_is_queued),
		cmocka_unit_test(cells_that_a_submitter_wrote_are_not_believed),
		cmocka_unit_test(short_empty_and_oversized_files_are_refused),
		cmocka_unit_test(one_uid_fills_no_more_than_its_share_of_bad),
		cmocka_unit_test(
		    of_two_names_for_one_file_that_of_the_envelope_counts),
		cmocka_unit_test(
		    links_pipes_and_sockets_are_removed_unread_and_folders_stay),
		cmocka_unit_test(unfinished_files_stay),
		cmocka_unit_test(junk_in_thousands_neither_stops_nor_loops),
		cmocka_unit_test(
		    the_sender_is_the_uid_of_the_file_and_the_original_leaves),
		cmocka_unit_test(only_po_may_send_bounces),
		cmocka_unit_test(a_file_that_po_may_not_read_is_left_and_said),
		cmocka_unit_test(
		    a_link_to_a_foreign_file_is_refused_unread_and_the_file_stays),
		cmocka_unit_test(a_lease_on_a_file_delays_it_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
