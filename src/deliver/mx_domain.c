/* SPDX-License-Identifier: ISC */
#include "deliver/mx_domain.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define IPV6_TAG "IPv6:"

/* "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static enum mx_domain
parse_literal(const char *domain, struct mx_address *out)
{
	size_t len = strlen(domain), tag = sizeof(IPV6_TAG) - 1;
	char text[64];

	if (len < 3 || domain[len - 1] != ']' || len - 2 >= sizeof(text))
		return MX_DOMAIN_BAD;
	memcpy(text, domain + 1, len - 2);
	text[len - 2] = '\0';
	*out = (struct mx_address){ .family = AF_INET };
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		return MX_DOMAIN_LITERAL;
	out->family = AF_INET6;
	if (strncasecmp(text, IPV6_TAG, tag) == 0 &&
	    inet_pton(AF_INET6, text + tag, out->bytes) == 1)
		return MX_DOMAIN_LITERAL;
	return MX_DOMAIN_BAD;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 127)
			return false;
	return true;
}

static bool
to_ascii(const char *domain, char name[MX_NAME_MAX])
{
	uint8_t *found = NULL;
	int n = -1;

	if (idn2_lookup_u8((const uint8_t *)domain, &found,
	        IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
		n = snprintf(name, MX_NAME_MAX, "%s", (const char *)found);
	idn2_free(found);
	return n > 0 && (size_t)n < MX_NAME_MAX;
}

enum mx_domain
mx_domain_parse(const char *domain, char name[MX_NAME_MAX],
    struct mx_address *literal)
{
	size_t len = strlen(domain);

	if (domain[0] == '[')
		return parse_literal(domain, literal);
	if (!is_ascii(domain)) {
		if (!to_ascii(domain, name))
			return MX_DOMAIN_BAD;
	} else if (len < MX_NAME_MAX) {
		memcpy(name, domain, len + 1);
	} else {
		return MX_DOMAIN_BAD;
	}
	len = strlen(name);
	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
	return mx_name_ok(name) ? MX_DOMAIN_NAME : MX_DOMAIN_BAD;
}
