/* SPDX-License-Identifier: ISC */
/*
 * Django's template language (as of Django 3.2) over JSON contexts. A source is
 * compiled once into a compact tree, which never changes and may be rendered
 * many times, also by several threads at once.
 *
 * This room opens no file, asks no clock and knows no spool: the caller gives
 * the source, the context, the time, and a loader that finds the other
 * templates which `extends` and `include` name.
 *
 * Where po differs from Django on purpose:
 *  - `url`, `csrf_token`, `debug` and `load` are refused when compiled, since
 * they need a web application;
 *  - date, time, timesince and timeuntil also take ISO 8601 strings, since JSON
 * has no dates;
 *  - integers have 64 bits, and what would leave them is an error;
 *  - of an object's methods `items`, `keys` and `values` alone can be called;
 * other values have none;
 *  - everything a hostile template or context could make large has a limit
 * (struct template_limits).
 */
#ifndef PO_COMPOSE_TEMPLATE_H
#define PO_COMPOSE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/span.h"

struct template;
struct template_context;

/* Ceilings; an error names the one that was reached. template_limits_default
 * has them all. */
struct template_limits {
	size_t source_bytes;    /* of one template */
	unsigned tag_depth;     /* tags within tags */
	unsigned expr_depth;    /* operators within operators of one `if` */
	unsigned include_depth; /* include and extends, together */
	size_t
	    output_bytes; /* of one part, and of each value on the way to it */
	size_t memory_bytes; /* of all values that one render makes */
	uint64_t steps; /* nodes, turns of loops, and one for each 64 bytes that
	                   a filter reads */
	size_t context_bytes;   /* of the JSON text */
	unsigned context_depth; /* of lists and objects within each other */
};
extern const struct template_limits template_limits_default;

/* Where an error is: the template's name (cut), line and column from 1, the
 * column in characters. line 0: nowhere. */
struct template_place {
	char name[128];
	unsigned line;
	unsigned column;
};

/*
 * Compile `source` (UTF-8, copied). `name` is what errors call it and what "./"
 * and "../" in names of other templates start from. 0 and *out, which the
 * caller frees; or -1: PO_EDATA for a syntax error, with text
 * "NAME:LINE:COLUMN: message" and *where filled (NULL allowed), PO_EUNAVAILABLE
 * for a limit, PO_EOS without memory.
 */
int template_compile(const char *name, struct span source,
    const struct template_limits *limits, struct template **out,
    struct template_place *where, struct po_err *err);
void template_free(struct template *t);

/* The i-th template that `extends` or `include` names by a literal, in the
 * order of the source. False past the last. */
struct template_reference {
	struct span name;
	unsigned line;
	unsigned column;
};
bool template_reference_get(const struct template *t, size_t i,
    struct template_reference *out);

/* Does it extend or include a template whose name is known only when it is
 * rendered? */
bool template_has_dynamic_reference(const struct template *t);

/*
 * Parse a context: one JSON object. Repeated keys, invalid UTF-8, U+0000 and
 * numbers out of range are refused. 0 and *out, which the caller frees after
 * the last render with it; or -1: PO_EDATA, PO_EUNAVAILABLE (a limit).
 */
int template_context_parse(struct span json,
    const struct template_limits *limits, struct template_context **out,
    struct po_err *err);
void template_context_free(struct template_context *c);

/* Finds other templates by name. */
struct template_loader {
	/*
	 * 1 and *out, which must stay valid until the render is over; 0 when
	 * there is no such template; -1 with *err set when there is one that
	 * cannot be used (*where filled where its source is wrong).
	 */
	int (*get)(void *ctx, struct span name, const struct template **out,
	    struct template_place *where, struct po_err *err);
	void *ctx;
};

/* A time zone at one moment. */
struct template_zone_info {
	int32_t offset_s; /* east of UTC */
	bool dst;
	char name[16]; /* "CET" */
};

struct template_zone {
	/* `t`: seconds since 1970, UTC, or local time when `local`. */
	void (*at)(void *ctx, int64_t t, bool local,
	    struct template_zone_info *out);
	void *ctx;
};

/* Read "2026-03-14T15:09:26+00:00" or "2026-03-14" (UTC where no offset is
 * given) into microseconds since 1970. */
bool template_time_parse(struct span s, int64_t *us);

struct template_options {
	bool autoescape; /* on for HTML, off for subject and text */
	bool strict; /* an undefined variable is an error, but for the default
	                filters and `if` */
	int64_t now_us; /* the time: microseconds since 1970, UTC */
	uint64_t seed;  /* of `random` and of `lorem` past its fixed text */
	struct template_loader
	    loader; /* get == NULL: there are no other templates */
	struct template_zone zone;  /* at == NULL: UTC */
	bool (*expired)(void *ctx); /* asked now and then; true ends the render.
	                               NULL: no limit of time */
	void *expired_ctx;
	const struct template_limits *limits; /* NULL: the default ones */
};

/*
 * Render into `out`, appending. 0, or -1 with `out` as it was: PO_EDATA for an
 * error in template or context, text "NAME:LINE:COLUMN: message" and *where
 * filled (NULL allowed), PO_EUNAVAILABLE for a limit, PO_EOS without memory;
 * what the loader said is passed on. The output is valid UTF-8.
 */
int template_render(const struct template *t, const struct template_context *c,
    const struct template_options *o, struct buf *out,
    struct template_place *where, struct po_err *err);

#endif
