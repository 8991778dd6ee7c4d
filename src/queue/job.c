/* SPDX-License-Identifier: ISC */
#include "queue/job.h"

#include <string.h>

#include "queue/job_render.h"
#include "util/fd.h"
#include "util/wallclock.h"

#define ARENA_MAX (256u << 20)

enum slot_state
job_slot_state(enum delivery_state d, enum slot_state before)
{
	switch (d) {
	case DELIVERY_SENT:
		return SLOT_SENT;
	case DELIVERY_DEFERRED:
		return SLOT_DEFERRED;
	case DELIVERY_FAILED:
		return SLOT_FAILED;
	case DELIVERY_IN_DOUBT:
		return SLOT_IN_DOUBT;
	case DELIVERY_UNTOUCHED:
	case DELIVERY_NEXT:
		break;
	}
	return before == SLOT_SENDING ? SLOT_WAITING : before;
}

bool
job_is_routed(const struct job *j, const struct deliver_routes *routes,
    size_t i)
{
	char hop[DELIVER_HOP_MAX];

	deliver_route(routes,
	    &(struct deliver_query){ .recipient = j->env.recipients[i].address,
	        .sender = j->env.sender,
	        .tag = j->env.tag,
	        .login = j->stamp.login,
	        .uid = j->stamp.uid },
	    hop);
	return strcmp(hop, j->wire.hop) == 0;
}

/*
 * Cancelled or expired: the head is written before the commit, and a crash may
 * have come between. Such a head is the truth (its slots may be open still);
 * other heads are not: they need not be on the disk when the record is.
 */
static bool
is_over(const struct message_file *f)
{
	struct po_err why;
	struct head h;
	int which;

	return file_read_head(f, &h, &which, &why) == 0 &&
	       message_is_final(h.state);
}

/* Recipients that are open and go to the job's next hop. */
static void
pick(struct job *j, const struct deliver_routes *routes)
{
	size_t i, n = 0;

	for (i = 0; !j->is_over && i < j->env.n_recipients; i++)
		if (!slot_is_final(j->slots[i].state) &&
		    job_is_routed(j, routes, i))
			j->which[n++] = i;
	j->n_which = n;
}

void
job_look_ahead(struct job *j)
{
	size_t *next = j->slices[j->message.which == j->slices[0]], n = 0, i;

	for (i = 0; i < j->message.n; i++)
		if (j->results[i].state == DELIVERY_NEXT)
			next[n++] = j->message.which[i];
	for (i = j->n_sliced; i < j->n_which && n < DELIVER_RECIPIENTS_MAX; i++)
		next[n++] = j->which[i];
	j->following = j->message;
	j->following.which = next;
	j->following.n = n;
}

void
job_next_slice(struct job *j)
{
	size_t i;

	/* Those that are in hand again were counted before. */
	for (i = 0; i < j->message.n; i++)
		if (j->results[i].state == DELIVERY_NEXT)
			j->n_sliced--;
	j->n_sliced += j->following.n;
	j->message = j->following;
	j->following.n = 0;
	for (i = 0; i < j->message.n; i++)
		j->results[i] =
		    (struct delivery){ .state = DELIVERY_UNTOUCHED };
}

static int
read_all(struct job *j, struct po_err *err)
{
	size_t n;
	int whole;

	whole = file_verify(&j->file, err);
	if (whole == 0)
		return po_fail(err, PO_ECORRUPT, "the checksum is wrong");
	if (whole == -1 ||
	    file_read_envelope(&j->file, &j->arena, &j->env, err) == -1)
		return -1;
	n = j->env.n_recipients;
	if (n != j->file.preamble.slots ||
	    strcmp(j->env.id.text, j->wire.id.text) != 0)
		return po_fail(err, PO_ECORRUPT,
		    "the envelope is not that of this message");
	j->slots = arena_alloc_array(&j->arena, n, sizeof(*j->slots));
	j->which = arena_alloc_array(&j->arena, n, sizeof(*j->which));
	j->results = arena_alloc_array(&j->arena,
	    n < DELIVER_RECIPIENTS_MAX ? n : DELIVER_RECIPIENTS_MAX,
	    sizeof(*j->results));
	if (j->slots == NULL || j->which == NULL || j->results == NULL)
		return po_fail(err, PO_EOS, "no memory for %zu recipients", n);
	return file_read_slots(&j->file, 0, n, j->slots, err);
}

int
job_prepare(struct job *j, const struct wire_job *wire, int fd,
    const struct deliver_routes *routes, struct po_err *err)
{
	memset(j, 0, sizeof(*j));
	j->wire = *wire;
	j->in_use = true;
	j->file.fd = -1;
	j->rendered = -1;
	j->began_ms = monotonic_ms();
	arena_init(&j->arena, ARENA_MAX);
	if (file_adopt(fd, &j->file, err) == -1 || read_all(j, err) == -1 ||
	    file_read_stamp(&j->file, &j->stamp, err) == -1)
		return -1;
	j->message.env = &j->env;
	j->message.fd = j->file.fd;
	j->message.at = j->file.content_at;
	j->message.bytes = file_content_in_memory(&j->file);
	j->message.length = j->file.trailer.content_bytes;
	j->message.has_8bit = j->file.trailer.has_8bit;
	j->message.longest_line = j->file.trailer.longest_line;
	j->message.now = wallclock_now();
	j->message.has_utf8_header =
	    j->message.has_8bit && deliver_has_utf8_header(&j->message);
	j->is_over = is_over(&j->file);
	j->message.alternatives = wire->alternatives;
	j->message.shared = wire->shared;
	pick(j, routes);
	job_look_ahead(j);
	job_next_slice(j);
	return 0;
}

bool
job_wants_rendering(const struct job *j)
{
	return j->env.body == BODY_TEMPLATE && j->n_which > 0;
}

/* What is wrong with template or context is so at every attempt: none is made.
 */
int
job_make_mail(struct job *j, struct library *l, struct delivery *why,
    struct po_err *err)
{
	struct rendered_mail m;

	if (job_render(l, &j->env, j->file.fd, j->file.content_at,
	        j->file.trailer.content_bytes, &m, err) == -1) {
		if (err->code != PO_EDATA && err->code != PO_EUNAVAILABLE)
			return -1;
		delivery_set(why, DELIVERY_FAILED, PHASE_LOCAL, "5.6.0",
		    "not rendered: %s", err->text);
		return 1;
	}
	j->rendered = m.fd;
	j->message.fd = m.fd;
	j->message.at = 0;
	j->message.bytes = NULL;
	j->message.length = m.length;
	j->message.has_8bit = m.has_8bit;
	j->message.has_utf8_header = false; /* a letter's header is encoded */
	j->message.longest_line = m.longest_line;
	return 0;
}

void
job_clear(struct job *j)
{
	fd_close(&j->rendered);
	file_close(&j->file);
	arena_clear(&j->arena);
	j->in_use = false;
}

int
job_mark_sending(struct job *j, struct po_err *err)
{
	struct slot s;
	size_t i;

	for (i = 0; i < j->message.n; i++) {
		if (j->results[i].state != DELIVERY_UNTOUCHED)
			continue;
		s = j->slots[j->message.which[i]];
		s.state = SLOT_SENDING;
		s.attempt = j->wire.attempt;
		s.time = wallclock_now();
		if (file_write_slot(&j->file, j->message.which[i], &s, err) ==
		    -1)
			return -1;
		/* The slot as it was stays in memory, for a message that turns
		 * out untouched. */
		j->slots[j->message.which[i]].generation = s.generation;
	}
	return 0;
}

static int
mark_result(struct job *j, size_t i, struct po_err *err)
{
	struct slot *s = &j->slots[j->message.which[i]];
	const struct delivery *d = &j->results[i];

	s->state = job_slot_state(d->state, s->state);
	if (d->state != DELIVERY_UNTOUCHED) {
		s->attempt = j->wire.attempt;
		s->time = wallclock_now();
		s->reply_code = d->reply_code;
		memcpy(s->status, d->status, sizeof(s->status));
	}
	return file_write_slot(&j->file, j->message.which[i], s, err);
}

int
job_mark_results(struct job *j, struct po_err *err)
{
	size_t i;

	for (i = 0; i < j->message.n; i++)
		if (j->results[i].state != DELIVERY_NEXT &&
		    mark_result(j, i, err) == -1)
			return -1;
	return 0;
}
