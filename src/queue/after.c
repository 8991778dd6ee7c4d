/* SPDX-License-Identifier: ISC */
#include "queue/after.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/grow.h"
#include "util/xalloc.h"

#define ARENA_MAX (256u << 20)
#define LINE_MAX_BYTES 3000

struct line {
	const char *program;
	enum log_level level;
	const char *text;
};

struct damaged {
	struct queue_id id;
	const char *why;
};

struct list {
	void *p;
	size_t n, cap;
};

struct after {
	struct arena arena;
	struct list lines;    /* struct line */
	struct list attempts; /* struct history_row */
	struct list moves;    /* struct queue_id */
	struct list moved;    /* struct queue_id */
	struct list trash;    /* struct queue_id */
	struct list damaged;  /* struct damaged */
	uint64_t lost_lines;
};

static void *
list_add(struct list *l, size_t size)
{
	void *p = grow_array(l->p, l->n, &l->cap, size);

	if (p == NULL)
		return NULL;
	l->p = p;
	return (char *)l->p + size * l->n++;
}

struct after *
after_new(void)
{
	struct after *a = xcalloc(1, sizeof(*a));

	arena_init(&a->arena, ARENA_MAX);
	return a;
}

void
after_free(struct after *a)
{
	if (a == NULL)
		return;
	free(a->lines.p);
	free(a->attempts.p);
	free(a->moves.p);
	free(a->moved.p);
	free(a->trash.p);
	free(a->damaged.p);
	arena_clear(&a->arena);
	free(a);
}

void
after_reset(struct after *a)
{
	a->lines.n = a->attempts.n = a->moves.n = a->trash.n = a->damaged.n = 0;
	arena_clear(&a->arena);
}

void
after_log(struct after *a, const char *program, enum log_level level,
    const char *fmt, ...)
{
	char text[LINE_MAX_BYTES];
	struct line *l;
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	copy = arena_strdup(&a->arena, text);
	l = copy == NULL ? NULL : list_add(&a->lines, sizeof(*l));
	if (l == NULL)
		a->lost_lines++;
	else
		*l = (struct line){ program, level, copy };
}

void
after_attempt(struct after *a, const struct queue_id *id, const char *address,
    const struct index_attempt *row)
{
	struct history_row *h = list_add(&a->attempts, sizeof(*h));

	if (h == NULL) {
		a->lost_lines++;
		return;
	}
	h->id = *id;
	h->a = *row; /* phase is a constant */
	h->a.relay = arena_strdup(&a->arena, row->relay);
	h->a.text = arena_strdup(&a->arena, row->text);
	h->address = arena_strdup(&a->arena, address);
	if (h->a.relay == NULL || h->a.text == NULL || h->address == NULL) {
		a->attempts.n--;
		a->lost_lines++;
	}
}

static void
add_id(struct after *a, struct list *l, const struct queue_id *id)
{
	struct queue_id *p = list_add(l, sizeof(*p));

	if (p == NULL)
		a->lost_lines++;
	else
		*p = *id;
}

void
after_move(struct after *a, const struct queue_id *id)
{
	add_id(a, &a->moves, id);
}

void
after_no_move(struct after *a, const struct queue_id *id)
{
	struct queue_id *ids = a->moves.p;
	size_t i, left = 0;

	for (i = 0; i < a->moves.n; i++)
		if (strcmp(ids[i].text, id->text) != 0)
			ids[left++] = ids[i];
	a->moves.n = left;
}

void
after_trash(struct after *a, const struct queue_id *id)
{
	add_id(a, &a->trash, id);
}

void
after_damaged(struct after *a, const struct queue_id *id, const char *why)
{
	struct damaged *d = list_add(&a->damaged, sizeof(*d));
	char *copy = arena_strdup(&a->arena, why);

	if (d != NULL)
		*d = (struct damaged){ *id, copy == NULL ? "damaged" : copy };
}

const struct queue_id *
after_moved(const struct after *a, size_t *n)
{
	*n = a->moved.n;
	return a->moved.p;
}

void
after_forget_moved(struct after *a)
{
	a->moved.n = 0;
}

/* ------------------------------------------------------------------ behind the
 * commit */

static void
run_lines(struct after *a)
{
	const struct line *l = a->lines.p;
	size_t i;

	log_hold();
	for (i = 0; i < a->lines.n; i++) {
		log_set_program(l[i].program);
		log_line(l[i].level, "%s", l[i].text);
	}
	log_set_program("po/queue");
	if (a->lost_lines > 0)
		log_line(LOG_LEVEL_ERROR,
		    "%llu log lines were lost for want of memory",
		    (unsigned long long)a->lost_lines);
	a->lost_lines = 0;
	log_release();
}

static void
run_attempts(struct after *a, const struct spool *s)
{
	struct po_err err;

	if (a->attempts.n > 0 &&
	    history_append(s, a->attempts.p, a->attempts.n, &err) == -1)
		log_line(LOG_LEVEL_ERROR, "%s", err.text);
}

static void
run_moves(struct after *a, const struct spool *s)
{
	const struct queue_id *ids = a->moves.p;
	struct po_err err;
	size_t i;

	for (i = 0; i < a->moves.n; i++) {
		if (spool_move_to_done(s, &ids[i], &err) == -1)
			log_line(LOG_LEVEL_ERROR, "%s: %s", ids[i].text,
			    err.text);
		else
			add_id(a, &a->moved, &ids[i]);
	}
}

static void
run_trash(struct after *a, const struct spool *s)
{
	const struct queue_id *ids = a->trash.p;
	struct po_err err;
	size_t i;

	for (i = 0; i < a->trash.n; i++)
		if (spool_trash(s, &ids[i], &err) == -1)
			log_line(LOG_LEVEL_ERROR, "%s: %s", ids[i].text,
			    err.text);
}

/* The reason stands beside the file before the file is there: whoever finds one
 * finds both. */
static void
set_aside(const struct spool *s, const struct damaged *d)
{
	char folder[3], from[64], name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "%s.reason", d->id.text);
	fd = openat(s->bad, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1) {
		(void)fd_write_all(fd, d->why, strlen(d->why), name, NULL);
		(void)fd_write_all(fd, "\n", 1, name, NULL);
		fd_close(&fd);
	}
	queue_id_folder(&d->id, folder);
	(void)snprintf(from, sizeof(from), "%s/%s", folder, d->id.text);
	if (renameat(s->queue, from, s->bad, d->id.text) == -1 &&
	    errno != ENOENT)
		log_line(LOG_LEVEL_ERROR, "%s: cannot be moved to bad/: %s",
		    d->id.text, strerror(errno));
}

void
after_run(struct after *a, const struct spool *s)
{
	const struct damaged *d = a->damaged.p;
	size_t i;

	run_lines(a);
	run_attempts(a, s);
	run_moves(a, s);
	run_trash(a, s);
	for (i = 0; i < a->damaged.n; i++)
		set_aside(s, &d[i]);
	after_reset(a);
}
