/* SPDX-License-Identifier: ISC */
/* A message file written byte by byte as spool-layout.md says, so that tests
 * can have any state. */
#ifndef PO_TESTS_MESSAGE_FIXTURE_H
#define PO_TESTS_MESSAGE_FIXTURE_H

#include "index_fixture.h"
#include "spool/spool.h"
#include "util/crc32c.h"
#include "util/fd.h"

struct sample {
	struct envelope env;
	struct recipient recipients[4];
	struct head head;
	struct stamp stamp;
	struct slot slots[4];
	const char *content;
};

/* Waiting, two recipients, never tried. */
static inline struct sample
sample_of(uint32_t n)
{
	struct sample s = {
		.env = { .id = id_of(n),
		    .sender = "alice@example.com",
		    .priority = PRIORITY_MEDIUM,
		    .n_recipients = 2 },
		.recipients = { { .address = "bob@example.net" },
		    { .address = "carol@example.net" },
		    { .address = "dave@example.net" },
		    { .address = "erin@example.net" } },
		.head = { 1, MESSAGE_WAITING, HOLD_REQUEST, PRIORITY_MEDIUM, 0,
		    1764000000 + (int64_t)n, 1764432000, 1764000000 },
		.stamp = { 1000, 1764000000, "alice" },
		.content = "Subject: x\n\nbody\n",
	};

	return s;
}

static inline void
put_cells(struct buf *b, const char *cells, size_t n)
{
	assert_true(buf_put(b, cells, n * CELL_BYTES));
}

/* Preamble, envelope, content: what the checksum covers, in this order. */
static inline uint32_t
sample_crc(const struct buf *file, size_t slots_at, const char *content)
{
	uint32_t crc = crc32c(0, file->p, CELL_BYTES);

	crc = crc32c(crc, file->p + FILE_ENVELOPE_AT,
	    slots_at - FILE_ENVELOPE_AT);
	return crc32c(crc, content, strlen(content));
}

static inline void
write_sample(int dirfd, const char *path, struct sample *s)
{
	size_t len = strlen(s->content), slots_at, i;
	struct preamble p = { 0, (uint32_t)s->env.n_recipients };
	struct trailer t = { .content_bytes = len, .longest_line = 10 };
	char cells[2 * CELL_BYTES];
	struct buf text, file;
	int fd;

	s->env.recipients = s->recipients;
	buf_init(&text, 1 << 20);
	buf_init(&file, 1 << 20);
	assert_int_equal(envelope_encode(&s->env, &text, NULL), 0);
	p.envelope_bytes = (uint32_t)text.len;
	cell_put_preamble(&p, cells);
	put_cells(&file, cells, 1);
	cell_put_head(&s->head, cells);
	cell_put_blank(cells + CELL_BYTES);
	put_cells(&file, cells, 2);
	cell_put_stamp(&s->stamp, cells);
	put_cells(&file, cells, 2);
	assert_true(buf_put(&file, text.p, text.len));
	while (file.len % CELL_BYTES != 0)
		assert_true(buf_putc(&file, '\n'));
	slots_at = file.len;
	for (i = 0; i < s->env.n_recipients; i++) {
		cell_put_slot(&s->slots[i], cells);
		put_cells(&file, cells, 1);
	}
	t.crc = sample_crc(&file, slots_at, s->content);
	assert_true(buf_puts(&file, s->content));
	cell_put_trailer(&t, cells);
	put_cells(&file, cells, 1);
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd != -1);
	assert_int_equal(fd_write_all(fd, file.p, file.len, path, NULL), 0);
	(void)close(fd);
	buf_clear(&text);
	buf_clear(&file);
}

/* The folders that rebuild and history use; the index's is made. */
static inline struct spool
fixture_spool(struct fixture *f)
{
	static const char *const names[] = { "queue", "done", "history",
		"drop" };
	struct spool s = { .dirfd = f->dirfd };
	size_t i;

	for (i = 0; i < 4; i++)
		(void)mkdirat(f->dirfd, names[i], 0700);
	s.queue = openat(f->dirfd, "queue", O_RDONLY | O_DIRECTORY);
	s.done = openat(f->dirfd, "done", O_RDONLY | O_DIRECTORY);
	s.history = openat(f->dirfd, "history", O_RDONLY | O_DIRECTORY);
	s.drop = openat(f->dirfd, "drop", O_RDONLY | O_DIRECTORY);
	return s;
}

static inline void
fixture_spool_close(struct spool *s)
{
	(void)close(s->queue);
	(void)close(s->done);
	(void)close(s->history);
	(void)close(s->drop);
}

/* queue/xx/ID or done/xx/ID of the sample's id. */
static inline void
place_sample(int folder, struct sample *s)
{
	char path[QUEUE_ID_LEN + 4];

	queue_id_folder(&s->env.id, path);
	(void)mkdirat(folder, path, 0700);
	path[2] = '/';
	memcpy(path + 3, s->env.id.text, QUEUE_ID_LEN + 1);
	write_sample(folder, path, s);
}

#endif
