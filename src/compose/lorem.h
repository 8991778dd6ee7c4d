/* SPDX-License-Identifier: ISC */
/* Filler text, put out as it is made. */
#ifndef PO_COMPOSE_LOREM_H
#define PO_COMPOSE_LOREM_H

#include <stdbool.h>
#include <stdint.h>

struct render;

bool tpl_lorem_words(struct render *r, int64_t count, bool random);
bool tpl_lorem_paragraphs(struct render *r, int64_t count, bool random,
    bool html);

#endif
