/* SPDX-License-Identifier: ISC */
/*
 * Every page that can be reached is looked at: that it is in the file, is of
 * the kind its parent says, was not met before, that its nodes lie in it and
 * fill it, that keys ascend, and that nothing is both used and free.
 *
 * The format (LMDB 0.9, data version 1, host byte order):
 *	page	number 8, pad 2, flags 2, lower 2, upper 2 (overflow: pages 4),
 *		then 2 bytes for each node: where it begins
 *	node	low 2, high 2, flags 2, key size 2, key; leaf: value, whose size
 *		is low | high << 16; branch: child = low | high << 16 |
 *		flags << 32
 *	tree	pad 4, flags 2, depth 2, branch, leaf, overflow pages 8 each,
 *		entries 8, root 8
 *	meta	behind the header of pages 0 and 1: magic 4, version 4, address
 *		8, map size 8, tree of free pages (its pad: the page size), main
 *		tree, last page 8, transaction 8
 */
#include "spool/index_page.h"

#include <stdlib.h>
#include <string.h>

#include "util/fd.h"

#define NO_PAGE UINT64_MAX
#define NODE 8u
#define DEPTH_MAX 32u
#define KEY_MAX 511u

enum { PAGE_KIND = 0x6f }; /* all flags but those of pages in memory */
enum { NODE_BIG = 1, NODE_TREE = 2 };

/* One walk: what is counted, and the key before. */
struct walk {
	struct verifier *v;
	const char *name;
	bool is_free; /* the tree of free pages: keys are numbers */
	bool is_main; /* its values are trees */
	struct page_tree seen;
	unsigned char last_key[KEY_MAX];
	size_t last_len;
	bool has_last;
};

uint64_t
page_uint(const unsigned char *p, unsigned bytes)
{
	uint64_t n8;
	uint32_t n4;
	uint16_t n2;

	switch (bytes) {
	case 8:
		memcpy(&n8, p, 8);
		return n8;
	case 4:
		memcpy(&n4, p, 4);
		return n4;
	default:
		memcpy(&n2, p, 2);
		return n2;
	}
}

static unsigned
host_u16(const unsigned char *p)
{
	return (unsigned)page_uint(p, 2);
}

static int
bad(struct verifier *v, uint64_t page, const char *what)
{
	return po_fail(v->err, PO_EINDEX,
	    "index: page %ju: %s: po-queue --rebuild-index", (uintmax_t)page,
	    what);
}

static int
read_page(struct verifier *v, uint64_t page, unsigned char *to)
{
	if (page > v->last_page)
		return bad(v, page, "behind the last");
	return fd_pread_all(v->fd, to, v->page_bytes,
	    (off_t)(page * v->page_bytes), "index", v->err);
}

/* Mark `n` pages: each may be met once. */
static int
mark(struct verifier *v, uint64_t page, uint64_t n, const char *again)
{
	uint64_t i;

	if (page < 2 || n > v->last_page || page > v->last_page - (n - 1))
		return bad(v, page, "out of range");
	for (i = page; i < page + n; i++) {
		unsigned char bit = (unsigned char)(1u << (i % 8));

		if (v->used[i / 8] & bit)
			return bad(v, i, again);
		v->used[i / 8] |= bit;
	}
	return 0;
}

struct page_tree
page_tree_of(const unsigned char *p)
{
	struct page_tree t;
	unsigned i;

	t.flags = host_u16(p + 4);
	t.depth = host_u16(p + 6);
	for (i = 0; i < 3; i++)
		t.pages[i] = page_uint(p + 8 + 8 * i, 8);
	t.entries = page_uint(p + 32, 8);
	t.root = page_uint(p + 40, 8);
	return t;
}

/* --------------------------------------------------------------- nodes */

/* A key that must stand behind the one before. */
static int
check_key(struct walk *w, uint64_t page, const unsigned char *key, size_t len)
{
	size_t shorter = len < w->last_len ? len : w->last_len;
	bool ascends;
	int cmp;

	if (len == 0 || len > KEY_MAX || (w->is_free && len != 8))
		return bad(w->v, page, "a key's length");
	cmp = memcmp(w->last_key, key, shorter);
	ascends = cmp < 0 || (cmp == 0 && w->last_len < len);
	if (w->is_free && w->has_last)
		ascends = page_uint(w->last_key, 8) < page_uint(key, 8);
	if (w->has_last && !ascends)
		return bad(w->v, page, "keys do not ascend");
	memcpy(w->last_key, key, len);
	w->last_len = len;
	w->has_last = true;
	return 0;
}

/* A value that lies in pages of its own; its pages are read for a list of free
 * pages only. */
static int
check_big(struct walk *w, uint64_t first, uint64_t size)
{
	unsigned char header[PAGE_HEADER];
	struct verifier *v = w->v;
	uint64_t n;

	if (first > v->last_page)
		return bad(v, first, "behind the last");
	if (fd_pread_all(v->fd, header, sizeof(header),
	        (off_t)(first * v->page_bytes), "index", v->err) == -1)
		return -1;
	n = page_uint(header + 12, 4);
	if (page_uint(header, 8) != first ||
	    (host_u16(header + 10) & PAGE_KIND) != PAGE_OVERFLOW)
		return bad(v, first, "no overflow page");
	if (n == 0 || n * v->page_bytes < PAGE_HEADER + size)
		return bad(v, first, "too few overflow pages");
	if (n > v->file_pages || first > v->file_pages - n)
		return bad(v, first, "behind the end of the file");
	w->seen.pages[2] += n;
	return mark(v, first, n, "used twice");
}

/* A list of free pages: a count, then so many numbers. */
static int
check_free_list(struct walk *w, uint64_t page, const unsigned char *value,
    uint64_t size)
{
	uint64_t n, i;

	if (size < 8 || size % 8 != 0)
		return bad(w->v, page, "a free list's length");
	n = page_uint(value, 8);
	if (n != size / 8 - 1)
		return bad(w->v, page, "a free list's count");
	for (i = 1; i <= n; i++)
		if (mark(w->v, page_uint(value + 8 * i, 8), 1,
		        "both used and free") == -1)
			return -1;
	return 0;
}

static int
check_big_free_list(struct walk *w, uint64_t first, uint64_t size)
{
	struct verifier *v = w->v;
	unsigned char *value;
	int rc;

	if (size > v->last_page * 8 + 8)
		return bad(v, first, "a free list's length");
	value = calloc(1, size);
	if (value == NULL)
		return po_fail(v->err, PO_EOS, "index: out of memory");
	rc = fd_pread_all(v->fd, value, size,
	    (off_t)(first * v->page_bytes + PAGE_HEADER), "index", v->err);
	if (rc == 0)
		rc = check_free_list(w, first, value, size);
	free(value);
	return rc;
}

static int
check_subtree(struct walk *w, uint64_t page, const unsigned char *value,
    uint64_t size, const unsigned char *key, size_t key_len)
{
	char name[32];
	struct page_tree tree;

	if (!w->is_main || size != PAGE_TREE_BYTES || key_len >= sizeof(name))
		return bad(w->v, page, "a database out of place");
	memcpy(name, key, key_len);
	name[key_len] = '\0';
	tree = page_tree_of(value);
	if (tree.flags != 0)
		return bad(w->v, page, "a database with unknown flags");
	return page_walk_tree(w->v, name, &tree, false, false);
}

static int
check_value(struct walk *w, uint64_t page, const unsigned char *node,
    const unsigned char *end)
{
	uint64_t size = host_u16(node) | (uint64_t)host_u16(node + 2) << 16;
	unsigned flags = host_u16(node + 4);
	size_t key_len = host_u16(node + 6);
	const unsigned char *value = node + NODE + key_len;
	uint64_t here = flags & NODE_BIG ? 8 : size, first;

	if (here > (uint64_t)(end - value))
		return bad(w->v, page, "a value out of its page");
	w->seen.entries++;
	switch (flags) {
	case 0:
		if (w->is_main)
			return bad(w->v, page, "a value beside databases");
		return w->is_free ? check_free_list(w, page, value, size) : 0;
	case NODE_BIG:
		first = page_uint(value, 8);
		if (w->is_main || check_big(w, first, size) == -1)
			return -1;
		return w->is_free ? check_big_free_list(w, first, size) : 0;
	case NODE_TREE:
		return check_subtree(w, page, value, size, node + NODE,
		    key_len);
	default:
		return bad(w->v, page, "a node with unknown flags");
	}
}

/* --------------------------------------------------------------- pages */

static int walk_page(struct walk *w, uint64_t page, unsigned depth);

/* The node `i` of a page: inside, behind its own key. */
static const unsigned char *
node_at(const struct verifier *v, const unsigned char *p, unsigned i)
{
	unsigned at = host_u16(p + PAGE_HEADER + 2 * i);
	unsigned upper = host_u16(p + 14);

	if (at < upper || at % 2 != 0 || at > v->page_bytes - NODE ||
	    host_u16(p + at + 6) > v->page_bytes - NODE - at)
		return NULL;
	return p + at;
}

static bool
is_leaf(const unsigned char *p)
{
	return (host_u16(p + 10) & PAGE_KIND) == PAGE_LEAF;
}

/* What a node takes of its page: even, because all of them are. */
static uint64_t
node_bytes(const unsigned char *node, bool leaf)
{
	uint64_t n = NODE + host_u16(node + 6);

	if (leaf && (host_u16(node + 4) & NODE_BIG))
		n += 8;
	else if (leaf)
		n += host_u16(node) | (uint64_t)host_u16(node + 2) << 16;
	return (n + 1) / 2 * 2;
}

/* The nodes fill the page from `upper` to its end, none upon another: LMDB
 * moves what lies between when it deletes one. */
static int
check_cover(struct verifier *v, uint64_t page, const unsigned char *p,
    unsigned keys)
{
	unsigned char covered[PAGE_SIZE_MAX / 16] = { 0 };
	uint64_t at, n, sum = 0, k;
	const unsigned char *node;
	unsigned i;

	for (i = 0; i < keys; i++) {
		node = node_at(v, p, i);
		if (node == NULL)
			return bad(v, page, "a node out of its page");
		at = (uint64_t)(node - p);
		n = node_bytes(node, is_leaf(p));
		if (n > v->page_bytes - at)
			return bad(v, page, "a node out of its page");
		for (k = at / 2; k < (at + n) / 2; k++) {
			if (covered[k / 8] & (1u << (k % 8)))
				return bad(v, page, "nodes overlap");
			covered[k / 8] |= (unsigned char)(1u << (k % 8));
		}
		sum += n;
	}
	if (sum != v->page_bytes - host_u16(p + 14))
		return bad(v, page, "nodes do not fill it");
	return 0;
}

static int
check_nodes(struct walk *w, uint64_t page, const unsigned char *p,
    unsigned keys, unsigned depth)
{
	struct verifier *v = w->v;
	bool leaf = is_leaf(p);
	const unsigned char *node;
	uint64_t child;
	unsigned i;
	int rc = 0;

	for (i = 0; rc == 0 && i < keys; i++) {
		node = node_at(v, p, i);
		if (leaf) {
			rc =
			    check_key(w, page, node + NODE, host_u16(node + 6));
			if (rc == 0)
				rc = check_value(w, page, node,
				    p + v->page_bytes);
			continue;
		}
		child = host_u16(node) | (uint64_t)host_u16(node + 2) << 16 |
		        (uint64_t)host_u16(node + 4) << 32;
		rc = walk_page(w, child, depth - 1);
	}
	return rc;
}

static int
check_page(struct walk *w, uint64_t page, const unsigned char *p,
    unsigned depth)
{
	unsigned kind = host_u16(p + 10) & PAGE_KIND;
	unsigned lower = host_u16(p + 12), upper = host_u16(p + 14);
	unsigned want = depth == 1 ? PAGE_LEAF : PAGE_BRANCH;
	unsigned keys;

	if (page_uint(p, 8) != page || kind != want)
		return bad(w->v, page, "not the page that belongs there");
	/* `upper` of an empty page of 64 KiB would not fit: none has that. */
	if (lower < PAGE_HEADER || lower > upper || upper > w->v->page_bytes ||
	    lower % 2 != 0)
		return bad(w->v, page, "bounds");
	keys = (lower - PAGE_HEADER) / 2;
	if (keys < (kind == PAGE_BRANCH ? 2u : 1u))
		return bad(w->v, page, "too few nodes");
	w->seen.pages[kind == PAGE_BRANCH ? 0 : 1]++;
	if (check_cover(w->v, page, p, keys) == -1)
		return -1;
	return check_nodes(w, page, p, keys, depth);
}

/* Depth is bounded by DEPTH_MAX. */
static int
walk_page(struct walk *w, uint64_t page, unsigned depth)
{
	struct verifier *v = w->v;
	unsigned char *p;
	int rc = mark(v, page, 1, "used twice");

	if (rc == -1)
		return -1;
	p = calloc(1, v->page_bytes);
	if (p == NULL)
		return po_fail(v->err, PO_EOS, "index: out of memory");
	rc = read_page(v, page, p);
	if (rc == 0)
		rc = check_page(w, page, p, depth);
	free(p);
	return rc;
}

int
page_walk_tree(struct verifier *v, const char *name,
    const struct page_tree *tree, bool is_free, bool is_main)
{
	struct walk w = { .v = v,
		.name = name,
		.is_free = is_free,
		.is_main = is_main };

	if (tree->root == NO_PAGE) {
		if (tree->entries == 0)
			return 0;
	} else {
		if (tree->depth == 0 || tree->depth > DEPTH_MAX)
			return bad(v, tree->root, "depth of its tree");
		if (walk_page(&w, tree->root, tree->depth) == -1)
			return -1;
	}
	if (w.seen.entries == tree->entries &&
	    memcmp(w.seen.pages, tree->pages, sizeof(tree->pages)) == 0)
		return 0;
	return po_fail(v->err, PO_EINDEX,
	    "index: %s: counts are wrong: "
	    "po-queue --rebuild-index",
	    name);
}
