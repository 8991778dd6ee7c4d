/* SPDX-License-Identifier: ISC */
/*
 * The hosts that take a domain's mail, and in which order they are tried (RFC
 * 5321, 5.1; RFC 7505). Pure: the answers of the name service go in, addresses
 * come out. For files of this room only.
 */
#ifndef PO_DELIVER_MX_LIST_H
#define PO_DELIVER_MX_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MX_NAME_MAX 256u /* bytes of a name, with NUL */
#define MX_HOSTS 16u     /* of a domain are known, the best ones */
#define MX_ADDRESSES 3u  /* of a host, of each family */
#define MX_TARGETS 12u   /* addresses of a domain are tried */

struct mx_address {
	int family; /* AF_INET, AF_INET6 */
	unsigned char bytes[16];
};

struct mx_host {
	char name[MX_NAME_MAX];
	uint16_t preference;
	bool failed; /* looking up its addresses failed: try again later */
	struct mx_address v4[MX_ADDRESSES], v6[MX_ADDRESSES];
	size_t n_v4, n_v6;
};

struct mx_list {
	struct mx_host hosts[MX_HOSTS]; /* by preference */
	size_t n;
	size_t records; /* that were added, whatever came of them */
	bool null_mx;   /* one of them was "." */
};

/* Who we are: a domain's mail must not come back to us. */
struct mx_self {
	const char *names[2]; /* NULL: none */
	const struct mx_address *addresses;
	size_t n_addresses;
	bool loopback; /* addresses that never leave this host are ours too */
};

struct mx_target {
	char host[MX_NAME_MAX];
	struct mx_address address;
};

/* A record of the answer. A name that is none of a host counts, and is
 * dropped; of more than MX_HOSTS those of the worst preference are. */
void mx_list_add(struct mx_list *l, uint16_t preference, const char *name);

/* The domain says that it takes no mail: "." is its only record. */
bool mx_list_is_null(const struct mx_list *l);

/* An address of hosts[i]; what is one too many is dropped. */
void mx_list_add_address(struct mx_list *l, size_t i,
    const struct mx_address *a);

/* Hosts of one preference in an order that chance decides. `random` gives a
 * number below its argument. */
void mx_list_shuffle(struct mx_list *l, uint32_t (*random)(uint32_t below));

/* Drop ourselves, and all hosts that are not better. True if we were there. */
bool mx_list_cut_self(struct mx_list *l, const struct mx_self *self);

/* Addresses in the order in which they are tried, each once, both families of
 * a host in turn: how many. */
size_t mx_list_targets(const struct mx_list *l,
    struct mx_target out[MX_TARGETS]);

/* Some addresses are only missing because the name service failed. */
bool mx_list_has_failed(const struct mx_list *l);

/* Is it letters, digits, '-' and '_' between dots, as a host's name is? */
bool mx_name_ok(const char *name);

bool mx_address_eq(const struct mx_address *a, const struct mx_address *b);

#endif
