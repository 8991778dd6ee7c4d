/* SPDX-License-Identifier: ISC */
/*
 * What stands behind the @ of a recipient, and the mail hosts that an answer
 * names: the first line is a domain, each further one a record, its first two
 * bytes being the preference. Whatever is in it, a host has a host's name, the
 * list is sorted, and nothing that is not better than ourselves is left.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "deliver/mx_domain.h"
#include "util/span.h"

#define SELF "self.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
c_string(struct span s, char *out, size_t max)
{
	size_t n = s.len < max - 1 ? s.len : max - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
	return out;
}

static void
check_domain(struct span line)
{
	char domain[400], name[MX_NAME_MAX];
	struct mx_address a;

	switch (
	    mx_domain_parse(c_string(line, domain, sizeof(domain)), name, &a)) {
	case MX_DOMAIN_NAME:
		assert(mx_name_ok(name));
		break;
	case MX_DOMAIN_LITERAL:
		assert(domain[0] == '[');
		assert(a.family == AF_INET || a.family == AF_INET6);
		break;
	case MX_DOMAIN_BAD:
		break;
	}
}

static void
add_record(struct mx_list *l, struct span line)
{
	struct mx_address a = { .family = AF_INET };
	char name[400];

	if (line.len < 2)
		return;
	mx_list_add(l,
	    (uint16_t)((unsigned char)line.p[0] << 8 |
	               (unsigned char)line.p[1]),
	    c_string((struct span){ line.p + 2, line.len - 2 }, name,
	        sizeof(name)));
	memcpy(a.bytes, line.p, 2);
	if (l->n > 0)
		mx_list_add_address(l, l->n - 1, &a);
}

static uint32_t
middle(uint32_t below)
{
	return below / 2;
}

static void
check_list(struct mx_list *l)
{
	const struct mx_self self = { .names = { SELF, NULL } };
	struct mx_target targets[MX_TARGETS];
	size_t i, n;

	mx_list_shuffle(l, middle);
	(void)mx_list_cut_self(l, &self);
	assert(l->n <= MX_HOSTS);
	for (i = 0; i < l->n; i++) {
		assert(mx_name_ok(l->hosts[i].name));
		assert(strcasecmp(l->hosts[i].name, SELF) != 0);
		assert(i == 0 ||
		       l->hosts[i - 1].preference <= l->hosts[i].preference);
	}
	n = mx_list_targets(l, targets);
	assert(n <= MX_TARGETS);
	for (i = 1; i < n; i++)
		assert(!mx_address_eq(&targets[i].address,
		    &targets[i - 1].address));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	struct mx_list l = { .n = 0 };

	check_domain(span_cut(&rest, '\n'));
	while (rest.len > 0)
		add_record(&l, span_cut(&rest, '\n'));
	check_list(&l);
	return 0;
}
