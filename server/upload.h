/* A request body that is written to tmp/ while it arrives, with its SHA-256. One thread at a time.
 */
#ifndef BERTD_SERVER_UPLOAD_H
#define BERTD_SERVER_UPLOAD_H

#include "web.h"

struct upload;

struct upload_limits {
	int64_t max_bytes; /* of the file */
	int64_t min_free;  /* bytes that must stay free on the disk */
	int64_t quota;	   /* bytes that may be added */
};

/* Makes the file at path, which must not exist; takes the path. ERR_DISK_FULL, ERR_IO. */
enum err upload_open(char *path, const struct upload_limits *limits, struct upload **out,
		     struct errinfo *ei) MUST_USE;
/* The same for a part: a file that stays when the upload ends early, so that another one goes on
 * with it. offset must be its size, or 0 to start over; it is made if it is not there. Nobody else
 * can open it until upload_free. ERR_CONFLICT: its size is another, *size. ERR_BUSY: somebody is at
 * it. */
enum err upload_open_part(char *path, int64_t offset, const struct upload_limits *limits,
			  struct upload **out, int64_t *size, struct errinfo *ei) MUST_USE;
/* ERR_TOO_LARGE, ERR_QUOTA, ERR_DISK_FULL (also when the disk runs low while others write), ERR_IO.
 */
enum err upload_write(struct upload *u, const void *data, size_t n, struct errinfo *ei) MUST_USE;
/* Closes the file, but not a part; *out is borrowed from u. ERR_DISK_FULL, ERR_IO. */
enum err upload_finish(struct upload *u, const struct web_upload **out,
		       struct errinfo *ei) MUST_USE;
/* Removes the file, unless it is a part or somebody renamed it away, and frees. NULL is fine. */
void upload_free(struct upload *u);

#endif
