/* SPDX-License-Identifier: ISC */
/* Recipients through an aliases file in memory, which is called "F" here. */
#include "submit/alias_expand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "submit/alias_file.h"
#include "util/fd.h"

#include <cmocka.h>

static char local_domain[] = "old.test", *local_domains[] = { local_domain };
static const struct submit_host host = { "mx.d.test", "d.test" };

/* The file, and a configuration that names it. */
static int
make_file(struct span text, char path[40], struct submit_conf *conf)
{
	int fd = memfd_create("aliases", 0);

	assert_int_equal(fd_write_all(fd, text.p, text.len, "F", NULL), 0);
	(void)snprintf(path, 40, "/proc/self/fd/%d", fd);
	*conf = (struct submit_conf){ .aliases = path,
		.local_domains = { local_domains, 1 },
		.recipient_limit = 10 };
	return fd;
}

/* The warnings, with "F" in the place of the path, and '|' of line ends. */
static void
flatten(const struct warnings *w, const char *path, struct buf *out)
{
	struct span rest = buf_span(&w->text), line;

	while (rest.len > 0) {
		line = span_cut(&rest, '\n');
		assert_true(line.len > strlen(path) &&
		            strncmp(line.p, path, strlen(path)) == 0);
		line.p += strlen(path);
		line.len -= strlen(path);
		assert_true(buf_puts(out, out->len > 0 ? "|F" : "F") &&
		            buf_put_span(out, line));
	}
}

static void
join(const struct recipients *to, struct buf *out)
{
	size_t i;

	for (i = 0; i < to->n; i++) {
		assert_true(buf_puts(out, i > 0 ? " " : "") &&
		            buf_puts(out, to->v[i].address));
		if (to->v[i].notify != 0)
			assert_true(buf_printf(out, "/%u", to->v[i].notify));
		if (to->v[i].orcpt != NULL)
			assert_true(buf_printf(out, "/%s", to->v[i].orcpt));
	}
}

#define ROOT "/rfc822;root@d.test"

static const struct {
	const char *name, *file, *to, *expected, *warnings;
} rows[] = {
	{ "an address of another host opens nothing", "root: ops@x.test\n",
	    "root@x.test, root@d.test", "root@x.test root@d.test", "" },
	{ "a bare name", "root: ops@x.test\n", "root", "ops@x.test" ROOT, "" },
	{ "the hostname, localhost and local_domains",
	    "root: ops@x.test\njoe: j@x.test\nann: a@x.test\n",
	    "root@MX.d.test, joe@localhost, ann@old.test",
	    "ops@x.test/rfc822;root@MX.d.test j@x.test/rfc822;joe@localhost "
	    "a@x.test/rfc822;ann@old.test",
	    "" },
	{ "no entry", "root: ops@x.test\n", "joe, ann@localhost",
	    "joe@d.test ann@localhost", "" },
	{ "upper case in both", "ROOT: ops@x.test\n", "Root",
	    "ops@x.test/rfc822;Root@d.test", "" },
	{ "quoted in both", "\"John Doe\": j@x.test\n", "\"john doe\"",
	    "j@x.test/rfc822;\"john+20doe\"@d.test", "" },
	{ "a name that is not ASCII", "j\303\266rg: j@x.test\n", "j\303\266rg",
	    "j@x.test/utf-8;j\\x{F6}rg@d.test", "" },
	{ "a list, each once", "root: a@x.test, b@x.test, a@X.test\n",
	    "a@x.test, root", "a@x.test b@x.test" ROOT, "" },
	{ "a list of lists", "root: ops, c@x.test\nops: a@x.test, b@x.test\n",
	    "root", "a@x.test" ROOT " b@x.test" ROOT " c@x.test" ROOT, "" },
	{ "backwards in the file", "ops: a@x.test\nroot: ops\n", "root",
	    "a@x.test" ROOT, "" },
	{ "the first entry of a name counts, at every level",
	    "b: 1@x.test\na: b\nb: 2@x.test\n", "a", "1@x.test/rfc822;a@d.test",
	    "" },
	{ "a target without entry is qualified", "root: joe\n", "root",
	    "joe@d.test" ROOT, "" },
	{ "a target at the hostname goes on", "root: joe@mx.d.test\njoe: j@x\n",
	    "root", "j@x" ROOT, "" },
	{ "itself beside others", "root: root, ops@x.test\n", "root",
	    "root@d.test ops@x.test" ROOT, "" },
	{ "itself at localhost stays as it came", "root: root, ops@x.test\n",
	    "root@localhost", "root@localhost ops@x.test/rfc822;root@localhost",
	    "" },
	{ "\\root is no alias", "root: \\root, ops@x.test\n", "root",
	    "root@d.test ops@x.test" ROOT, "" },
	{ "\\joe is no alias either", "root: \\joe\njoe: j@x.test\n", "root",
	    "joe@d.test" ROOT, "" },
	{ "one thing by two ways is no loop", "a: b, c\nb: d\nc: d\nd: d@x\n",
	    "a", "d@x/rfc822;a@d.test", "" },
	{ "two that lead to one", "a: c\nb: c\nc: c@x\n", "a, b",
	    "c@x/rfc822;a@d.test", "" },
	{ "a loop with a way out", "a: b, o@x\nb: a\n", "a",
	    "o@x/rfc822;a@d.test", "F:2: a leads back to itself" },
	{ "a loop", "a: b\nb: a\n", "a", "a@d.test",
	    "F:2: a leads back to itself|"
	    "F:1: a: no address is left, so it stays a@d.test" },
	{ "a loop from its other end, after the way out was used",
	    "a: b, o@x\nb: a\n", "a, b", "o@x/rfc822;a@d.test",
	    "F:2: a leads back to itself" },
	{ "a loop below", "r: a, b\na: b\nb: a\n", "r", "r@d.test",
	    "F:3: a leads back to itself|F:1: r: no address is left, so it "
	    "stays r@d.test" },
	{ "a command, and an address", "root: |cmd, ops@x.test\n", "root",
	    "ops@x.test" ROOT,
	    "F:1: |cmd delivers to a command, and po runs none: name an "
	    "address" },
	{ "a file alone", "root:\n /var/mail/root\n", "root", "root@d.test",
	    "F:2: /var/mail/root delivers to a file, and po writes none: name "
	    "an address|F:1: root: no address is left, so it stays "
	    "root@d.test" },
	{ "faults elsewhere are not told", "x\nroot: ops@x.test\ny: |cmd\n",
	    "root", "ops@x.test" ROOT, "" },
	{ "an entry of nothing", "root:\n", "root", "root@d.test",
	    "F:1: root: no address is left, so it stays root@d.test" },
	{ "all others", "root: a@x.test\n*: b@x.test\n", "root, joe",
	    "a@x.test" ROOT " b@x.test/rfc822;joe@d.test", "" },
	{ "all others, as msmtp says it", "default: b@x.test\n", "joe",
	    "b@x.test/rfc822;joe@d.test", "" },
	{ "all others go to one that has no entry", "*: root\n", "joe, root",
	    "root@d.test/rfc822;joe@d.test", "" },
	{ "all others go to one who goes to one of the others",
	    "*: root\nroot: joe\n", "root, joe, ann", "joe@d.test" ROOT, "" },
	{ "the target of an entry may be one of all others",
	    "*: o@x.test\nroot: joe\n", "root", "o@x.test" ROOT, "" },
	{ "bare and with the domain: the latter means a mailbox",
	    "root: ops@x.test\n", "root, root@d.test",
	    "ops@x.test" ROOT " root@d.test", "" },
	{ "the limit", "a: 1@x,2@x,3@x,4@x,5@x,6@x,7@x,8@x,9@x,10@x,11@x\n",
	    "a", NULL, "" },
	{ "CRLF, no final line end", "a: b,\r\n c\r\nb: b@x\r\nc: c@x", "a",
	    "b@x/rfc822;a@d.test c@x/rfc822;a@d.test", "" },
	{ "bytes that are no text", "\001\377: x\na: \377, a@x\n", "a",
	    "a@x/rfc822;a@d.test",
	    "F:2: bad address \"\\xff\": bytes that are not UTF-8" },
};

static void
recipients_become_what_they_stand_for(void **state)
{
	struct submit_conf conf;
	struct recipients to;
	struct warnings w;
	struct arena arena;
	struct buf got, told;
	struct po_err err;
	char path[40];
	size_t i;
	int fd, rc;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fd = make_file(span_of(rows[i].file), path, &conf);
		buf_init(&got, 10000);
		buf_init(&told, 10000);
		warnings_init(&w);
		arena_init(&arena, 1 << 20);
		recipients_init(&to, (size_t)conf.recipient_limit);
		assert_int_not_equal(recipients_add(&to, span_of(rows[i].to),
		                         host.domain, false, &err),
		    -1);
		rc = alias_expand(&conf, &host, &to, &arena, &w, &err);
		join(&to, &got);
		flatten(&w, path, &told);
		if (rows[i].expected == NULL
		        ? rc != -1 || err.code != PO_EDATA
		        : rc != 0 || strcmp(buf_str(&got), rows[i].expected) ||
		              strcmp(buf_str(&told), rows[i].warnings))
			fail_msg("%s: %d %s; %s", rows[i].name, rc,
			    buf_str(&got), buf_str(&told));
		recipients_clear(&to);
		arena_clear(&arena);
		warnings_clear(&w);
		buf_clear(&got);
		buf_clear(&told);
		close(fd);
	}
}

static void
notify_is_kept_and_a_given_orcpt_too(void **state)
{
	struct submit_conf conf;
	struct recipients to;
	struct arena arena;
	struct buf got;
	char path[40];
	int fd;

	(void)state;
	fd = make_file(SPAN_LIT("a: 1@x, 2@x\nb: 2@x, b, 3@x\n"), path, &conf);
	buf_init(&got, 10000);
	arena_init(&arena, 1 << 20);
	recipients_init(&to, 10);
	assert_int_equal(recipients_add(&to, SPAN_LIT("a, b"), "d.test", false,
	                     NULL),
	    2);
	to.v[0].notify = NOTIFY_NEVER;
	to.v[0].orcpt = "rfc822;other@y";
	to.v[1].notify = NOTIFY_DELAY;
	assert_int_equal(alias_expand(&conf, &host, &to, &arena, NULL, NULL),
	    0);
	join(&to, &got);
	assert_string_equal(buf_str(&got),
	    "1@x/1/rfc822;other@y 2@x/1/rfc822;other@y b@d.test/8 "
	    "3@x/8/rfc822;b@d.test");
	recipients_clear(&to);
	arena_clear(&arena);
	buf_clear(&got);
	close(fd);
}

/* n0: n1, n1: n2, ... */
static void
names_of_names_end_after_twenty(void **state)
{
	struct submit_conf conf;
	struct recipients to;
	struct warnings w;
	struct arena arena;
	struct buf text;
	char path[40];
	unsigned i;
	int fd;

	(void)state;
	buf_init(&text, 10000);
	warnings_init(&w);
	arena_init(&arena, 1 << 20);
	for (i = 0; i < 30; i++)
		assert_true(buf_printf(&text, "n%u: n%u\n", i, i + 1));
	fd = make_file(buf_span(&text), path, &conf);
	recipients_init(&to, 10);
	assert_int_equal(recipients_add(&to, SPAN_LIT("n11,n0"), "d.test",
	                     false, NULL),
	    2);
	assert_int_equal(alias_expand(&conf, &host, &to, &arena, &w, NULL), 0);
	assert_int_equal(to.n, 1);
	assert_string_equal(to.v[0].address, "n30@d.test");
	assert_int_equal(w.n, 0);
	recipients_clear(&to);
	recipients_init(&to, 10);
	assert_int_equal(recipients_add(&to, SPAN_LIT("n0"), "d.test", false,
	                     NULL),
	    1);
	assert_int_equal(alias_expand(&conf, &host, &to, &arena, &w, NULL), 0);
	assert_int_equal(to.n, 1);
	assert_string_equal(to.v[0].address, "n20@d.test");
	assert_int_equal(w.n, 1);
	recipients_clear(&to);
	arena_clear(&arena);
	warnings_clear(&w);
	buf_clear(&text);
	close(fd);
}

static const struct {
	const char *name, *file, *told;
	int rc;
} checks[] = {
	{ "a good file",
	    "# all\nroot: ops@x.test, joe\njoe: \\joe, j@x\n*: root\n", "", 0 },
	{ "an empty file", "", "", 0 },
	{ "what Debian installs",
	    "mailer-daemon: postmaster\npostmaster: root\nnobody: root\n", "",
	    0 },
	{ "every kind of fault",
	    "a: |c\nb: /f\nc: :include:/x\nd\ne f: x\ng:\nh: a b\n",
	    "F:4: no ':' behind the name|"
	    "F:5: a name with special characters wants quotes|"
	    "F:1: |c delivers to a command, and po runs none: name an "
	    "address|F:2: /f delivers to a file, and po writes none: name an "
	    "address|F:3: :include:/x includes a file, and po reads none: "
	    "write the addresses here|F:7: bad address \"a b\": two words "
	    "without a dot between them|F:1: a stands for no address|F:2: b "
	    "stands for no address|F:3: c stands for no address|F:6: g stands "
	    "for no address|F:7: h stands for no address",
	    1 },
	{ "loops, each once", "a: b\nb: c\nc: a, b\nd: d, a\n",
	    "F:3: a leads back to itself|F:3: b leads back to itself", 1 },
	{ "a name twice is told, but no fault", "a: b@x\nA: c@x\n",
	    "F:2: a has an entry in line 1, which counts", 0 },
};

static void
newaliases_tells_what_is_wrong(void **state)
{
	struct submit_conf conf;
	struct warnings w;
	struct po_err err;
	struct buf told;
	char path[40];
	size_t i;
	int fd, rc;

	(void)state;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		fd = make_file(span_of(checks[i].file), path, &conf);
		warnings_init(&w);
		buf_init(&told, 10000);
		rc = alias_check(&conf, &host, &w, &err);
		flatten(&w, path, &told);
		if (rc != checks[i].rc ||
		    strcmp(buf_str(&told), checks[i].told) != 0)
			fail_msg("%s: %d %s", checks[i].name, rc,
			    buf_str(&told));
		warnings_clear(&w);
		buf_clear(&told);
		close(fd);
	}
}

static void
the_file_lies_beside_the_configuration(void **state)
{
	char folder[] = "/tmp/po-aliases-XXXXXX", file[64], alias[64];
	char name[] = "aliases", other[] = "other", none[] = "";
	struct submit_conf conf = { .file = file };
	struct alias_file f;
	struct po_err err;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/po.conf", folder);
	(void)snprintf(alias, sizeof(alias), "%s/aliases", folder);
	assert_int_equal(alias_file_read(&conf, &f, &err), 0);
	alias_file_clear(&f);
	conf.aliases = none;
	assert_int_equal(alias_file_read(&conf, &f, &err), 0);
	alias_file_clear(&f);
	conf.aliases = other;
	assert_int_equal(alias_file_read(&conf, &f, &err), -1);
	assert_int_equal(err.code, PO_ECONFIG);
	assert_non_null(strstr(err.text, "/other: No such file"));
	alias_file_clear(&f);

	out = fopen(alias, "w");
	assert_non_null(out);
	assert_true(fputs("a: b\n", out) >= 0 && fclose(out) == 0);
	conf.aliases = name;
	assert_int_equal(alias_file_read(&conf, &f, &err), 1);
	assert_int_equal(f.len, 5);
	alias_file_clear(&f);
	conf.aliases = NULL;
	assert_int_equal(alias_file_read(&conf, &f, &err), 1);
	alias_file_clear(&f);

	assert_int_equal(truncate(alias, (16 << 20) + 1), 0);
	assert_int_equal(alias_file_read(&conf, &f, &err), -1);
	assert_non_null(strstr(err.text, "larger than 16777216 bytes"));
	alias_file_clear(&f);
	assert_int_equal(unlink(alias), 0);
	assert_int_equal(mkfifo(alias, 0600), 0);
	assert_int_equal(alias_file_read(&conf, &f, &err), -1);
	assert_non_null(strstr(err.text, "no regular file"));
	alias_file_clear(&f);
	assert_int_equal(unlink(alias), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipients_become_what_they_stand_for),
		cmocka_unit_test(notify_is_kept_and_a_given_orcpt_too),
		cmocka_unit_test(names_of_names_end_after_twenty),
		cmocka_unit_test(newaliases_tells_what_is_wrong),
		cmocka_unit_test(the_file_lies_beside_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
