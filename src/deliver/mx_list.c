/* SPDX-License-Identifier: ISC */
/*
 * Sorted as records come in: an answer may have thousands of them, and only
 * the best are kept. Order within one preference is made by chance afterwards,
 * so that a domain's hosts share its mail.
 */
#include "deliver/mx_list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "util/span.h"

#define LABEL_MAX 63u

bool
mx_name_ok(const char *name)
{
	size_t i, label = 0, len = strlen(name);

	if (len == 0 || len >= MX_NAME_MAX - 1)
		return false;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if ((!ascii_is_alnum(c) && c != '-' && c != '_') ||
		           ++label > LABEL_MAX) {
			return false;
		}
	}
	return label > 0;
}

static size_t
bytes_of(const struct mx_address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

bool
mx_address_eq(const struct mx_address *a, const struct mx_address *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, bytes_of(a)) == 0;
}

/* ------------------------------------------------------------------ hosts */

static bool
knows(const struct mx_list *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcasecmp(l->hosts[i].name, name) == 0)
			return true;
	return false;
}

static void
insert(struct mx_list *l, size_t at, uint16_t preference, const char *name)
{
	if (l->n == MX_HOSTS)
		l->n--;
	memmove(&l->hosts[at + 1], &l->hosts[at],
	    (l->n - at) * sizeof(l->hosts[0]));
	l->n++;
	l->hosts[at] = (struct mx_host){ .preference = preference };
	(void)snprintf(l->hosts[at].name, sizeof(l->hosts[at].name), "%s",
	    name);
}

void
mx_list_add(struct mx_list *l, uint16_t preference, const char *name)
{
	char bare[MX_NAME_MAX];
	size_t i, len = strlen(name);

	l->records++;
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len == 0)
		l->null_mx = true;
	if (len == 0 || len >= sizeof(bare))
		return;
	memcpy(bare, name, len);
	bare[len] = '\0';
	if (!mx_name_ok(bare))
		return;
	for (i = l->n; i > 0 && l->hosts[i - 1].preference > preference; i--)
		;
	/* A host of two records has the better one. */
	if (i < MX_HOSTS && !knows(l, bare))
		insert(l, i, preference, bare);
}

bool
mx_list_is_null(const struct mx_list *l)
{
	return l->null_mx && l->records == 1;
}

void
mx_list_shuffle(struct mx_list *l, uint32_t (*random)(uint32_t below))
{
	size_t first, end, i, other;

	for (first = 0; first < l->n; first = end) {
		for (end = first + 1;
		     end < l->n &&
		     l->hosts[end].preference == l->hosts[first].preference;
		     end++)
			;
		for (i = end - 1; i > first; i--) {
			struct mx_host h = l->hosts[i];

			other = first + random((uint32_t)(i - first + 1));
			l->hosts[i] = l->hosts[other];
			l->hosts[other] = h;
		}
	}
}

/* ------------------------------------------------------------------ addresses
 */

static void
append(struct mx_address *list, size_t *n, const struct mx_address *a)
{
	if (*n < MX_ADDRESSES)
		list[(*n)++] = *a;
}

void
mx_list_add_address(struct mx_list *l, size_t i, const struct mx_address *a)
{
	struct mx_host *h = &l->hosts[i];

	if (a->family == AF_INET6)
		append(h->v6, &h->n_v6, a);
	else
		append(h->v4, &h->n_v4, a);
}

/* 0/8 and 127/8; ::, ::1, and those inside ::ffff:0:0/96. */
static bool
is_loopback(const struct mx_address *a)
{
	static const unsigned char zeros[15],
	    mapped[12] = { [10] = 0xff, 0xff };

	if (a->family == AF_INET)
		return a->bytes[0] == 0 || a->bytes[0] == 127;
	if (memcmp(a->bytes, mapped, sizeof(mapped)) == 0)
		return a->bytes[12] == 0 || a->bytes[12] == 127;
	return memcmp(a->bytes, zeros, sizeof(zeros)) == 0 && a->bytes[15] <= 1;
}

static bool
is_own_address(const struct mx_address *list, size_t n,
    const struct mx_self *self)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (self->loopback && is_loopback(&list[i]))
			return true;
		for (k = 0; k < self->n_addresses; k++)
			if (mx_address_eq(&list[i], &self->addresses[k]))
				return true;
	}
	return false;
}

static bool
is_self(const struct mx_host *h, const struct mx_self *self)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (self->names[i] != NULL &&
		    strcasecmp(h->name, self->names[i]) == 0)
			return true;
	return is_own_address(h->v4, h->n_v4, self) ||
	       is_own_address(h->v6, h->n_v6, self);
}

/* Hosts of the same preference lie on both sides of us. */
bool
mx_list_cut_self(struct mx_list *l, const struct mx_self *self)
{
	size_t i;

	for (i = 0; i < l->n && !is_self(&l->hosts[i], self); i++)
		;
	if (i == l->n)
		return false;
	while (i > 0 && l->hosts[i - 1].preference == l->hosts[i].preference)
		i--;
	l->n = i;
	return true;
}

static void
add_target(struct mx_target out[MX_TARGETS], size_t *n, const struct mx_host *h,
    const struct mx_address *a)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (mx_address_eq(&out[i].address, a))
			return;
	if (*n == MX_TARGETS)
		return;
	memcpy(out[*n].host, h->name, sizeof(h->name));
	out[(*n)++].address = *a;
}

size_t
mx_list_targets(const struct mx_list *l, struct mx_target out[MX_TARGETS])
{
	size_t i, k, n = 0;

	for (i = 0; i < l->n; i++) {
		const struct mx_host *h = &l->hosts[i];

		for (k = 0; k < MX_ADDRESSES; k++) {
			if (k < h->n_v6)
				add_target(out, &n, h, &h->v6[k]);
			if (k < h->n_v4)
				add_target(out, &n, h, &h->v4[k]);
		}
	}
	return n;
}

bool
mx_list_has_failed(const struct mx_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->hosts[i].failed)
			return true;
	return false;
}
