/* SPDX-License-Identifier: ISC */
/*
 * A message is in drop/ until its record is committed. So one that is neither
 * in the index nor there was refused, which bad/ tells, or never was.
 */
#include "queue/verdict.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/parse_num.h"

#define REASON_BYTES 1024

static const char *const untils[] = {
	[VERDICT_TAKEN] = "taken",
	[VERDICT_TRIED] = "tried",
};

bool
verdict_put(const struct verdict *v, struct buf *request)
{
	return buf_printf(request, "po-act 1\nverb=verdict\nuntil=%s\nid=%s\n",
	    untils[v->until], v->id.text);
}

bool
verdict_until_parse(struct span s, enum verdict_until *until)
{
	size_t i;

	for (i = 0; i < sizeof(untils) / sizeof(untils[0]); i++) {
		if (span_eq(s, span_of(untils[i]))) {
			*until = (enum verdict_until)i;
			return true;
		}
	}
	return false;
}

static bool
may_know(const struct verdict *v, const struct spool *s, uint32_t uid)
{
	return v->uid == 0 || v->uid == s->uid || v->uid == uid;
}

/* ------------------------------------------------------------ not there */

static bool
lies_in_drop(const struct verdict *v, const struct spool *s)
{
	char name[QUEUE_ID_LEN + 3];
	struct stat st;

	(void)snprintf(name, sizeof(name), "n.%s", v->id.text);
	return fstatat(s->drop, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       may_know(v, s, st.st_uid);
}

/* The reason in bad/, if it is one that he may know. */
static bool
find_reason(const struct verdict *v, const struct spool *s, char *text,
    size_t size, struct span *reason)
{
	char name[QUEUE_ID_LEN + 8];
	struct span rest, line, key;
	uint64_t uid;
	bool known = false;
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "%s.reason", v->id.text);
	fd = fd_open_beneath(s->bad, name, O_RDONLY, 0);
	if (fd == -1)
		return false;
	n = read(fd, text, size);
	fd_close(&fd);
	*reason = (struct span){ NULL, 0 };
	for (rest = (struct span){ text, n > 0 ? (size_t)n : 0 };
	     rest.len > 0;) {
		line = span_cut(&rest, '\n');
		key = span_cut(&line, '=');
		if (span_eq(key, SPAN_LIT("uid")))
			known = parse_u64(line, 0, UINT32_MAX, &uid) &&
			        may_know(v, s, (uint32_t)uid);
		else if (span_eq(key, SPAN_LIT("reason")))
			*reason = line;
	}
	return known && reason->p != NULL;
}

static int
look_outside(const struct verdict *v, const struct spool *s, struct buf *answer)
{
	char text[REASON_BYTES];
	struct span reason;

	if (lies_in_drop(v, s))
		return 0;
	if (find_reason(v, s, text, sizeof(text), &reason))
		(void)buf_printf(answer, "no %s: refused: %.*s\n", v->id.text,
		    (int)reason.len, reason.p);
	else
		(void)buf_printf(answer, "no %s: no such message\n",
		    v->id.text);
	return 1;
}

/* ------------------------------------------------------------ in the index */

/* Whose key it is: " of ID", or "". */
static int
put_holder(struct index_tx *tx, const struct index_message *m,
    struct buf *answer, struct po_err *err)
{
	struct index_holder holder;
	int rc = 0;

	if (m->key != NULL)
		rc = index_key_get(tx, m->uid, m->key, &holder, err);
	if (rc == 1)
		(void)buf_printf(answer, " of %s", holder.id.text);
	return rc == -1 ? -1 : 1;
}

static int
tell(struct index_tx *tx, const struct index_message *m, struct buf *answer,
    struct po_err *err)
{
	int rc = 1;

	(void)buf_printf(answer,
	    "%s %s: ", m->state == MESSAGE_REFUSED ? "no" : "ok", m->id.text);
	switch (m->state) {
	case MESSAGE_WAITING:
		(void)buf_puts(answer,
		    m->attempts == 0 ? "queued" : "deferred");
		break;
	case MESSAGE_HELD:
		(void)buf_printf(answer, "held: %s",
		    message_hold_text(m->hold));
		break;
	case MESSAGE_DUPLICATE:
		(void)buf_puts(answer, "duplicate");
		rc = put_holder(tx, m, answer, err);
		break;
	case MESSAGE_REFUSED:
		(void)buf_puts(answer, "refused: its key is that");
		rc = put_holder(tx, m, answer, err);
		(void)buf_puts(answer, ", which has other content");
		break;
	default:
		(void)buf_puts(answer, message_state_name(m->state));
	}
	(void)buf_putc(answer, '\n');
	return rc;
}

int
verdict_look(const struct verdict *v, const struct spool *s,
    struct index_tx *tx, struct buf *answer, struct po_err *err)
{
	struct index_message m;
	struct arena arena;
	int rc;

	arena_init(&arena, 1u << 20);
	rc = index_message_get(tx, &v->id, &arena, &m, err);
	if (rc == 0)
		rc = look_outside(v, s, answer);
	else if (rc == 1 && !may_know(v, s, m.uid))
		(void)buf_printf(answer, "no %s: no such message\n",
		    v->id.text);
	else if (rc == 1 && v->until == VERDICT_TRIED &&
	         (m.place == PLACE_READY || m.place == PLACE_CLAIM ||
	             m.place == PLACE_PARTS || m.claims > 0))
		rc = 0;
	else if (rc == 1)
		rc = tell(tx, &m, answer, err);
	arena_clear(&arena);
	return rc;
}
