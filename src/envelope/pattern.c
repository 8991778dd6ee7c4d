/* SPDX-License-Identifier: ISC */
/*
 * A star is tried as short as possible first; when what follows does not fit,
 * only the last star passed is made longer, which finds a match if there is
 * one. So no pattern takes more than its length times that of the text.
 */
#include "envelope/pattern.h"

#include "envelope/address.h"
#include "util/parse_num.h"

static bool
same(char a, char b, bool fold)
{
	return fold ? ascii_lower((unsigned char)a) ==
	                  ascii_lower((unsigned char)b)
	            : a == b;
}

bool
pattern_match(struct span pattern, struct span s, bool fold)
{
	size_t p = 0, i = 0, star = SIZE_MAX, from = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			from = i;
		} else if (p < pattern.len &&
		           same(pattern.p[p], s.p[i], fold)) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

/* ".example.org" and what ends with it; the pattern may hold stars. */
static bool
match_subdomain(struct span pattern, struct span domain)
{
	size_t i;

	for (i = 1; i < domain.len; i++)
		if (domain.p[i] == '.' &&
		    pattern_match(pattern,
		        (struct span){ domain.p + i, domain.len - i }, true))
			return true;
	return false;
}

bool
pattern_match_address(struct span pattern, struct span address)
{
	struct span domain = address_domain(address);

	if (span_eq(pattern, SPAN_LIT("<>")))
		return address.len == 0;
	if (span_eq(pattern, SPAN_LIT("*")))
		return true;
	if (address.len == 0 || pattern.len == 0)
		return false;
	if (pattern.p[0] == '@')
		return pattern_match((struct span){ pattern.p + 1,
		                         pattern.len - 1 },
		    domain, true);
	if (memchr(pattern.p, '@', pattern.len) != NULL)
		return pattern_match(pattern, address, true);
	if (pattern.p[0] == '.')
		return match_subdomain(pattern, domain);
	return pattern_match(pattern, domain, true);
}

bool
pattern_parse_uids(struct span s, uint32_t *first, uint32_t *last)
{
	struct span rest = s, head = span_cut(&rest, '-');
	int64_t a, b;

	if (!parse_i64(head, 0, UINT32_MAX - 1, &a))
		return false;
	b = a;
	if (head.len < s.len && !parse_i64(rest, a, UINT32_MAX - 1, &b))
		return false;
	*first = (uint32_t)a;
	*last = (uint32_t)b;
	return true;
}
