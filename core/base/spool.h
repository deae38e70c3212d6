/* A growable array of bytes in a file without a name: more of it than memory holds may be written
 * and read, since the kernel can drop its pages and bring them back. For one thread at a time.
 *
 * Zero-initialised it is closed. data moves when the array grows. An unreadable disk under a mapped
 * page is a SIGBUS, as with any mapping; a full one is not, because space is allocated before it is
 * mapped. */
#ifndef BERTD_BASE_SPOOL_H
#define BERTD_BASE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct spool {
	char *data;  /* (len) readable and writable; NULL while len is 0 */
	int64_t len; /* bytes */
	int64_t cap;
	int64_t kept; /* where the bytes begin that appending has not given up yet */
	int fd;
	bool open;
};

/* An empty array in a file of its own in the folder dir, on a disk. dir NULL: in memory, for small
 * ones and tests. ERR_NOT_FOUND, ERR_IO, ERR_DISK_FULL. */
enum err spool_open(struct spool *s, const char *dir, struct errinfo *ei) MUST_USE;
/* Gives everything back. A closed one is fine. */
void spool_close(struct spool *s);

/* Adds n bytes at the end. However much is appended, no more than a few MB of it stay resident.
 * ERR_DISK_FULL, ERR_IO: nothing was added. */
enum err spool_append(struct spool *s, const void *data, int64_t n, struct errinfo *ei) MUST_USE;
/* Makes it len bytes long; new bytes are 0. ERR_DISK_FULL, ERR_IO. */
enum err spool_resize(struct spool *s, int64_t len, struct errinfo *ei) MUST_USE;

/* Lets go of the resident pages; the bytes stay what they are. For a pass that is through with what
 * it has read. */
void spool_forget(struct spool *s);

#endif
