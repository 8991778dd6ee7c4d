/* SPDX-License-Identifier: ISC */
/*
 * Runs of ordinary bytes go through as they are; only NUL, LF, CR and the first
 * byte of a line are looked at one by one.
 */
#include "message/clean.h"

#include <string.h>

void
clean_init(struct clean *c, enum clean_dots dots, struct sink out)
{
	*c = (struct clean){ .out = out,
		.dots = dots,
		.line_start = true,
		.dot_counts = dots != DOTS_DATA };
}

static bool
is_smtp(const struct clean *c)
{
	return c->dots == DOTS_SMTP_CRLF || c->dots == DOTS_SMTP_LF;
}

static int
write_spaces(struct clean *c, struct po_err *err)
{
	char spaces[256];
	size_t n;

	memset(spaces, ' ', sizeof(spaces));
	while (c->returns > 0) {
		n = c->returns < sizeof(spaces) ? (size_t)c->returns
		                                : sizeof(spaces);
		if (sink_write(c->out, spaces, n, err) == -1)
			return -1;
		c->returns -= n;
	}
	return 0;
}

/* Something of a line follows: what was held back is part of it. */
static int
settle(struct clean *c, char next, struct po_err *err)
{
	bool keep;

	if (c->dot) {
		c->dot = false;
		keep = !is_smtp(c) && (next != '.' || c->returns > 0);
		if (keep && sink_write(c->out, ".", 1, err) == -1)
			return -1;
	}
	c->line_start = c->dot_counts = false;
	return write_spaces(c, err);
}

static int
line_end(struct clean *c, struct po_err *err)
{
	bool exact = c->dots != DOTS_SMTP_CRLF || c->returns == 1;

	c->ended = c->dot && exact;
	c->dot = false;
	c->dot_counts = c->dots != DOTS_DATA &&
	                (c->dots != DOTS_SMTP_CRLF || c->returns > 0);
	c->returns = 0;
	c->line_start = true;
	if (c->ended)
		return 0;
	return sink_write(c->out, "\n", 1, err);
}

/* How many bytes from `p` on are neither NUL, LF nor CR. */
static size_t
run_length(const char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] <= '\r' &&
		    (p[i] == '\n' || p[i] == '\r' || p[i] == '\0'))
			break;
	return i;
}

int
clean_write(struct clean *c, const char *p, size_t len, struct po_err *err)
{
	size_t i = 0, n;

	while (i < len && !c->ended) {
		if (p[i] == '\0') {
			i++;
			if (is_smtp(c) && settle(c, '\0', err) == -1)
				return -1;
		} else if (p[i] == '\r') {
			c->returns++;
			i++;
		} else if (p[i] == '\n') {
			i++;
			if (line_end(c, err) == -1)
				return -1;
		} else if (p[i] == '.' && c->dot_counts && !c->dot &&
		           c->returns == 0) {
			c->dot = true;
			i++;
		} else {
			n = run_length(p + i, len - i);
			if (settle(c, p[i], err) == -1 ||
			    sink_write(c->out, p + i, n, err) == -1)
				return -1;
			i += n;
		}
	}
	c->used = i;
	return 0;
}

int
clean_end(struct clean *c, struct po_err *err)
{
	if (c->ended || (c->line_start && !c->dot && c->returns == 0))
		return 0;
	return line_end(c, err);
}
