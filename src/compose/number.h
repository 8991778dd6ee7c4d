/* SPDX-License-Identifier: ISC */
/* Numbers as Python's int(), float() and repr() read and write them. */
#ifndef PO_COMPOSE_NUMBER_H
#define PO_COMPOSE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compose/value.h"
#include "util/span.h"

enum number {
	NUMBER_OK,
	NUMBER_VALUE, /* ValueError */
	NUMBER_TYPE,  /* TypeError */
	NUMBER_RANGE, /* out of 64 bits, or infinite */
};

/* The whole text, blanks at its ends aside; "_" may stand between digits. */
enum number tpl_number_parse_int(struct span s, int64_t *out);
enum number tpl_number_parse_float(struct span s, double *out);

/* int(v), float(v) */
enum number tpl_number_int(const struct value *v, int64_t *out);
enum number tpl_number_float(const struct value *v, double *out);

/* int(v); what cannot be converted is noted as a failure. */
bool tpl_number_need_int(struct render *r, const struct value *v,
    const char *what, int64_t *out);

/* The shortest digits that give `f` again: f = 0.DIGITS * 10^*point; at most
 * 17, NUL-terminated. `f` finite, >= 0. */
#define NUMBER_DIGITS 24
void tpl_number_digits(double f, char digits[NUMBER_DIGITS], int *point);

/* The digits of `i`: 1 to 20 bytes, no NUL; how many is returned. */
#define NUMBER_DECIMAL 20
size_t tpl_number_decimal(uint64_t i, char out[NUMBER_DECIMAL]);

/* repr(f): at most NUMBER_REPR bytes, NUL-terminated; the length is returned.
 */
#define NUMBER_REPR 32
size_t tpl_number_repr(double f, char out[NUMBER_REPR]);

/* As {{ }} prints it: never with an exponent up to 200 digits. At most
 * NUMBER_PRINT bytes. */
#define NUMBER_PRINT 256
size_t tpl_number_print(double f, char out[NUMBER_PRINT]);

#endif
