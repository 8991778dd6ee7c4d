/* SPDX-License-Identifier: ISC */
/* po-queue: the runner, and every act on the queue. See po-queue(8). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/queue_verbs.h"
#include "queue/limits.h"
#include "queue/quota.h"
#include "queue/sandbox.h"
#include "queue/status.h"
#include "spool/check.h"
#include "spool/setup.h"
#include "util/fd.h"

#define FILES_WANTED                                                           \
	40000u /* descriptors: 64 workers with 512 jobs each, and a margin */

struct program {
	struct queue_program q;
	struct conf *conf;
};

static int
complain(const struct po_err *err)
{
	(void)fprintf(stderr, "po-queue: %s\n", err->text);
	return po_code_info(err->code)->exit_status;
}

/* ------------------------------------------------------------------
 * configuration */

static int
load(struct program *p, struct po_err *err)
{
	const struct conf_table tables[] = {
		{ drop_options, &p->q.drop },
		{ submit_options, &p->q.submit },
		{ log_options, &p->q.log },
		{ queue_options, &p->q.queue },
		{ deliver_options, &p->q.deliver_conf },
		{ bounce_options, &p->q.bounce },
	};
	size_t i;

	if (conf_load(p->q.args.config, tables,
	        sizeof(tables) / sizeof(tables[0]), &p->conf, err) == -1)
		return -1;
	for (i = 0; i < p->q.args.n_settings; i++)
		if (conf_set(p->conf, p->q.args.settings[i], err) == -1)
			return -1;
	if (p->q.args.processes > 0)
		p->q.queue.workers = p->q.args.processes;
	if (p->q.args.batch > 0)
		p->q.queue.batch = p->q.args.batch;
	return 0;
}

/* What depends on the machine or on another option. */
static int
fill_in(struct program *p, struct po_err *err)
{
	struct submit_host host;
	char capture[4096];

	if (submit_host_find(&p->q.submit, &host, err) == -1)
		return -1;
	(void)snprintf(capture, sizeof(capture), "%s/capture", p->q.drop.spool);
	if (conf_fill(p->conf, "hostname", host.hostname, err) == -1 ||
	    conf_fill(p->conf, "domain", host.domain, err) == -1 ||
	    conf_fill(p->conf, "capture_dir", capture, err) == -1)
		return -1;
	p->q.notices = (struct notice_setup){ &p->q.bounce,
		p->q.deliver_conf.hostname, p->q.submit.domain };
	if (quota_check_conf(&p->q.queue, err) == -1 ||
	    limits_check_conf(&p->q.queue, err) == -1 ||
	    deliver_routes_new(&p->q.deliver_conf, &p->q.routes, err) == -1)
		return -1;
	p->q.ingest.give_up_after_s = p->q.queue.give_up_after_s;
	p->q.ingest.message_size_limit =
	    0; /* sendmail's limit is for its caller; what is here is held
	          (queue/quota.h) */
	return 0;
}

/* Nothing of a hostile caller's surroundings: this may run as root first. */
static void
settle_process(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit files;

	fd_open_standard();
	(void)umask(077);
	(void)setrlimit(RLIMIT_CORE, &none);
	/* Jobs are open files, many at a time; no call here selects by number.
	 */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < FILES_WANTED) {
		files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max
		                                               : FILES_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* ------------------------------------------------------------------ verbs that
 * need no open spool */

/* So that everybody's mailq has an answer before the first run. */
static int
write_first_status(const char *path, struct po_err *err)
{
	const struct index_totals none = { .deferred = 0 };
	struct spool s;
	int rc = 0;

	if (spool_open(path, &s, err) == -1)
		return -1;
	if (faccessat(s.public_, "status", F_OK, 0) == -1)
		rc = status_write(&s, &none, "none", err);
	spool_close(&s);
	return rc;
}

static int
verb_setup(struct program *p, struct po_err *err)
{
	if (spool_setup(p->q.drop.spool, p->q.args.user, err) == -1 ||
	    write_first_status(p->q.drop.spool, err) == -1)
		return -1;
	(void)printf("%s is ready\n", p->q.drop.spool);
	return 0;
}

/* Another run's unclean end must not look clean because somebody had a look
 * meanwhile. */
static void
give_lock_back(struct run_lock *lock)
{
	if (lock->before.pid == 0 || lock->before.clean)
		lock_end(lock);
	else
		fd_close(&lock->fd);
}

/* The layout as whoever asks, the content as the spool's owner. The answer is
 * the exit status: 0, 1 warnings, 2 errors. */
static int
verb_check(struct program *p)
{
	const char *path = p->q.drop.spool;
	int worst = spool_check_layout(path, PO_SBINDIR, stdout);
	struct run_lock lock = { .fd = -1 };
	char text[512];
	struct po_err err;
	struct spool s;
	int content = 2, locked;

	if (spool_become_owner(path, &err) == -1 ||
	    spool_open(path, &s, &err) == -1) {
		if (worst != 2) /* else that is what was said already */
			(void)printf("error: %s\n", err.text);
		return 2;
	}
	locked = queue_take_lock(&s, "check", &lock, text, &err);
	if (locked == -1)
		(void)printf("error: %s\n", err.text);
	else
		(void)printf("ok: %s\n",
		    locked == 1 ? "no runner is at work" : text);
	if (locked != -1)
		content = spool_check_content(&s, locked == 1, stdout);
	give_lock_back(&lock);
	spool_close(&s);
	return content > worst ? content : worst;
}

static bool
needs_secrets(const struct program *p)
{
	return p->q.args.verb == VERB_PROBE ||
	       (p->q.args.verb == VERB_RUN && !p->q.args.ingest);
}

/* What may be asked of a runner by who may not open the spool; *err says that
 * he may not. */
static int
as_anybody(struct program *p, struct po_err *err)
{
	switch (p->q.args.verb) {
	case VERB_ACT:
		return queue_verb_ask(&p->q, err);
	case VERB_VERDICT:
		return queue_verb_verdict(&p->q, NULL, err);
	default:
		return -1;
	}
}

/* Password files of root's are read while this is root; all else, a password
 * command above all, as the spool's owner. */
static int
on_spool(struct program *p, struct po_err *err)
{
	struct spool s;
	int rc;

	if (needs_secrets(p) &&
	    (sandbox_hide(err) == -1 ||
	        deliver_setup_begin(p->q.routes, &p->q.deliver, err) == -1))
		return -1;
	if (spool_become_owner(p->q.drop.spool, err) == -1)
		return err->code == PO_EPERM ? as_anybody(p, err) : -1;
	if (log_open(&p->q.log, "po/queue", err) == -1 ||
	    (needs_secrets(p) && deliver_setup_finish(p->q.deliver, err) == -1))
		return -1;
	if (spool_open(p->q.drop.spool, &s, err) == -1)
		return -1;
	rc = queue_verb_run(&p->q, &s, err);
	spool_close(&s);
	deliver_setup_free(p->q.deliver);
	return rc;
}

static int
run(struct program *p, struct po_err *err)
{
	if (load(p, err) == -1)
		return -1;
	if (fill_in(p, err) == -1)
		return -1;
	if (p->q.args.verb == VERB_CHECK_CONFIG) {
		conf_dump(p->conf, stdout);
		return 0;
	}
	if (p->q.args.verb == VERB_ROUTE)
		return queue_verb_route(&p->q, err);
	if (p->q.args.verb == VERB_SETUP)
		return verb_setup(p, err);
	if (p->q.args.verb == VERB_CHECK) {
		p->q.status = verb_check(p);
		return 0;
	}
	return on_spool(p, err);
}

static const char *
name_of(const char *argv0)
{
	const char *slash = argv0 == NULL ? NULL : strrchr(argv0, '/');

	return slash != NULL ? slash + 1 : argv0 != NULL ? argv0 : "po-queue";
}

int
main(int argc, char **argv)
{
	static struct program p;
	struct po_err err = { .code = PO_EBUG };
	int status = 0;

	settle_process();
	p.q.program = name_of(argv[0]);
	if (queue_args_parse(argc, argv, &p.q.args, &err) == -1)
		return complain(&err);
	if (p.q.args.verb == VERB_HELP) {
		queue_args_help(stdout);
		return 0;
	}
	if (p.q.args.verb == VERB_VERSION) {
		(void)puts("po-queue " PACKAGE_VERSION);
		return 0;
	}
	status = run(&p, &err) == -1 ? complain(&err) : p.q.status;
	deliver_routes_free(p.q.routes);
	conf_free(p.conf);
	if (fflush(stdout) == EOF && errno != EPIPE && status == 0) {
		(void)fputs("po-queue: standard output cannot be written\n",
		    stderr);
		status = po_code_info(PO_EIO)->exit_status;
	}
	return status;
}
