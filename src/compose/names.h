/* SPDX-License-Identifier: ISC */
/* Names of templates that start from the template that uses them: "./row",
 * "../base". */
#ifndef PO_COMPOSE_NAMES_H
#define PO_COMPOSE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/span.h"

bool tpl_name_is_relative(struct span name);

/*
 * `name` as seen from template `from`, into `path`, which has from.len +
 * name.len + 2 bytes. False with `why` filled: it leads out of the tree, or to
 * `from` itself.
 */
bool tpl_name_resolve(struct span from, struct span name, char *path,
    struct span *out, char *why, size_t why_size);

#endif
