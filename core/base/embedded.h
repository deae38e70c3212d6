/* Files of the source tree that the binary carries: the migrations and openapi.yaml.
 * scripts/embed.sh writes the table at build time. */
#ifndef BERTD_BASE_EMBEDDED_H
#define BERTD_BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *path; /* in the source tree, as in "migrations/0001_jobs.sql"; NULL ends the
			     table */
	const unsigned char *data; /* terminated by a 0 that len does not count */
	size_t len;
};
extern const struct embedded embedded_files[]; /* in the order of their paths within a folder */

#endif
