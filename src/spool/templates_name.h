/* SPDX-License-Identifier: ISC */
/*
 * Names of stored templates: NAME/LANG/VERSION below templates/
 * (spool-layout.md, "Templates"). A name is any text of 1 to 200 bytes of
 * UTF-8 without control characters; as a folder it is percent-encoded, in one
 * way only.
 */
#ifndef PO_SPOOL_TEMPLATES_NAME_H
#define PO_SPOOL_TEMPLATES_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "util/span.h"

#define TEMPLATES_NAME_MAX 200u               /* bytes of a name */
#define TEMPLATES_FOLDER_BYTES 256u           /* of a folder, with NUL */
#define TEMPLATES_LANG_BYTES 36u              /* with NUL */
#define TEMPLATES_ID_BYTES (256u + 36u + 12u) /* with NUL */
#define TEMPLATES_VERSION_MAX 999999999u
#define TEMPLATES_DEFAULT "default" /* the language of no language */

struct templates_id {
	char folder[TEMPLATES_FOLDER_BYTES]; /* the name, encoded */
	char lang[TEMPLATES_LANG_BYTES];
	uint32_t version; /* from 1 */
};

/* False when `name` is none, or too long as a folder. */
bool templates_name_encode(struct span name, char out[TEMPLATES_FOLDER_BYTES]);
/* False when `folder` is no name in the one way of writing it. */
bool templates_name_decode(const char *folder,
    char out[TEMPLATES_NAME_MAX + 1]);

/* A language tag (RFC 5646) in its usual case: "de", "de-AT", "zh-Hant-TW";
 * "de_at" is taken too. "" and "default" are the default. False: it is none. */
bool templates_lang(struct span s, char out[TEMPLATES_LANG_BYTES]);
/* The next one to look for: "de-AT", "de", "default"; false behind that. */
bool templates_lang_shorter(char lang[TEMPLATES_LANG_BYTES]);

/* "NAME/LANG/VERSION", as an envelope and the index have it. */
void templates_id_print(const struct templates_id *id,
    char out[TEMPLATES_ID_BYTES]);
bool templates_id_parse(struct span s, struct templates_id *id);
bool templates_version_parse(struct span s, uint32_t *version);

#endif
