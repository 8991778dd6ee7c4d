/* SPDX-License-Identifier: ISC */
#include "spool/templates_name.h"

#include <stdio.h>

#include "util/parse_num.h"
#include "util/utf8.h"

/* A dot may not begin a folder: "." and ".." are none, and hidden files of
 * other programs are no templates. */
static bool
is_plain(const char *p, size_t i)
{
	unsigned char c = (unsigned char)p[i];

	return ascii_is_alnum(c) || c == '_' || c == '-' || (c == '.' && i > 0);
}

bool
templates_name_encode(struct span name, char out[TEMPLATES_FOLDER_BYTES])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, n = 0;

	if (name.len == 0 || name.len > TEMPLATES_NAME_MAX ||
	    !utf8_is_valid(name))
		return false;
	for (i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (ascii_is_control(c) || n + 4 > TEMPLATES_FOLDER_BYTES)
			return false;
		if (is_plain(name.p, i)) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	out[n] = '\0';
	return true;
}

bool
templates_name_decode(const char *folder, char out[TEMPLATES_NAME_MAX + 1])
{
	char again[TEMPLATES_FOLDER_BYTES];
	const char *whole = folder;
	uint64_t byte;
	size_t n = 0;

	while (*folder != '\0' && n < TEMPLATES_NAME_MAX) {
		if (*folder != '%') {
			out[n++] = *folder++;
			continue;
		}
		if (folder[1] == '\0' || folder[2] == '\0' ||
		    !parse_hex64((struct span){ folder + 1, 2 }, 255, &byte))
			return false;
		out[n++] = (char)byte;
		folder += 3;
	}
	out[n] = '\0';
	return *folder == '\0' &&
	       templates_name_encode((struct span){ out, n }, again) &&
	       strcmp(again, whole) == 0;
}

/* RFC 5646, 2.1.1: a region in capitals, a script with one, all else small. */
static void
put_subtag(struct span tag, bool first, char *out)
{
	size_t i;

	for (i = 0; i < tag.len; i++) {
		unsigned char c = ascii_lower((unsigned char)tag.p[i]);
		bool large = !first && ascii_is_alpha(c) &&
		             (tag.len == 2 || (tag.len == 4 && i == 0));

		out[i] = (char)(large ? c - ('a' - 'A') : c);
	}
}

bool
templates_lang(struct span s, char out[TEMPLATES_LANG_BYTES])
{
	size_t at = 0, i, len;
	bool first = true;

	if (s.len == 0 || span_eq_nocase(s, SPAN_LIT(TEMPLATES_DEFAULT))) {
		memcpy(out, TEMPLATES_DEFAULT, sizeof(TEMPLATES_DEFAULT));
		return true;
	}
	if (s.len >= TEMPLATES_LANG_BYTES)
		return false;
	while (at < s.len) {
		for (len = 0; at + len < s.len && s.p[at + len] != '-' &&
		              s.p[at + len] != '_';
		     len++)
			if (!ascii_is_alnum((unsigned char)s.p[at + len]))
				return false;
		if (len == 0 || len > 8 || (first && len < 2))
			return false;
		for (i = 0; first && i < len; i++)
			if (!ascii_is_alpha((unsigned char)s.p[at + i]))
				return false;
		put_subtag((struct span){ s.p + at, len }, first, out + at);
		at += len;
		if (at < s.len) {
			out[at++] = '-';
			if (at == s.len)
				return false;
		}
		first = false;
	}
	out[at] = '\0';
	return strcmp(out, TEMPLATES_DEFAULT) != 0;
}

bool
templates_lang_shorter(char lang[TEMPLATES_LANG_BYTES])
{
	char *dash;

	if (strcmp(lang, TEMPLATES_DEFAULT) == 0)
		return false;
	dash = strrchr(lang, '-');
	if (dash != NULL)
		*dash = '\0';
	else
		memcpy(lang, TEMPLATES_DEFAULT, sizeof(TEMPLATES_DEFAULT));
	return true;
}

void
templates_id_print(const struct templates_id *id, char out[TEMPLATES_ID_BYTES])
{
	(void)snprintf(out, TEMPLATES_ID_BYTES, "%s/%s/%u", id->folder,
	    id->lang, id->version);
}

bool
templates_version_parse(struct span s, uint32_t *version)
{
	uint64_t n;

	if (s.len == 0 || s.p[0] == '0' ||
	    !parse_u64(s, 1, TEMPLATES_VERSION_MAX, &n))
		return false;
	*version = (uint32_t)n;
	return true;
}

bool
templates_id_parse(struct span s, struct templates_id *id)
{
	char name[TEMPLATES_NAME_MAX + 1];
	struct span folder = span_cut(&s, '/');
	struct span lang = span_cut(&s, '/');

	if (folder.len >= sizeof(id->folder) || lang.len == 0 ||
	    !templates_lang(lang, id->lang) ||
	    !span_eq(lang, span_of(id->lang)) ||
	    !templates_version_parse(s, &id->version))
		return false;
	memcpy(id->folder, folder.p, folder.len);
	id->folder[folder.len] = '\0';
	return strlen(id->folder) == folder.len &&
	       templates_name_decode(id->folder, name);
}
