/* Data sets on their way in: whole bodies in DATA/tmp/ds_…, and parts in DATA/uploads/<sha256>,
 * which can be gone on with after a break. Any thread. */
#ifndef BERTD_JOBS_UPLOADS_H
#define BERTD_JOBS_UPLOADS_H

#include <stdint.h>

#include "base/err.h"
#include "jobs/places.h"

#define UPLOADS_PREFIX	     "ds_"	 /* of their names in tmp/ */
#define UPLOADS_KEEP_SECONDS (24 * 3600) /* a part to which nobody adds */

/* Bytes of all data sets, whole and on their way. What is moved meanwhile may count twice, never
 * not at all. */
int64_t uploads_bytes(const struct places *p);

/* Bytes of the part that has come; -1: none. */
int64_t uploads_part_bytes(const struct places *p, const char *sha256);

/* Removes the parts that nobody has written to since before_ms (ms since 1970). *n: how many. */
enum err uploads_sweep(const struct places *p, int64_t before_ms, int *n,
		       struct errinfo *ei) MUST_USE;

#endif
