/* SPDX-License-Identifier: ISC */
/*
 * Where sendmail is linked with musl, libconfig.a still is the one that was
 * compiled against glibc. musl keeps to the binary form of what such an archive
 * calls (FILE, locale_t, the tables of <ctype.h>), but for names that only
 * glibc's headers put in: those are here. `configure` links and runs a program
 * of both, and takes glibc where that fails.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In no header: the prototypes that -Wmissing-prototypes asks for. */
char *__strdup(const char *s);
char *__strcat_chk(char *to, const char *from, size_t size);
int __fprintf_chk(FILE *f, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int __snprintf_chk(char *to, size_t limit, int flag, size_t size,
    const char *format, ...) __attribute__((format(printf, 5, 6)));
long __isoc23_strtol(const char *s, char **end, int base);
long long __isoc23_strtoll(const char *s, char **end, int base);
unsigned long __isoc23_strtoul(const char *s, char **end, int base);
unsigned long long __isoc23_strtoull(const char *s, char **end, int base);

char *
__strdup(const char *s)
{
	return strdup(s);
}

/* _FORTIFY_SOURCE: `size` is what the compiler knew of the object. */

char *
__strcat_chk(char *to, const char *from, size_t size)
{
	size_t at = strlen(to), more = strlen(from);

	if (at >= size || more >= size - at)
		abort();
	memcpy(to + at, from, more + 1);
	return to;
}

int
__fprintf_chk(FILE *f, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	va_start(ap, format);
	n = vfprintf(f, format, ap);
	va_end(ap);
	return n;
}

int
__snprintf_chk(char *to, size_t limit, int flag, size_t size,
    const char *format, ...)
{
	va_list ap;
	int n;

	(void)flag;
	if (limit > size)
		abort();
	va_start(ap, format);
	n = vsnprintf(to, limit, format, ap);
	va_end(ap);
	return n;
}

/* C23's, which read "0b1" too; no number of a po.conf is written so. */

long
__isoc23_strtol(const char *s, char **end, int base)
{
	return strtol(s, end, base);
}

long long
__isoc23_strtoll(const char *s, char **end, int base)
{
	return strtoll(s, end, base);
}

unsigned long
__isoc23_strtoul(const char *s, char **end, int base)
{
	return strtoul(s, end, base);
}

unsigned long long
__isoc23_strtoull(const char *s, char **end, int base)
{
	return strtoull(s, end, base);
}
