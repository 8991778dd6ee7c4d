/* SPDX-License-Identifier: ISC */
#include "deliver/ehlo.h"

#include "deliver/mechanism.h"
#include "util/parse_num.h"

/* The next word of *rest, or an empty one at the end. */
static struct span
next_word(struct span *rest)
{
	struct span word;

	while (rest->len > 0 && ascii_is_blank((unsigned char)rest->p[0])) {
		rest->p++;
		rest->len--;
	}
	word = (struct span){ rest->p, 0 };
	while (rest->len > 0 && !ascii_is_blank((unsigned char)rest->p[0])) {
		rest->p++;
		rest->len--;
		word.len++;
	}
	return word;
}

static void
parse_size_limit(struct span rest, struct ehlo *out)
{
	uint64_t limit;

	out->size = true;
	if (parse_u64(next_word(&rest), 0, UINT64_MAX, &limit))
		out->size_limit = limit;
}

static void
parse_auth(struct span rest, struct ehlo *out)
{
	enum mechanism m;
	struct span word;

	for (;;) {
		word = next_word(&rest);
		if (word.len == 0)
			return;
		m = mechanism_find(word);
		if (m != MECHANISMS)
			out->auth |= MECHANISM_BIT(m);
	}
}

/* RFC 9422, 4: NAME=VALUE words; what is not known, or no number, is passed
 * over. RCPTDOMAINMAX is not looked at: who exceeds it is told by 4xx. */
static void
parse_limits(struct span rest, struct ehlo *out)
{
	struct span word, name;
	uint64_t n;

	while ((word = next_word(&rest)).len > 0) {
		name = span_cut(&word, '=');
		if (!parse_u64(word, 1, 999999, &n))
			continue;
		if (span_eq_nocase(name, SPAN_LIT("RCPTMAX")))
			out->rcpt_max = n;
		else if (span_eq_nocase(name, SPAN_LIT("MAILMAX")))
			out->mail_max = n;
	}
}

static void
parse_line(struct span line, struct ehlo *out)
{
	const struct {
		struct span word;
		bool *flag;
	} flags[] = {
		{ SPAN_LIT("PIPELINING"), &out->pipelining },
		{ SPAN_LIT("8BITMIME"), &out->eightbit },
		{ SPAN_LIT("SMTPUTF8"), &out->smtputf8 },
		{ SPAN_LIT("DSN"), &out->dsn },
		{ SPAN_LIT("STARTTLS"), &out->starttls },
		{ SPAN_LIT("CHUNKING"), &out->chunking },
		{ SPAN_LIT("REQUIRETLS"), &out->requiretls },
		{ SPAN_LIT("MT-PRIORITY"), &out->mt_priority },
		{ SPAN_LIT("DELIVERBY"), &out->deliverby },
	};
	static const struct span old_auth = { "AUTH=", 5 };
	struct span rest = line, word = next_word(&rest);
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (span_eq_nocase(word, flags[i].word))
			*flags[i].flag = true;
	if (span_eq_nocase(word, SPAN_LIT("SIZE")))
		parse_size_limit(rest, out);
	if (span_eq_nocase(word, SPAN_LIT("DELIVERBY")))
		(void)parse_i64(next_word(&rest), 0, 999999999, &out->by_min_s);
	if (span_eq_nocase(word, SPAN_LIT("LIMITS")))
		parse_limits(rest, out);
	if (span_eq_nocase(word, SPAN_LIT("AUTH")))
		parse_auth(rest, out);
	/* Before RFC 2554: "AUTH=LOGIN PLAIN". */
	if (span_has_prefix_nocase(word, old_auth))
		parse_auth((struct span){ word.p + old_auth.len,
		               (size_t)(line.p + line.len - word.p) -
		                   old_auth.len },
		    out);
}

void
ehlo_parse(struct span text, struct ehlo *out)
{
	*out = (struct ehlo){ .auth = 0 };
	(void)span_cut(&text, '\n');
	while (text.len > 0)
		parse_line(span_cut(&text, '\n'), out);
}
