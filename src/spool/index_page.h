/* SPDX-License-Identifier: ISC */
/* The pages of LMDB's file as bytes; for index_verify.c. The format is in
 * index_page.c. */
#ifndef PO_SPOOL_INDEX_PAGE_H
#define PO_SPOOL_INDEX_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define PAGE_HEADER 16u
#define PAGE_SIZE_MIN 512u
#define PAGE_SIZE_MAX 65536u
#define PAGE_TREE_BYTES 48u

enum { PAGE_BRANCH = 1, PAGE_LEAF = 2, PAGE_OVERFLOW = 4, PAGE_META = 8 };

struct page_tree {
	unsigned flags;
	unsigned depth;
	uint64_t pages[3]; /* branch, leaf, overflow */
	uint64_t entries;
	uint64_t root;
};

struct verifier {
	int fd;
	uint32_t page_bytes;
	uint64_t last_page;
	uint64_t file_pages;
	unsigned char *used; /* a bit for each page */
	struct po_err *err;
};

/* An integer of the host's byte order: 2, 4 or 8 bytes. */
uint64_t page_uint(const unsigned char *p, unsigned bytes);
/* The tree described in these PAGE_TREE_BYTES. */
struct page_tree page_tree_of(const unsigned char *p);
/* Look at every page of the tree, of the trees in it when `is_main`, and at
 * every list when it is that of free pages: 0, or -1 and v->err says what. */
int page_walk_tree(struct verifier *v, const char *name,
    const struct page_tree *tree, bool is_free, bool is_main);

#endif
