/* SPDX-License-Identifier: ISC */
/*
 * What stands behind the @ of a recipient, as something that can be connected
 * to. Pure. For files of this room only.
 */
#ifndef PO_DELIVER_MX_DOMAIN_H
#define PO_DELIVER_MX_DOMAIN_H

#include "deliver/mx_list.h"

enum mx_domain {
	MX_DOMAIN_NAME,    /* to be looked up */
	MX_DOMAIN_LITERAL, /* an address (RFC 5321, 4.1.3) */
	MX_DOMAIN_BAD      /* neither */
};

/* Fills in `name`, in ASCII (IDNA2008), or *literal. */
enum mx_domain mx_domain_parse(const char *domain, char name[MX_NAME_MAX],
    struct mx_address *literal);

#endif
