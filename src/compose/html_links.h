/* SPDX-License-Identifier: ISC */
/* The addresses of links, each once, in the order in which they came. */
#ifndef PO_COMPOSE_HTML_LINKS_H
#define PO_COMPOSE_HTML_LINKS_H

#include <stdint.h>

#include "util/buf.h"

struct html_links {
	struct buf text; /* all of them, behind each other */
	size_t *ends;    /* of each */
	size_t n, cap;
	uint32_t *slots; /* hash table of numbers */
	size_t mask;
};

void html_links_init(struct html_links *l, size_t max_bytes);
void html_links_clear(struct html_links *l);
/* Its number, from 1; 0 without room. */
size_t html_links_add(struct html_links *l, struct span url);
struct span html_links_get(const struct html_links *l, size_t number);

#endif
