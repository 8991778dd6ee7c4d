/* SPDX-License-Identifier: ISC */
/* A letter from JSON: one table says which name sets what. */
#include <jansson.h>

#include <stdlib.h>

#include "compose/encoding.h"
#include "compose/letter.h"
#include "compose/template.h"

#define FILE_MAX (48u << 20) /* bytes of an attachment within the JSON */

typedef int reader(struct letter *l, const json_t *v, void *to,
    struct po_err *err);

static int
wrong(const char *name, const char *wanted, struct po_err *err)
{
	return po_fail(err, PO_EDATA, "\"%.40s\": %s is wanted", name, wanted);
}

static int
copy(struct letter *l, const json_t *v, const char **out, struct po_err *err)
{
	*out = arena_strndup(&l->arena, json_string_value(v),
	    json_string_length(v));
	return *out != NULL ? 0 : po_fail(err, PO_EOS, "no memory for a mail");
}

/* ------------------------------------------------------------------ kinds */

static int
read_text(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	if (json_is_null(v)) {
		*(const char **)to = NULL;
		return 0;
	}
	if (!json_is_string(v))
		return 1;
	return copy(l, v, to, err);
}

static int
read_list(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	struct letter_list *list = to;
	const char *s;
	size_t i;

	list->n = 0;
	if (json_is_string(v))
		return copy(l, v, &s, err) == -1 ? -1
		                                 : letter_add(l, list, s, err);
	if (!json_is_array(v))
		return json_is_null(v) ? 0 : 1;
	for (i = 0; i < json_array_size(v); i++) {
		const json_t *one = json_array_get(v, i);

		if (!json_is_string(one))
			return 1;
		if (copy(l, one, &s, err) == -1 ||
		    letter_add(l, list, s, err) == -1)
			return -1;
	}
	return 0;
}

static int
read_part(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	struct mail_source *s = &l->source;
	size_t part = (size_t)((struct span *)to - s->part);
	const char *text;

	s->has[part] = json_is_string(v);
	if (!json_is_string(v))
		return json_is_null(v) ? 0 : 1;
	if (copy(l, v, &text, err) == -1)
		return -1;
	s->part[part] = (struct span){ text, json_string_length(v) };
	return 0;
}

static int
read_flag(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	(void)l;
	(void)err;
	*(bool *)to = json_is_true(v);
	return json_is_boolean(v) ? 0 : 1;
}

static int
read_context(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	char *text;
	int rc;

	(void)to;
	if (!json_is_object(v))
		return 1;
	text = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(17));
	if (text == NULL)
		return po_fail(err, PO_EOS, "no memory for the context");
	rc = letter_set_context(l, span_of(text), err);
	free(text);
	return rc;
}

static int
read_headers(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	const char *value, *name;
	void *at;

	(void)to;
	if (!json_is_object(v))
		return 1;
	/* jansson's iterators want what they do not change not to be const. */
	for (at = json_object_iter(json_incref((json_t *)(uintptr_t)v));
	     at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		const json_t *one = json_object_iter_value(at);
		const char *key = json_object_iter_key(at);

		name = arena_strndup(&l->arena, key, strlen(key));
		if (!json_is_string(one) || name == NULL)
			break;
		if (copy(l, one, &value, err) == -1 ||
		    letter_add_field(l, name, value, err) == -1) {
			json_decref((json_t *)(uintptr_t)v);
			return -1;
		}
	}
	json_decref((json_t *)(uintptr_t)v);
	return at == NULL ? 0 : 1;
}

/* ------------------------------------------------------------------ files */

static int
file_text(struct letter *l, const json_t *file, const char *key,
    const char **out, struct po_err *err)
{
	const json_t *v = json_object_get(file, key);

	*out = NULL;
	if (v == NULL)
		return 0;
	return json_is_string(v) ? copy(l, v, out, err)
	                         : wrong(key, "a text", err);
}

static int
file_bytes(struct letter *l, const json_t *v, struct mime_file *f,
    struct po_err *err)
{
	struct buf bytes;
	char *copied = NULL;
	bool ok;

	if (!json_is_string(v))
		return wrong("content", "base64", err);
	buf_init(&bytes, FILE_MAX);
	ok = base64_decode((struct span){ json_string_value(v),
	                       json_string_length(v) },
	    &bytes);
	if (ok) {
		copied = arena_alloc(&l->arena, bytes.len + 1);
		if (copied != NULL && bytes.len > 0)
			memcpy(copied, bytes.p, bytes.len);
		f->bytes = (struct span){ copied, bytes.len };
	}
	buf_clear(&bytes);
	if (!ok)
		return po_fail(err, PO_EDATA,
		    "the content of an attachment is no base64, or larger than "
		    "%u bytes",
		    FILE_MAX);
	return copied != NULL ? 0
	                      : po_fail(err, PO_EUNAVAILABLE,
	                            "the attachments are too large: give "
	                            "their paths");
}

static int
check_file_keys(const json_t *file, struct po_err *err)
{
	static const char *const keys[] = { "path", "name", "type", "cid",
		"content" };
	const char *key;
	void *at;
	size_t i;

	for (at = json_object_iter((json_t *)(uintptr_t)file); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)file, at)) {
		key = json_object_iter_key(at);
		for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (strcmp(key, keys[i]) == 0)
				break;
		if (i == sizeof(keys) / sizeof(keys[0]))
			return po_fail(err, PO_EDATA,
			    "an attachment has no \"%.40s\"", key);
	}
	return 0;
}

static int
read_file(struct letter *l, const json_t *file, struct po_err *err)
{
	const json_t *content = json_object_get(file, "content");
	struct mime_file f = { .name = NULL };

	if (check_file_keys(file, err) == -1 ||
	    file_text(l, file, "path", &f.path, err) == -1 ||
	    file_text(l, file, "name", &f.name, err) == -1 ||
	    file_text(l, file, "type", &f.type, err) == -1 ||
	    file_text(l, file, "cid", &f.cid, err) == -1)
		return -1;
	if ((f.path == NULL) == (content == NULL))
		return po_fail(err, PO_EDATA,
		    "an attachment has a path, or a content in base64");
	if (content != NULL && file_bytes(l, content, &f, err) == -1)
		return -1;
	if (f.name == NULL)
		f.name = f.path != NULL ? f.path : "attachment";
	return letter_add_file(l, &f, err);
}

static int
read_files(struct letter *l, const json_t *v, void *to, struct po_err *err)
{
	size_t i;

	(void)to;
	if (!json_is_array(v))
		return 1;
	for (i = 0; i < json_array_size(v); i++) {
		if (!json_is_object(json_array_get(v, i)))
			return 1;
		if (read_file(l, json_array_get(v, i), err) == -1)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ names */

#define AT(field) offsetof(struct letter, field)

static const struct {
	const char *name;
	reader *read;
	size_t at;
	const char *wanted;
} names[] = {
	{ "from", read_text, AT(from), "an address" },
	{ "sender", read_text, AT(sender), "an address" },
	{ "reply_to", read_text, AT(reply_to), "a text of addresses" },
	{ "to", read_list, AT(to), "an address or a list of them" },
	{ "cc", read_list, AT(cc), "an address or a list of them" },
	{ "bcc", read_list, AT(bcc), "an address or a list of them" },
	{ "subject", read_part, AT(source.part[PART_SUBJECT]), "a text" },
	{ "text", read_part, AT(source.part[PART_TEXT]), "a text" },
	{ "html", read_part, AT(source.part[PART_HTML]), "a text" },
	{ "text_auto", read_flag, AT(source.text_auto), "true or false" },
	{ "template", read_text, AT(template), "a name" },
	{ "lang", read_text, AT(lang), "a language tag" },
	{ "context", read_context, 0, "an object" },
	{ "render_on_delivery", read_flag, AT(at_delivery), "true or false" },
	{ "headers", read_headers, 0, "an object of texts" },
	{ "attachments", read_files, 0, "a list of objects" },
	{ "priority", read_text, AT(priority), "a word" },
	{ "schedule", read_text, AT(schedule), "a time as text" },
	{ "expires", read_text, AT(expires), "a time as text" },
	{ "tag", read_text, AT(tag), "a text" },
	{ "key", read_text, AT(key), "a text" },
};

static int
read_name(struct letter *l, const char *key, const json_t *v,
    struct po_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key, names[i].name) == 0) {
			rc = names[i].read(l, v, (char *)l + names[i].at, err);
			return rc == 1 ? wrong(key, names[i].wanted, err) : rc;
		}
	return po_fail(err, PO_EDATA, "a mail has no \"%.40s\"", key);
}

int
letter_read_json(struct letter *l, struct span json, struct po_err *err)
{
	json_error_t why;
	json_t *root =
	    json_loadb(json.p, json.len, JSON_REJECT_DUPLICATES, &why);
	void *at;
	int rc = 0;

	if (root == NULL)
		return po_fail(err, PO_EDATA, "line %d, column %d: %s",
		    why.line, why.column, why.text);
	if (!json_is_object(root))
		rc = po_fail(err, PO_EDATA, "a mail is a JSON object");
	for (at = json_object_iter(root); rc == 0 && at != NULL;
	     at = json_object_iter_next(root, at))
		rc = read_name(l, json_object_iter_key(at),
		    json_object_iter_value(at), err);
	json_decref(root);
	return rc;
}

/* Checked as the renderer checks it, then written anew. */
int
letter_set_context(struct letter *l, struct span json, struct po_err *err)
{
	struct template_context *c;
	json_error_t why;
	json_t *root;
	char *text;

	if (template_context_parse(json, NULL, &c, err) == -1)
		return -1;
	template_context_free(c);
	root = json_loadb(json.p, json.len, 0, &why);
	text = root == NULL
	           ? NULL
	           : json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
	l->context =
	    text == NULL ? NULL : arena_strndup(&l->arena, text, strlen(text));
	free(text);
	json_decref(root);
	return l->context != NULL
	           ? 0
	           : po_fail(err, PO_EOS, "no memory for the context");
}
