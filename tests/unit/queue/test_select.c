/* SPDX-License-Identifier: ISC */
/* What -qI, -qR and -qS choose. The sample has two recipients: the first is
 * sent to, the second is open. */
#include "queue/select.h"
#include "queue_fixture.h"

static const struct {
	const char *name;
	const char *terms[4]; /* "I...", "R...", "S...", "!" in front or not */
	bool matches;
} cases[] = {
	{ "no term", { NULL }, true },
	{ "a part of the id", { "I01LBR" }, true },
	{ "an id as it is written", { "I01lbr" }, false },
	{ "not this id", { "!I01LBR" }, false },
	{ "the open recipient", { "Ropen@" }, true },
	{ "whatever its case", { "ROPEN@Example.NET" }, true },
	{ "the recipient that is sent", { "Rsent@" }, false },
	{ "no open recipient at that domain", { "!Rexample.net" }, false },
	{ "no open recipient of that name", { "!Rsent@" }, true },
	{ "longer than any", { "Ropen@example.net.and.more" }, false },
	{ "the sender", { "Salice" }, true },
	{ "not the sender", { "!SAlice" }, false },
	{ "one of two", { "Rnobody", "Ropen" }, true },
	{ "both fields", { "Ropen", "Salice" }, true },
	{ "one field fails", { "Ropen", "Sbob" }, false },
	{ "one of two in each", { "Sbob", "Ropen", "!Sbob" }, true },
};

static void
add_term(struct selection *s, const char *term)
{
	bool negate = term[0] == '!';
	enum select_field field = term[negate] == 'I'   ? SELECT_ID
	                          : term[negate] == 'R' ? SELECT_RECIPIENT
	                                                : SELECT_SENDER;
	static char text[4][100];
	char *own = text[s->n];

	(void)snprintf(own, sizeof(text[0]), "%s%s", negate ? "!" : "",
	    term + 1 + negate);
	assert_int_equal(selection_add(s, field, span_of(own), NULL), 0);
}

static struct index_message
put_mail(struct queue_fixture *q)
{
	static const char *const addresses[] = { "sent@example.net",
		"open@example.net" };
	struct sample s = sample_of(1);
	struct index_message m = put_sample(q, &s);
	struct index_recipient r;
	uint32_t n;

	assert_true(m.n_recipients >= 2);
	for (n = 0; n < m.n_recipients; n++) {
		r = get_recipient(q, &m.id, n);
		r.address = addresses[n > 0];
		r.state = n == 0 ? SLOT_SENT : SLOT_DEFERRED;
		MUST(index_recipient_put(q->t.tx, &m.id, n, &r, &q->err));
	}
	m.sender = "alice@example.org";
	return m;
}

static void
terms_of_a_field_are_choices_and_each_field_must_hold(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_mail(q);
	struct selection s, again;
	struct buf lines;
	struct span rest, line, name;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].name);
		s.n = again.n = 0;
		for (k = 0; k < 4 && cases[i].terms[k] != NULL; k++)
			add_term(&s, cases[i].terms[k]);
		assert_int_equal(MUST(selection_matches(&s, q->t.tx, &m,
		                     &q->err)),
		    cases[i].matches);
		/* and the same through a request */
		buf_init(&lines, 1000);
		assert_true(selection_put(&s, &lines));
		for (rest = buf_span(&lines); rest.len > 0;) {
			line = span_cut(&rest, '\n');
			name = span_cut(&line, '=');
			assert_int_equal(selection_take(&again, name, line), 1);
		}
		assert_int_equal(again.n, s.n);
		assert_int_equal(MUST(selection_matches(&again, q->t.tx, &m,
		                     &q->err)),
		    cases[i].matches);
		buf_clear(&lines);
	}
}

static void
finished_mail_is_found_by_all_its_recipients(void **state)
{
	struct queue_fixture *q = *state;
	struct index_message m = put_mail(q);
	struct selection s = { .n = 0 };

	add_term(&s, "Rsent@");
	m.state = MESSAGE_FAILED;
	assert_int_equal(MUST(selection_matches(&s, q->t.tx, &m, &q->err)), 1);
}

static void
a_term_is_one_line_and_not_empty_and_their_number_is_bounded(void **state)
{
	static const char *const bad[] = { "", "!", "a\nverb=cancel", "!a\n" };
	struct selection s = { .n = 0 };
	struct po_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(selection_add(&s, SELECT_SENDER,
		                     span_of(bad[i]), &err),
		    -1);
		assert_int_equal(err.code, PO_EUSAGE);
	}
	for (i = 0; i < SELECT_MAX; i++)
		assert_int_equal(selection_add(&s, SELECT_ID, SPAN_LIT("0"),
		                     &err),
		    0);
	assert_int_equal(selection_add(&s, SELECT_ID, SPAN_LIT("0"), &err), -1);
	assert_int_equal(selection_take(&s, SPAN_LIT("match-colour"),
	                     SPAN_LIT("red")),
	    -1);
	assert_int_equal(selection_take(&s, SPAN_LIT("id"), SPAN_LIT("0")), 0);
}

int
main(void)
{
#define CASE(name)                                                             \
	cmocka_unit_test_setup_teardown(name, queue_setup, queue_teardown)
	const struct CMUnitTest tests[] = {
		CASE(terms_of_a_field_are_choices_and_each_field_must_hold),
		CASE(finished_mail_is_found_by_all_its_recipients),
		CASE(
		    a_term_is_one_line_and_not_empty_and_their_number_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
