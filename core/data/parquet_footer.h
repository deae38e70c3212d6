/* The footer of a Parquet file, read and weighed before Arrow makes anything of it: a few bytes of
 * it may ask for gigabytes of memory. For parquet.cpp; any thread.
 *
 * A file is "PAR1", data, footer, the footer's length (4 bytes, little-endian), "PAR1". The footer
 * is a FileMetaData (parquet.thrift of the Parquet format) in Thrift's compact protocol. */
#ifndef BERTD_DATA_PARQUET_FOOTER_H
#define BERTD_DATA_PARQUET_FOOTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PARQUET_MAX_FOOTER   (16 << 20) /* bytes */
#define PARQUET_MAX_SCHEMA   10000	/* columns, and the groups of nested ones */
#define PARQUET_MAX_GROUPS   50000	/* row groups */
#define PARQUET_MAX_CHUNKS   50000	/* row groups × columns; each takes Arrow a kilobyte */
#define PARQUET_MAX_ELEMENTS 500000	/* of all other lists together */

/* Appends the footer of fd, checked by parquet_footer_check, to out and gives the size of the file.
 * ERR_SYNTAX for what is no Parquet file or a damaged one, ERR_UNSUPPORTED for an encrypted one,
 * ERR_TOO_LARGE for more than max_bytes and for the limits above, ERR_IO. */
enum err parquet_footer_read(int fd, int64_t max_bytes, struct buf *out, int64_t *size,
			     struct errinfo *ei) MUST_USE;

/* Whether n bytes begin with one whole Thrift struct within the limits above. Reads no meaning but
 * which list is which. ERR_SYNTAX, ERR_TOO_LARGE. */
enum err parquet_footer_check(const void *data, size_t n, struct errinfo *ei) MUST_USE;

#endif
