/* SPDX-License-Identifier: ISC */
#include "deliver/seven_kind.h"

#include "message/header.h"

static struct span
next_token(struct span *rest, char *quoted)
{
	struct span s = span_trim(*rest);
	size_t i, n = 0;

	if (s.len == 0 || s.p[0] != '"') {
		for (i = 0; i < s.len && s.p[i] != ';' && s.p[i] != ' ' &&
		            s.p[i] != '\t' && s.p[i] != '\n';
		     i++)
			;
		*rest = (struct span){ s.p + i, s.len - i };
		return (struct span){ s.p, i };
	}
	for (i = 1; i < s.len && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && i + 1 < s.len)
			i++;
		if (n < SEVEN_SPACE_BYTES)
			quoted[n++] = s.p[i];
	}
	i += i < s.len;
	*rest = (struct span){ s.p + i, s.len - i };
	return (struct span){ quoted, n };
}

/* The parameter "boundary" of a Content-Type, unquoted. */
static struct span
boundary_of(struct span value, char *space)
{
	struct span rest = value, name;

	(void)span_cut(&rest, ';');
	while (rest.len > 0) {
		name = span_trim(span_cut(&rest, '='));
		value = next_token(&rest, space);
		if (span_eq_nocase(name, SPAN_LIT("boundary")))
			return value;
		(void)span_cut(&rest, ';');
	}
	return (struct span){ "", 0 };
}

static enum seven_encoding
encoding_of(struct span value)
{
	struct span word = span_trim(value);

	if (span_eq_nocase(word, SPAN_LIT("quoted-printable")))
		return ENC_QP;
	if (span_eq_nocase(word, SPAN_LIT("base64")))
		return ENC_BASE64;
	return span_eq_nocase(word, SPAN_LIT("7bit")) ||
	               span_eq_nocase(word, SPAN_LIT("8bit")) ||
	               span_eq_nocase(word, SPAN_LIT("binary"))
	           ? ENC_PLAIN
	           : ENC_OTHER;
}

static void
read_type(struct span value, struct seven_kind *k, char *space)
{
	struct span rest = value, type = span_trim(span_cut(&rest, ';'));

	k->has_type = true;
	k->text = span_has_prefix_nocase(type, SPAN_LIT("text/"));
	k->message = span_eq_nocase(type, SPAN_LIT("message/rfc822"));
	k->multipart = span_has_prefix_nocase(type, SPAN_LIT("multipart/"));
	k->sealed = span_eq_nocase(type, SPAN_LIT("multipart/signed"));
	k->digest = span_eq_nocase(type, SPAN_LIT("multipart/digest"));
	if (k->multipart)
		k->boundary = boundary_of(value, space);
}

bool
seven_is_field(struct span raw, struct span name)
{
	return span_eq_nocase(span_trim(span_cut(&raw, ':')), name);
}

void
seven_kind_read(struct span header, bool in_digest,
    char space[SEVEN_SPACE_BYTES], struct seven_kind *k)
{
	struct span raw, value;

	*k = (struct seven_kind){ .message = in_digest };
	while (header.len > 0) {
		raw = value = header_cut_field(&header);
		(void)span_cut(&value, ':');
		if (seven_is_field(raw, SPAN_LIT("Content-Type")) &&
		    !k->has_type)
			read_type(value, k, space);
		else if (seven_is_field(raw, SPAN_LIT("MIME-Version")))
			k->mime_version = true;
		else if (seven_is_field(raw,
		             SPAN_LIT("Content-Transfer-Encoding")))
			k->encoding = encoding_of(value);
	}
	if (k->boundary.len > SEVEN_BOUNDARY_BYTES)
		k->boundary.len = 0;
}
