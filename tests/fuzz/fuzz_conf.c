/* SPDX-License-Identifier: ISC */
/*
 * The text of a configuration file, against a table of every type. What was
 * accepted must be in its range.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"
#include "util/fd.h"

struct sample {
	bool verify;
	int64_t workers, limit, retry_s;
	char *host;
	int tls;
	struct conf_names domains;
	struct conf_list rules;
};

struct rule {
	char *login;
	int64_t uid;
};

#define AT(field) offsetof(struct sample, field)
#define IN(field) offsetof(struct rule, field)

static const char *const words[] = { "none", "may", "verify", NULL };
static const struct conf_option options[] = {
	{ "workers", CONF_INT, AT(workers), "4", 1, 64, "", NULL },
	{ "message_size_limit", CONF_SIZE, AT(limit), "10M", 1024, 1 << 30, "",
	    NULL },
	{ "retry_first", CONF_DURATION, AT(retry_s), "5m", 10, 86400, "",
	    NULL },
	{ "verify", CONF_BOOL, AT(verify), NULL, 0, 0, "", NULL },
	{ "relay.host", CONF_STRING, AT(host), NULL, 0, 0, "", NULL },
	{ "domains", CONF_NAMES, AT(domains), NULL, 0, 0, "", NULL },
	{ "sender", CONF_LIST, AT(rules), NULL, sizeof(struct rule), 100, "",
	    NULL },
	{ "sender[].login", CONF_STRING, IN(login), NULL, 0, 0, "", NULL },
	{ "sender[].uid", CONF_INT, IN(uid), "-1", -1, 1000, "", NULL },
	{ "relay.tls", CONF_WORD, AT(tls), NULL, 0, 0, "", words },
	{ NULL, CONF_INT, 0, NULL, 0, 0, NULL, NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets a string that stands before a syntax error. A program
 * of ours reads one file, and ends when it is wrong. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample s;
	const struct conf_table table = { options, &s };
	struct conf *c = NULL;
	const struct rule *r;
	struct po_err err;
	char path[64];
	size_t i;
	int fd = memfd_create("po.conf", MFD_CLOEXEC);

	if (fd == -1 || fd_write_all(fd, data, size, "input", &err) == -1)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (conf_load(path, &table, 1, &c, &err) == 0) {
		assert(s.workers >= 1 && s.workers <= 64);
		assert(s.limit >= 1024 && s.limit <= 1 << 30);
		assert(s.retry_s >= 10 && s.retry_s <= 86400);
		assert(s.host != NULL && s.tls >= 0 && s.tls <= 2);
		for (i = 0; i < s.rules.n; i++) {
			r = (const struct rule *)s.rules.v + i;
			assert(r->login != NULL && r->uid >= -1 &&
			       r->uid <= 1000 && s.rules.places[i] != NULL);
		}
		for (i = 0; i < s.domains.n; i++)
			assert(s.domains.v[i][0] != '\0');
		conf_free(c);
	} else {
		assert(c == NULL && err.code == PO_ECONFIG);
	}
	fd_close(&fd);
	return 0;
}
