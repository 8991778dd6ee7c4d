/* SPDX-License-Identifier: ISC */
/*
 * Optimal string alignment distance, three rows at a time. Case and the
 * difference between '-' and '_' cost nothing, so that "Retry-First" is near.
 */
#include "conf/nearest.h"

#define LONGEST_NAME 63
#define FAR 99

static unsigned char
folded(char c)
{
	return c == '-' ? '_' : ascii_lower((unsigned char)c);
}

static unsigned
smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
conf_distance(struct span a, struct span b)
{
	unsigned rows[3][LONGEST_NAME + 1] = { { 0 } };
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;
	size_t i, j;
	bool same;

	if (a.len > LONGEST_NAME || b.len > LONGEST_NAME)
		return FAR;
	for (j = 0; j <= b.len; j++)
		last[j] = (unsigned)j;
	for (i = 1; i <= a.len; i++) {
		row[0] = (unsigned)i;
		for (j = 1; j <= b.len; j++) {
			same = folded(a.p[i - 1]) == folded(b.p[j - 1]);
			row[j] = smaller(last[j] + 1, row[j - 1] + 1);
			row[j] = smaller(row[j], last[j - 1] + !same);
			if (i > 1 && j > 1 &&
			    folded(a.p[i - 1]) == folded(b.p[j - 2]) &&
			    folded(a.p[i - 2]) == folded(b.p[j - 1]))
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.len];
}

bool
conf_is_slip(unsigned distance, size_t len)
{
	return distance <= 1 + len / 4;
}
