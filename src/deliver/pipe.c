/* SPDX-License-Identifier: ISC */
/*
 * The transport "pipe": a command for each recipient, run without a shell, as
 * the user that we are, the message on its standard input. What it exits with
 * is the result (sysexits(3)).
 *
 * The message is a sealed file of memory, whole before the command is begun:
 * if we are killed, no command can take half a message for a whole one. From
 * the start of the command on it has all of it, so that one which we had to end
 * leaves its recipient in doubt.
 *
 * An argument that begins with a placeholder never turns out an option: where
 * an address makes it begin with '-', and no "--" stands before it, the command
 * is not run.
 */
#include "deliver/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deliver/content.h"
#include "deliver/expand.h"
#include "deliver/local.h"
#include "deliver/trace.h"
#include "util/child.h"
#include "util/fd.h"
#include "util/wallclock.h"
#include "util/xalloc.h"

#define OUTPUT_BYTES 1024u
#define ARGUMENTS_BYTES 65536u

struct pipes {
	const struct deliver_conf *conf;
	const struct pipe_conf *pipe;
	const volatile sig_atomic_t *stop;
	int64_t stop_grace_ms;
	char hop[DELIVER_HOP_MAX];
	struct buf head, output;
	char *block; /* CONTENT_BLOCK_BYTES */
	bool down;
};

/* sysexits(3); what is not here is a failure for ever. */
static const struct {
	int number;
	const char *status, *text;
} exits[] = {
	{ 0, "2.0.0", "delivered via" },
	{ 64, "5.3.0", "command line usage error" },
	{ 65, "5.6.0", "data format error" },
	{ 66, "5.3.0", "cannot open input" },
	{ 67, "5.1.1", "user unknown" },
	{ 68, "5.1.2", "host name unknown" },
	{ 69, "5.3.0", "service unavailable" },
	{ 70, "5.3.0", "internal software error" },
	{ 71, "4.3.0", "system error" },
	{ 72, "5.3.0", "critical OS file missing" },
	{ 73, "5.2.0", "can't create user output file" },
	{ 74, "4.3.0", "input/output error" },
	{ 75, "4.3.0", "temporary failure" },
	{ 76, "5.5.0", "remote error in protocol" },
	{ 77, "5.7.0", "permission denied" },
	{ 78, "5.3.5", "local configuration error" },
};

static bool
has_flag(const struct pipes *p, char flag)
{
	return strchr(p->pipe->flags, flag) != NULL;
}

static bool
is_stopped(const struct pipes *p)
{
	return p->stop != NULL && *p->stop != 0;
}

/* ------------------------------------------------------------------ arguments
 */

/* Values for one recipient, and the memory that they are in. */
struct values {
	struct expand_values v;
	struct expand_parts parts;
	struct buf original;
	char size[24];
};

static bool
values_init(struct values *out, const struct pipes *p,
    const struct deliver_message *m, const struct recipient *r)
{
	const char *sender = m->env->sender;

	*out = (struct values){ .size = "" };
	buf_init(&out->original, ENVELOPE_MAX_ADDRESS);
	(void)snprintf(out->size, sizeof(out->size), "%" PRIu64, m->length);
	out->v.value[EXPAND_SENDER] =
	    sender[0] == '\0' ? p->pipe->null_sender : sender;
	out->v.value[EXPAND_RECIPIENT] = r->address;
	out->v.value[EXPAND_ORIGINAL_RECIPIENT] =
	    trace_original(r, &out->original);
	out->v.value[EXPAND_QUEUE_ID] = m->env->id.text;
	out->v.value[EXPAND_SIZE] = out->size;
	if (!expand_split(r->address, p->conf->recipient_delimiter,
	        has_flag(p, 'u'), has_flag(p, 'h'), &out->parts))
		return false;
	expand_set_parts(&out->v, &out->parts);
	return true;
}

/* The arguments, one behind the other in `text`, and where each begins. */
struct arguments {
	struct buf text;
	char **argv;
};

static void
arguments_clear(struct arguments *a)
{
	buf_clear(&a->text);
	free(a->argv);
}

/* False with *d filled in: the command may not be run for this address. */
static bool
make_arguments(const struct pipe_conf *c, const struct expand_values *v,
    struct arguments *a, struct delivery *d)
{
	bool options = true;
	size_t i, begin, at = 0;

	buf_init(&a->text, ARGUMENTS_BYTES);
	a->argv = xcalloc(c->command.n + 1, sizeof(*a->argv));
	for (i = 0; i < c->command.n; i++) {
		const char *word = c->command.v[i];

		begin = a->text.len;
		if (!expand(word, v, &a->text) || !buf_putc(&a->text, '\0')) {
			delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.1.3",
			    "the arguments are too long");
			return false;
		}
		options = options && strcmp(word, "--") != 0;
		if (options && word[0] == '$' && a->text.p[begin] == '-') {
			delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.1.3",
			    "an address that begins with '-' would be an "
			    "option of the command");
			return false;
		}
	}
	for (i = 0; i < c->command.n; i++) {
		a->argv[i] = a->text.p + at;
		at += strlen(a->argv[i]) + 1;
	}
	return true;
}

/* ------------------------------------------------------------------ input */

static int
copy_content(struct pipes *p, const struct deliver_message *m, int to,
    struct po_err *err)
{
	uint64_t left = m->length;
	off_t at = m->at;
	size_t n;

	for (; left > 0; left -= n, at += (off_t)n) {
		n = left < CONTENT_BLOCK_BYTES ? (size_t)left
		                               : CONTENT_BLOCK_BYTES;
		if (fd_pread_all(m->fd, p->block, n, at, "message", err) ==
		        -1 ||
		    fd_write_all(to, p->block, n, "pipe", err) == -1)
			return -1;
	}
	return 0;
}

static unsigned
trace_lines(const struct pipes *p)
{
	return (has_flag(p, 'F') ? TRACE_FROM : 0u) |
	       (has_flag(p, 'R') ? TRACE_RETURN_PATH : 0u) |
	       (has_flag(p, 'D') ? TRACE_DELIVERED_TO : 0u) |
	       (has_flag(p, 'O') ? TRACE_ORIGINAL_TO : 0u);
}

/* A descriptor that reads the whole message, or -1. */
static int
make_input(struct pipes *p, const struct deliver_message *m,
    const struct recipient *r, struct po_err *err)
{
	int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return po_fail_sys(err, PO_EOS, "pipe: memfd_create");
	buf_reset(&p->head);
	if (trace_put(&p->head, m, r, trace_lines(p), wallclock_now(), err) ==
	        -1 ||
	    fd_write_all(fd, buf_str(&p->head), p->head.len, "pipe", err) ==
	        -1 ||
	    copy_content(p, m, fd, err) == -1 ||
	    (has_flag(p, 'B') && fd_write_all(fd, "\n", 1, "pipe", err) == -1))
		goto fail;
	if (lseek(fd, 0, SEEK_SET) == 0 &&
	    fcntl(fd, F_ADD_SEALS,
	        F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	(void)po_fail_sys(err, PO_EOS, "pipe: message");
fail:
	fd_close(&fd);
	return -1;
}

/* ------------------------------------------------------------------ results */

static void
judge_exit(struct pipes *p, int number, struct delivery *d)
{
	const char *status = "5.3.0", *text = "unknown exit status";
	enum delivery_state state;
	char output[300];
	size_t i;

	for (i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
		if (exits[i].number == number) {
			status = exits[i].status;
			text = exits[i].text;
		}
	state = status[0] == '2'   ? DELIVERY_SENT
	        : status[0] == '4' ? DELIVERY_DEFERRED
	                           : DELIVERY_FAILED;
	(void)delivery_escape(span_trim(buf_span(&p->output)), output,
	    sizeof(output));
	if (state == DELIVERY_SENT)
		delivery_set(d, state, PHASE_LOCAL, status, "%s %s", text,
		    p->hop);
	else
		delivery_set(d, state, PHASE_LOCAL, status,
		    "%s (exit status %d)%s%s", text, number,
		    output[0] == '\0' ? "" : ": ", output);
	d->handover = has_flag(p, 'X') ? HANDOVER_DELIVERED : HANDOVER_RELAYED;
}

static void
judge(struct pipes *p, const struct child_end *end, struct delivery *d)
{
	switch (end->how) {
	case CHILD_EXITED:
		judge_exit(p, end->number, d);
		break;
	case CHILD_KILLED:
		delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0",
		    "command died by signal %d", end->number);
		break;
	case CHILD_NOT_RUN:
		delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.5",
		    "cannot run %s: %s", p->pipe->command.v[0],
		    strerror(end->number));
		p->down = true;
		break;
	case CHILD_LATE:
	case CHILD_TALKS:
		delivery_set(d, DELIVERY_IN_DOUBT, PHASE_LOCAL, "4.3.0",
		    is_stopped(p) ? "command was still running at the end of "
		                    "the run"
		                  : "command time limit exceeded");
		break;
	}
}

static void
run(struct pipes *p, const struct arguments *a, int in, struct delivery *d)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char *const environment[] = { path, NULL };
	const struct child_spec spec = { .what = "pipe",
		.argv = a->argv,
		.envp = environment,
		.in = in,
		.errors_too = true,
		.cut = true,
		.timeout_ms = p->pipe->timeout_s * 1000,
		.stop = p->stop,
		.grace_ms = p->stop_grace_ms };
	struct child_end end;
	struct po_err err;

	buf_reset(&p->output);
	if (child_run(&spec, &p->output, &end, &err) == 0) {
		judge(p, &end, d);
		return;
	}
	delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0", "%s",
	    err.text);
}

static void
deliver(struct pipes *p, const struct deliver_message *m,
    const struct recipient *r, struct delivery *d)
{
	struct arguments a = { .argv = NULL };
	struct po_err err = { .code = PO_OK };
	struct values v;
	int in = -1, loop = 0;

	if (!values_init(&v, p, m, r)) {
		delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.1.3",
		    "the address is too long");
		goto out;
	}
	if (!make_arguments(p->pipe, &v.v, &a, d))
		goto out;
	if (has_flag(p, 'D'))
		loop = trace_is_loop(m, r->address, p->block, &err);
	if (loop == 1) {
		delivery_set(d, DELIVERY_FAILED, PHASE_LOCAL, "5.4.6",
		    "mail forwarding loop for %s", r->address);
		goto out;
	}
	if (loop == 0)
		in = make_input(p, m, r, &err);
	if (in == -1)
		delivery_set(d, DELIVERY_DEFERRED, PHASE_LOCAL, "4.3.0", "%s",
		    err.text);
	else
		run(p, &a, in, d);
out:
	fd_close(&in);
	arguments_clear(&a);
	buf_clear(&v.original);
}

/* ------------------------------------------------------------------ table */

static int
prepare(struct deliver_setup *setup, struct po_err *err)
{
	(void)setup;
	(void)err;
	return 0;
}

static int
begin(void *state, const struct deliver_message *m, struct delivery *results)
{
	struct pipes *p = state;
	size_t i;

	p->down = false;
	for (i = 0; i < m->n; i++)
		results[i] = (struct delivery){ .state = DELIVERY_UNTOUCHED };
	return !is_stopped(p);
}

static void
send_content(void *state, const struct deliver_message *m,
    struct delivery *results, const struct deliver_message *next)
{
	struct pipes *p = state;
	size_t i;

	(void)next;
	for (i = 0; i < m->n && !is_stopped(p); i++)
		deliver(p, m, &m->env->recipients[m->which[i]], &results[i]);
}

static const char *
relay_of(const void *state)
{
	const struct pipes *p = state;

	return p->hop;
}

static bool
is_down(const void *state)
{
	const struct pipes *p = state;

	return p->down;
}

static void
pipes_free(void *state)
{
	struct pipes *p = state;

	buf_clear(&p->head);
	buf_clear(&p->output);
	free(p->block);
	free(p);
}

static void *
pipes_new(const struct deliver_setup *setup, const char *hop,
    const volatile sig_atomic_t *stop, int64_t stop_grace_s, struct po_err *err)
{
	const char *colon = strchr(hop, ':');
	const struct pipe_conf *pipe;
	struct pipes *p;

	if (local_find_pipe(setup->conf, colon == NULL ? NULL : colon + 1, hop,
	        &pipe, err) == -1)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->conf = setup->conf;
	p->pipe = pipe;
	p->stop = stop;
	p->stop_grace_ms = stop_grace_s * 1000;
	(void)snprintf(p->hop, sizeof(p->hop), "%s", hop);
	p->block = xcalloc(1, CONTENT_BLOCK_BYTES);
	buf_init(&p->head, TRACE_MAX_BYTES);
	buf_init(&p->output, OUTPUT_BYTES);
	return p;
}

static void
pipe_needs(const struct deliver_setup *setup, struct deliver_needs *needs)
{
	(void)setup;
	needs->commands = true;
}

const struct transport transport_pipe = {
	.name = "pipe",
	.prepare = prepare,
	.needs = pipe_needs,
	.open = pipes_new,
	.begin = begin,
	.send = send_content,
	.relay = relay_of,
	.hop_down = is_down,
	.close = pipes_free,
};
