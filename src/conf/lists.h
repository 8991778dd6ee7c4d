/* SPDX-License-Identifier: ISC */
/* Values that have several parts: names, and lists of groups. Only conf
 * includes this. */
#ifndef PO_CONF_LISTS_H
#define PO_CONF_LISTS_H

#include "conf/conf.h"
#include "util/buf.h"
#include "util/span.h"

/* Append a string as a file would write it. False: no room in `out`. */
bool conf_string_put(const char *s, struct buf *out);

/* Replace the names by those in `text`. */
int conf_names_set(const struct conf_option *o, void *field, struct span text,
    const char *where, struct po_err *err);
void conf_names_clear(void *field);
bool conf_names_put(const void *field, struct buf *out);

/* Is `o` the row of a list's member? */
bool conf_is_member(const struct conf_option *o);

/* Room for `n` entries, each with the fallbacks of its members. */
void conf_list_make(const struct conf_option *o, void *field, size_t n);
void *conf_list_entry(const struct conf_option *o, void *field, size_t i);
void conf_list_set_place(void *field, size_t i, const char *where);
void conf_list_clear(const struct conf_option *o, void *field);
bool conf_list_put(const struct conf_option *o, const void *field,
    struct buf *out);

#endif
