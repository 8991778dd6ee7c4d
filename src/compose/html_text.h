/* SPDX-License-Identifier: ISC */
/*
 * The text part of a mail, made from its html part: what a reader of plain text
 * needs. Paragraphs are wrapped at 76 columns, headings underlined, lists and
 * quotations marked, tables of data set in columns (tables that only place
 * things are read cell by cell), images are their alternative texts, and links
 * are numbered, with their addresses at the end. What is not shown (script,
 * style, title, "display: none") is left out.
 */
#ifndef PO_COMPOSE_HTML_TEXT_H
#define PO_COMPOSE_HTML_TEXT_H

#include "util/buf.h"
#include "util/err.h"

#define HTML_TEXT_COLUMNS 76u

/* Append it to `out`, lines ended by LF. Time and memory are linear in the
 * length of `html` (UTF-8, as any bytes). 0; -1: PO_EUNAVAILABLE, the ceiling
 * of `out` is reached; PO_EOS. */
int html_text(struct span html, struct buf *out, struct po_err *err);

#endif
