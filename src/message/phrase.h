/* SPDX-License-Identifier: ISC */
/* Display names (RFC 5322 phrase), in whatever form the name needs. */
#ifndef PO_MESSAGE_PHRASE_H
#define PO_MESSAGE_PHRASE_H

#include <stdbool.h>

#include "util/buf.h"
#include "util/span.h"

/*
 * Append `name` (UTF-8, from anybody) as a phrase: as it is when it is made of
 * atoms, in quotes when it is ASCII, else as encoded words (RFC 2047; at most
 * 75 characters each, a fold between them). Control characters become blanks,
 * bytes that are not UTF-8 '?'. False at the ceiling of *out.
 */
bool phrase_put(struct buf *out, struct span name);

/*
 * Append `text` as the value of a field like Subject (RFC 5322 unstructured):
 * encoded where it is not ASCII or could be taken for an encoded word. `column`
 * is where it begins, so that lines stay within 76 (RFC 2047, 2).
 */
bool unstructured_put(struct buf *out, struct span text, size_t column);

#endif
