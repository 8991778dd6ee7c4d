/* SPDX-License-Identifier: ISC */
/* Members of JSON objects that programs print (RFC 8259, 7). */
#ifndef PO_CLI_JSON_TEXT_H
#define PO_CLI_JSON_TEXT_H

#include <stdio.h>

#include "util/span.h"

/* "key": "text", in UTF-8; bytes that are none become U+FFFD. */
void json_text_print(FILE *to, const char *key, struct span s);

#endif
