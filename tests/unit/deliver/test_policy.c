/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deliver/policy.h"

static const struct {
	const char *name;
	enum delivery_phase phase;
	int code;
	const char *status;
	enum delivery_state state;
	enum policy_scope scope;
} cases[] = {
	{ "a greeting of 554 defers the relay", PHASE_GREETING, 554, "5.7.1",
	    DELIVERY_DEFERRED, SCOPE_RELAY },
	{ "so does 550 at connect", PHASE_GREETING, 550, "", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "and a refused EHLO", PHASE_EHLO, 504, "", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "and a refused STARTTLS", PHASE_TLS, 502, "", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "a wrong password bounces nothing", PHASE_AUTH, 535, "5.7.8",
	    DELIVERY_DEFERRED, SCOPE_RELAY },
	{ "421 at MAIL", PHASE_MAIL, 421, "4.3.2", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "421 at RCPT", PHASE_RCPT, 421, "", DELIVERY_DEFERRED, SCOPE_RELAY },
	{ "421 after the dot", PHASE_DOT, 421, "", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "authentication wanted", PHASE_MAIL, 530, "5.7.0", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "STARTTLS wanted, said late", PHASE_RCPT, 530, "5.7.0",
	    DELIVERY_DEFERRED, SCOPE_RELAY },
	{ "535 at MAIL", PHASE_MAIL, 535, "5.7.8", DELIVERY_DEFERRED,
	    SCOPE_RELAY },
	{ "no network mail taken now", PHASE_MAIL, 453, "4.3.2",
	    DELIVERY_DEFERRED, SCOPE_RELAY },
	{ "too large, said at MAIL", PHASE_MAIL, 552, "5.3.4", DELIVERY_FAILED,
	    SCOPE_MESSAGE },
	{ "no room there now, said at MAIL", PHASE_MAIL, 452, "4.3.1",
	    DELIVERY_DEFERRED, SCOPE_MESSAGE },
	{ "sender refused", PHASE_MAIL, 550, "5.7.1", DELIVERY_FAILED,
	    SCOPE_MESSAGE },
	{ "sender deferred", PHASE_MAIL, 451, "4.7.1", DELIVERY_DEFERRED,
	    SCOPE_MESSAGE },
	{ "no such user", PHASE_RCPT, 550, "5.1.1", DELIVERY_FAILED,
	    SCOPE_RECIPIENT },
	{ "no such user, without a status", PHASE_RCPT, 550, "",
	    DELIVERY_FAILED, SCOPE_RECIPIENT },
	{ "greylisted", PHASE_RCPT, 450, "4.2.0", DELIVERY_DEFERRED,
	    SCOPE_RECIPIENT },
	{ "too many recipients", PHASE_RCPT, 452, "4.5.3", DELIVERY_DEFERRED,
	    SCOPE_RECIPIENT },
	{ "the same, said with 552 (RFC 5321, 4.5.3.1.10)", PHASE_RCPT, 552, "",
	    DELIVERY_DEFERRED, SCOPE_RECIPIENT },
	{ "the same, said with 5.5.3", PHASE_RCPT, 550, "5.5.3",
	    DELIVERY_DEFERRED, SCOPE_RECIPIENT },
	{ "no valid recipients", PHASE_DATA, 554, "5.5.1", DELIVERY_FAILED,
	    SCOPE_MESSAGE },
	{ "cut short with 451", PHASE_CONTENT, 451, "", DELIVERY_DEFERRED,
	    SCOPE_MESSAGE },
	{ "taken", PHASE_DOT, 250, "2.0.0", DELIVERY_SENT, SCOPE_MESSAGE },
	{ "spam", PHASE_DOT, 554, "5.7.1", DELIVERY_FAILED, SCOPE_MESSAGE },
	{ "552 after the dot is no number of recipients", PHASE_DOT, 552,
	    "5.2.2", DELIVERY_FAILED, SCOPE_MESSAGE },
	{ "queue full", PHASE_DOT, 451, "4.3.1", DELIVERY_DEFERRED,
	    SCOPE_MESSAGE },
	{ "an answer out of place", PHASE_MAIL, 354, "", DELIVERY_DEFERRED,
	    SCOPE_MESSAGE },
};

static void
each_answer_means_what_its_row_says(void **state)
{
	struct policy_verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].name);
		v = policy_judge(cases[i].phase, cases[i].code,
		    cases[i].status);
		assert_int_equal(v.state, cases[i].state);
		assert_int_equal(v.scope, cases[i].scope);
	}
}

/* Whatever it means for the message. */
static void
some_answers_ask_for_less(void **state)
{
	static const struct {
		const char *name;
		enum delivery_phase phase;
		int code;
		const char *status;
		bool slow;
	} slow[] = {
		{ "too many connections", PHASE_GREETING, 421, "4.7.0", true },
		{ "the service goes away", PHASE_MAIL, 421, "4.3.2", true },
		{ "421 to the last dot", PHASE_DOT, 421, "", true },
		{ "congestion", PHASE_EHLO, 451, "4.4.5", true },
		{ "Postfix's anvil, of messages", PHASE_MAIL, 450, "4.7.1",
		    true },
		{ "a grey list", PHASE_RCPT, 450, "4.7.1", false },
		{ "a flood, by its number", PHASE_DATA, 451, "4.7.28", true },
		{ "too many at once", PHASE_MAIL, 432, "4.3.2", true },
		{ "450 to MAIL, which names no mailbox", PHASE_MAIL, 450, "",
		    true },
		{ "a mailbox that is busy", PHASE_RCPT, 450, "4.2.1", false },
		{ "the same without a status", PHASE_RCPT, 450, "", false },
		{ "a broken directory of passwords", PHASE_AUTH, 454, "4.7.0",
		    false },
		{ "a full disk", PHASE_MAIL, 452, "4.3.1", false },
		{ "too many recipients", PHASE_RCPT, 452, "4.5.3", false },
		{ "refused for good", PHASE_MAIL, 550, "5.7.1", false },
		{ "taken", PHASE_DOT, 250, "2.0.0", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		print_message("# %s\n", slow[i].name);
		assert_int_equal(policy_judge(slow[i].phase, slow[i].code,
		                     slow[i].status)
		                     .slow,
		    slow[i].slow);
	}
}

/* No answer before the dot is a success, no 2xx a failure. */
static void
no_answer_is_taken_for_more_than_it_is(void **state)
{
	struct policy_verdict v;
	int phase, code;

	(void)state;
	for (phase = PHASE_NONE; phase <= PHASE_LOCAL; phase++)
		for (code = 200; code < 600; code++) {
			v = policy_judge((enum delivery_phase)phase, code, "");
			if (code >= 300 || phase < PHASE_DOT)
				assert_int_not_equal(v.state, DELIVERY_SENT);
			if (code < 500)
				assert_int_not_equal(v.state, DELIVERY_FAILED);
			if (phase < PHASE_MAIL)
				assert_int_equal(v.scope, SCOPE_RELAY);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_means_what_its_row_says),
		cmocka_unit_test(some_answers_ask_for_less),
		cmocka_unit_test(no_answer_is_taken_for_more_than_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
