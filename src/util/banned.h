/* SPDX-License-Identifier: ISC */
/* Calls that po does not make: they bound nothing. Forced into every file by
 * the build, together with config.h. */
#ifndef PO_UTIL_BANNED_H
#define PO_UTIL_BANNED_H

#include "config.h"

/* Their declarations must come first; the words are poison from here on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GNUC__
/* glibc makes macros of these for a compiler without __va_arg_pack (clang). */
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gets
#endif

#endif
