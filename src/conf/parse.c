/* SPDX-License-Identifier: ISC */
/*
 * Reading is three steps: the text is scanned for what libconfig would misread
 * in silence (conf/scan), libconfig parses it, and a walk over every setting
 * looks each up in the tables and hands its text to conf/value. Nothing is ever
 * looked up by name in libconfig, so no setting can be overlooked.
 */
#include "conf/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/lists.h"
#include "conf/scan.h"
#include "conf/tables.h"
#include "conf/value.h"
#include "util/buf.h"
#include "util/fd.h"
#include "util/span.h"
#include "util/xalloc.h"

#define LARGEST_FILE ((size_t)1 << 20)
#define BLOCK_BYTES 4096u /* read at once: most files are smaller */
#define LONGEST_NAME 255
#define LONGEST_PATH 4096

struct walk {
	struct conf *conf;
	const char *path;
	const char *scanned; /* the included file that was scanned last */
};

static int read_text(int fd, const char *path, struct buf *out,
    struct po_err *err);

/* libconfig tells the name of an included file as it was written: relative
 * ones are relative to the folder of the main file. */
static void
put_source_path(const struct walk *w, const char *file, struct buf *out)
{
	const char *slash = strrchr(w->path, '/');

	if (file == NULL)
		file = w->path;
	else if (file[0] != '/' && slash != NULL)
		buf_put(out, w->path, (size_t)(slash + 1 - w->path));
	buf_puts(out, file);
}

static int
cannot_open(const char *path, struct po_err *err)
{
	if (errno == EACCES)
		return po_fail_sys(err, PO_ECONFIG,
		    "open %s as uid %lu (whoever sends mail must be able to "
		    "read it)",
		    path, (unsigned long)geteuid());
	return po_fail_sys(err, PO_ECONFIG, "open %s", path);
}

static int
scan_included(struct walk *w, const char *file, struct po_err *err)
{
	struct buf path, text;
	int fd, rc = -1;

	if (file == NULL || file == w->scanned)
		return 0;
	buf_init(&path, LONGEST_PATH);
	buf_init(&text, LARGEST_FILE + BLOCK_BYTES);
	put_source_path(w, file, &path);
	fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		cannot_open(buf_str(&path), err);
	else if (read_text(fd, buf_str(&path), &text, err) == 0)
		rc = conf_scan(buf_span(&text), buf_str(&path), err);
	fd_close(&fd);
	buf_clear(&path);
	buf_clear(&text);
	w->scanned = file;
	return rc;
}

static const char *
type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "an integer";
	case CONFIG_TYPE_FLOAT:
		return "a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_ARRAY:
		return "an array";
	default:
		return "a list";
	}
}

static const char *
wanted_name(enum conf_type type)
{
	switch (type) {
	case CONF_BOOL:
		return "true or false";
	case CONF_INT:
		return "an integer";
	case CONF_SIZE:
		return "a size in quotes, such as \"10M\"";
	case CONF_DURATION:
		return "a time in quotes, such as \"5m\"";
	case CONF_NAMES:
		return "strings in quotes, [ \"a\", \"b\" ]";
	case CONF_LIST:
		return "a list of groups, ( { ... }, { ... } )";
	default:
		return "a string in quotes";
	}
}

/* May a setting of libconfig's type stand for an option of ours? */
static bool
type_fits(enum conf_type wanted, int type)
{
	switch (type) {
	case CONFIG_TYPE_STRING:
		return wanted != CONF_INT && wanted != CONF_LIST;
	case CONFIG_TYPE_ARRAY:
		return wanted == CONF_NAMES;
	case CONFIG_TYPE_LIST:
		return wanted == CONF_NAMES || wanted == CONF_LIST;
	case CONFIG_TYPE_BOOL:
		return wanted == CONF_BOOL;
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return wanted == CONF_INT || wanted == CONF_SIZE ||
		       wanted == CONF_DURATION || wanted == CONF_NAMES;
	default:
		return false;
	}
}

/* A string or a number; false when it is something else. */
static bool
put_name(const config_setting_t *s, struct buf *out)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		return buf_puts(out, config_setting_get_string(s));
	case CONFIG_TYPE_INT:
		return buf_printf(out, "%d", config_setting_get_int(s));
	case CONFIG_TYPE_INT64:
		return buf_printf(out, "%lld", config_setting_get_int64(s));
	default:
		return false;
	}
}

/* The setting's value as conf_value_set() reads it, appended to *out; false
 * when there is something else than strings and numbers in an array. */
static bool
put_value(const config_setting_t *s, struct buf *out)
{
	int i, n = config_setting_length(s), type = config_setting_type(s);

	if (type == CONFIG_TYPE_BOOL)
		return buf_puts(out,
		    config_setting_get_bool(s) ? "true" : "false");
	if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST)
		return put_name(s, out);
	for (i = 0; i < n; i++)
		if (!buf_puts(out, i == 0 ? "" : ",") ||
		    !put_name(config_setting_get_elem(s, (unsigned)i), out))
			return false;
	return true;
}

/* The text of a setting that stands for `o`. */
static int
take_text(const config_setting_t *s, const struct conf_option *o,
    const char *where, struct buf *out, struct po_err *err)
{
	buf_init(out, LARGEST_FILE);
	if (type_fits(o->type, config_setting_type(s)) && put_value(s, out))
		return 0;
	return po_fail(err, PO_ECONFIG, "%s: %s: must be %s, not %s", where,
	    o->name, wanted_name(o->type), type_name(s));
}

static int
take_value(struct walk *w, const config_setting_t *s, struct conf_found f,
    const char *where, struct po_err *err)
{
	struct buf text;
	int rc = take_text(s, f.option, where, &text, err);

	if (rc == 0)
		rc = conf_store(w->conf, span_of(f.option->name),
		    buf_span(&text), where, err);
	if (rc == 0)
		conf_set_place(w->conf, f.number, where);
	buf_clear(&text);
	return rc;
}

/* Where a setting stands, "FILE:LINE". */
static void
put_place(const struct walk *w, const config_setting_t *s, struct buf *where)
{
	buf_init(where, LONGEST_PATH + 16);
	put_source_path(w, config_setting_source_file(s), where);
	(void)buf_printf(where, ":%u", (unsigned)config_setting_source_line(s));
}

/* One member of an entry. */
static int
take_member(struct walk *w, const config_setting_t *s,
    const struct conf_option *list, void *entry, struct po_err *err)
{
	struct conf_found f = { NULL, NULL, 0 };
	struct buf name, where, text;
	int rc;

	put_place(w, s, &where);
	buf_init(&name, LONGEST_NAME);
	buf_init(&text, LARGEST_FILE + BLOCK_BYTES);
	if (buf_printf(&name, "%s[].%s", list->name, config_setting_name(s)))
		f = conf_find(w->conf, buf_span(&name));
	if (f.option == NULL)
		rc = conf_refuse_unknown(w->conf, buf_span(&name),
		    buf_str(&where), err);
	else
		rc = take_text(s, f.option, buf_str(&where), &text, err);
	if (rc == 0)
		rc = conf_value_set(f.option, entry, buf_span(&text),
		    buf_str(&where), err);
	buf_clear(&text);
	buf_clear(&name);
	buf_clear(&where);
	return rc;
}

static int
take_entry(struct walk *w, const config_setting_t *s, struct conf_found f,
    size_t i, struct po_err *err)
{
	void *field = (char *)f.target + f.option->offset;
	void *entry = conf_list_entry(f.option, field, i);
	int m, n = config_setting_length(s), rc = 0;
	struct buf where;

	put_place(w, s, &where);
	conf_list_set_place(field, i, buf_str(&where));
	if (config_setting_type(s) != CONFIG_TYPE_GROUP)
		rc = po_fail(err, PO_ECONFIG,
		    "%s: %s: must be a list of groups, ( { ... }, { ... } ); "
		    "in it is %s",
		    buf_str(&where), f.option->name, type_name(s));
	for (m = 0; rc == 0 && m < n; m++)
		rc = take_member(w, config_setting_get_elem(s, (unsigned)m),
		    f.option, entry, err);
	buf_clear(&where);
	return rc;
}

static int
take_list(struct walk *w, const config_setting_t *s, struct conf_found f,
    const char *where, struct po_err *err)
{
	int i, n = config_setting_length(s), rc = 0;

	if (config_setting_type(s) != CONFIG_TYPE_LIST)
		return po_fail(err, PO_ECONFIG, "%s: %s: must be %s, not %s",
		    where, f.option->name, wanted_name(f.option->type),
		    type_name(s));
	if (n > f.option->max)
		return po_fail(err, PO_ECONFIG,
		    "%s: %s: more than %lld entries", where, f.option->name,
		    (long long)f.option->max);
	conf_list_make(f.option, (char *)f.target + f.option->offset,
	    (size_t)n);
	for (i = 0; rc == 0 && i < n; i++)
		rc = take_entry(w, config_setting_get_elem(s, (unsigned)i), f,
		    (size_t)i, err);
	if (rc == 0)
		conf_set_place(w->conf, f.number, where);
	return rc;
}

/* The two below call each other as deep as the names of the tables go.
 * NOLINTBEGIN(misc-no-recursion) */
static int walk_group(struct walk *w, const config_setting_t *group,
    struct span prefix, struct po_err *err);

static int
walk_setting(struct walk *w, const config_setting_t *s, struct span name,
    struct po_err *err)
{
	const char *file = config_setting_source_file(s);
	bool group = config_setting_type(s) == CONFIG_TYPE_GROUP;
	struct conf_found f = conf_find(w->conf, name);
	struct buf where;
	int rc;

	if (scan_included(w, file, err) == -1)
		return -1;
	put_place(w, s, &where);
	if (f.option != NULL && f.option->type == CONF_LIST)
		rc = take_list(w, s, f, buf_str(&where), err);
	else if (f.option != NULL)
		rc = take_value(w, s, f, buf_str(&where), err);
	else if (conf_is_group(w->conf, name))
		rc = group ? walk_group(w, s, name, err)
		           : po_fail(err, PO_ECONFIG,
		                 "%s: %.*s: must be a group { ... }, not %s",
		                 buf_str(&where), (int)name.len, name.p,
		                 type_name(s));
	else
		rc = w->conf->pass_others ? 0
		                          : conf_refuse_unknown(w->conf, name,
		                                buf_str(&where), err);
	buf_clear(&where);
	return rc;
}

static int
walk_group(struct walk *w, const config_setting_t *group, struct span prefix,
    struct po_err *err)
{
	int i, n = config_setting_length(group), rc = 0;
	const config_setting_t *s;
	struct buf name;

	buf_init(&name, LONGEST_NAME);
	for (i = 0; i < n && rc == 0; i++) {
		s = config_setting_get_elem(group, (unsigned)i);
		buf_reset(&name);
		if ((prefix.len > 0 && (!buf_put_span(&name, prefix) ||
		                           !buf_putc(&name, '.'))) ||
		    !buf_puts(&name, config_setting_name(s)))
			rc = po_fail(err, PO_ECONFIG,
			    "%s:%u: the name of a setting is too long", w->path,
			    (unsigned)config_setting_source_line(s));
		else
			rc = walk_setting(w, s, buf_span(&name), err);
	}
	buf_clear(&name);
	return rc;
}

/* NOLINTEND(misc-no-recursion) */

/* Files. */

static int
read_text(int fd, const char *path, struct buf *out, struct po_err *err)
{
	ssize_t n;

	for (;;) {
		if (!buf_reserve(out, BLOCK_BYTES))
			return po_fail(err, PO_ECONFIG,
			    "%s: larger than %zu bytes", path, LARGEST_FILE);
		n = read(fd, out->p + out->len, BLOCK_BYTES);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return po_fail_sys(err, PO_ECONFIG, "read %s", path);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		out->p[out->len] = '\0';
	}
}

/* Relative @include names are relative to the file's own folder. */
static void
set_include_folder(config_t *cfg, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (slash == NULL)
		return;
	folder = xstrdup(path);
	folder[slash == path ? 1 : slash - path] = '\0';
	config_set_include_dir(cfg, folder);
	free(folder);
}

static int
parse_text(struct conf *c, const char *path, struct span text,
    struct po_err *err)
{
	struct walk w = { c, path, NULL };
	struct buf where;
	config_t cfg;
	int rc;

	if (conf_scan(text, path, err) == -1)
		return -1;
	config_init(&cfg);
	set_include_folder(&cfg, path);
	if (config_read_string(&cfg, text.p) == CONFIG_TRUE) {
		rc = walk_group(&w, config_root_setting(&cfg),
		    (struct span){ "", 0 }, err);
	} else {
		buf_init(&where, LONGEST_PATH);
		put_source_path(&w, config_error_file(&cfg), &where);
		rc = po_fail(err, PO_ECONFIG, "%s:%d: %s", buf_str(&where),
		    config_error_line(&cfg), config_error_text(&cfg));
		buf_clear(&where);
	}
	config_destroy(&cfg);
	return rc;
}

int
conf_parse_file(struct conf *c, const char *path, bool may_be_missing,
    struct po_err *err)
{
	struct buf text;
	int fd, rc = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1 && may_be_missing && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd == -1)
		return cannot_open(path, err);
	buf_init(&text, LARGEST_FILE + BLOCK_BYTES);
	if (read_text(fd, path, &text, err) == 0)
		rc = parse_text(c, path, buf_span(&text), err);
	fd_close(&fd);
	buf_clear(&text);
	return rc;
}
