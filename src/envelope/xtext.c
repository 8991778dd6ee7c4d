/* SPDX-License-Identifier: ISC */
#include "envelope/xtext.h"

static int
upper_hex(char c)
{
	if (ascii_is_digit((unsigned char)c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
xtext_is_valid(struct span s)
{
	int high, low;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '=')
			return false;
		if (s.p[i] != '+')
			continue;
		if (s.len - i < 3)
			return false;
		high = upper_hex(s.p[i + 1]);
		low = upper_hex(s.p[i + 2]);
		if (high == -1 || low == -1 ||
		    ascii_is_control((unsigned char)(high * 16 + low)))
			return false;
		i += 2;
	}
	return true;
}

bool
xtext_is_orcpt(struct span s)
{
	struct span type = span_cut(&s, ';');
	size_t i;

	for (i = 0; i < type.len; i++)
		if (!ascii_is_alnum((unsigned char)type.p[i]) &&
		    type.p[i] != '-')
			return false;
	return type.len > 0 && s.len > 0 && xtext_is_valid(s);
}
