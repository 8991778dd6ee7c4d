/* SPDX-License-Identifier: ISC */
/* Which submissions are the same mail. */
#include "message_fixture.h"
#include "spool/digest.h"
#include "util/fd.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define UNIT(f)                                                                \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
#define MAIL "Subject: x\nTo: a@b\n\nbody\n"

static void
digest_is_that_of_the_text_that_counts(void **state)
{
	/* printf 'Subject: x\nTo: a@b\n\nbody\n' | sha256sum */
	static const char want[] =
	    "bc618818086b16e9d86208284c6fdbd4fdff89d96c4259b7dddbd139dbe53784";
	unsigned char d[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];
	struct po_err err;
	size_t i;

	(void)state;
	assert_int_equal(digest_content(MAIL, strlen(MAIL), 7, d, &err), 0);
	for (i = 0; i < sizeof(d); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", d[i]);
	assert_string_equal(text, want);
}

static const struct {
	const char *name, *content;
	bool equal; /* to MAIL */
} contents[] = {
	{ "the same", MAIL, true },
	{ "date, message-id and received",
	    "Received: by h\n\tid 1; now\n"
	    "Date: Tue\nMessage-ID: <1@h>\n" MAIL,
	    true },
	{ "names in any case, blanks before the colon",
	    "DATE: x\nmessage-id : <1@h>\nreceived\t: y\n" MAIL, true },
	{ "what a resent mail has anew",
	    "Resent-Date: x\nResent-Message-ID: <1>\n" MAIL, true },
	{ "left out at the end of the header",
	    "Subject: x\nTo: a@b\nDate: x\n\nbody\n", true },
	{ "left out with continuations",
	    "Subject: x\nDate: x\n y\n\tz\n  \nTo: "
	    "a@b\n\nbody\n",
	    true },
	{ "a continuation of what counts", "Subject: x\n y\nTo: a@b\n\nbody\n",
	    false },
	{ "another body", "Subject: x\nTo: a@b\n\nbody!\n", false },
	{ "no last line end", "Subject: x\nTo: a@b\n\nbody", false },
	{ "another subject", "Subject: y\nTo: a@b\n\nbody\n", false },
	{ "another order", "To: a@b\nSubject: x\n\nbody\n", false },
	{ "a date in the body", "Subject: x\nTo: a@b\n\nDate: x\nbody\n",
	    false },
	{ "a body that looks like the rest", "Subject: x\n\nTo: a@b\n\nbody\n",
	    false },
	{ "a longer name", "Dated: x\n" MAIL, false },
	{ "a shorter name", "Dat: x\n" MAIL, false },
	{ "a name without a colon", "Date\n" MAIL, false },
	{ "a name of 70 bytes",
	    "Date                                                              "
	    "    : x\n" MAIL,
	    false },
	{ "an empty name", ": x\n" MAIL, false },
	{ "header only", "Subject: x\nTo: a@b\n", false },
	{ "nothing", "", false },
};

static void
date_message_id_and_received_do_not_count(void **state)
{
	static const size_t pieces[] = { 1, 2, 3, 64, 65, 100000 };
	unsigned char first[SHA256_BYTES], d[SHA256_BYTES];
	struct po_err err;
	size_t i, k;

	(void)state;
	assert_int_equal(digest_content(MAIL, strlen(MAIL), 100, first, &err),
	    0);
	for (i = 0; i < COUNT(contents); i++) {
		print_message("%s\n", contents[i].name);
		for (k = 0; k < COUNT(pieces); k++) {
			assert_int_equal(digest_content(contents[i].content,
			                     strlen(contents[i].content),
			                     pieces[k], d, &err),
			    0);
			assert_int_equal(memcmp(d, first, sizeof(d)) == 0,
			    contents[i].equal);
		}
	}
}

struct mail {
	const char *sender;
	const char *to[4];
	const char *content;
	enum envelope_body body;
	const char *template;
	const char *zone, *key, *tag, *envid;
	int64_t due;
	enum priority priority;
	bool equal; /* to the first */
};

static const struct {
	const char *name;
	struct mail m;
} envelopes[] = {
	{ "the first",
	    { .sender = "a@x", .to = { "b@y", "c@y" }, .equal = true } },
	{ "recipients in another order",
	    { .sender = "a@x", .to = { "c@y", "b@y" }, .equal = true } },
	{ "a recipient twice",
	    { .sender = "a@x", .to = { "b@y", "c@y", "b@y" }, .equal = true } },
	{ "domains in another case",
	    { .sender = "a@X", .to = { "c@Y", "b@y" }, .equal = true } },
	{ "another schedule, priority, tag and envelope id",
	    { .sender = "a@x",
	        .to = { "b@y", "c@y" },
	        .due = 1764000001,
	        .priority = PRIORITY_LOW,
	        .tag = "t",
	        .envid = "e",
	        .equal = true } },
	{ "another sender", { .sender = "z@x", .to = { "b@y", "c@y" } } },
	{ "no sender", { .sender = "", .to = { "b@y", "c@y" } } },
	{ "one recipient less", { .sender = "a@x", .to = { "b@y" } } },
	{ "one recipient more",
	    { .sender = "a@x", .to = { "b@y", "c@y", "d@y" } } },
	{ "a local part in another case",
	    { .sender = "a@x", .to = { "B@y", "c@y" } } },
	{ "another content",
	    { .sender = "a@x", .to = { "b@y", "c@y" }, .content = "x\n" } },
	{ "a template with that context", { .sender = "a@x",
	                                      .to = { "b@y", "c@y" },
	                                      .body = BODY_TEMPLATE,
	                                      .template = "t/en/1" } },
};

static void
digest_of(int dirfd, const struct mail *m, unsigned char d[SHA256_BYTES])
{
	struct sample s = sample_of(1);
	struct message_file f;
	struct envelope env;
	struct arena arena;
	struct po_err err;
	size_t n;

	s.env.sender = m->sender;
	for (n = 0; n < 4 && m->to[n] != NULL; n++)
		s.recipients[n].address = m->to[n];
	s.env.n_recipients = n;
	s.env.body = m->body;
	s.env.templates =
	    m->template == NULL ? NULL : (const char *[]){ m->template };
	s.env.n_templates = m->template != NULL;
	s.env.zone = m->zone;
	s.env.due = m->due;
	s.env.priority = m->priority;
	s.env.tag = m->tag;
	s.env.key = "k";
	s.env.envid = m->envid;
	if (m->content != NULL)
		s.content = m->content;
	write_sample(dirfd, "mail", &s);
	arena_init(&arena, 1 << 20);
	assert_int_equal(file_open(dirfd, "mail", false, &f, &err), 0);
	assert_int_equal(file_read_envelope(&f, &arena, &env, &err), 0);
	assert_int_equal(digest_message(&f, &env, d, &err), 0);
	file_close(&f);
	arena_clear(&arena);
}

static void
sender_and_the_set_of_recipients_count(void **state)
{
	struct fixture *f = *state;
	unsigned char first[SHA256_BYTES], d[SHA256_BYTES];
	size_t i;

	for (i = 0; i < COUNT(envelopes); i++) {
		print_message("%s\n", envelopes[i].name);
		digest_of(f->dirfd, &envelopes[i].m, i == 0 ? first : d);
		if (i > 0)
			assert_int_equal(memcmp(d, first, sizeof(d)) == 0,
			    envelopes[i].m.equal);
	}
}

/* A new version of a template does not make another mail; other values do. */
static void
a_template_counts_by_its_name(void **state)
{
	static const struct {
		const char *template, *context;
		bool equal;
		const char *zone;
	} cases[] = {
		{ "t/en/1", "Date: a\nTo: b\n\n{\"a\": 1}\n", true, NULL },
		{ "t/en/2", "Date: a\nTo: b\n\n{\"a\": 1}\n", true, NULL },
		{ "t/en/1", "Date: b\nTo: b\n\n{\"a\": 1}\n", true, NULL },
		{ "t/de/1", "Date: a\nTo: b\n\n{\"a\": 1}\n", false, NULL },
		{ "u/en/1", "Date: a\nTo: b\n\n{\"a\": 1}\n", false, NULL },
		{ "t/en/1", "Date: a\nTo: b\n\n{\"a\": 2}\n", false, NULL },
		{ "t/en/1", "Date: a\nTo: c\n\n{\"a\": 1}\n", false, NULL },
		{ "t/en/1", "Date: a\nTo: b\n\n{\"a\": 1}\n", false,
		    "Europe/Berlin" },
	};
	struct fixture *f = *state;
	struct mail m = { .sender = "a@x",
		.to = { "b@y" },
		.body = BODY_TEMPLATE };
	unsigned char first[SHA256_BYTES], d[SHA256_BYTES];
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		m.template = cases[i].template;
		m.zone = cases[i].zone;
		m.content = cases[i].context;
		digest_of(f->dirfd, &m, i == 0 ? first : d);
		if (i > 0)
			assert_int_equal(memcmp(d, first, sizeof(d)) == 0,
			    cases[i].equal);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_is_that_of_the_text_that_counts),
		cmocka_unit_test(date_message_id_and_received_do_not_count),
		UNIT(sender_and_the_set_of_recipients_count),
		UNIT(a_template_counts_by_its_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
