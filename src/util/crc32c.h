/* SPDX-License-Identifier: ISC */
/* CRC-32C (RFC 3720, appendix B.4; polynomial 0x1EDC6F41, reflected): tells
 * damage, not attack. */
#ifndef PO_UTIL_CRC32C_H
#define PO_UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Go on from `crc` (0 at the start) over `len` bytes: crc32c(crc32c(0, a), b)
 * is that of a and b joined. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

#endif
