/* One file, from its first byte or from where it was cut off, to a whole and checked one. From any
 * thread; blocks. The part belongs to one caller. */
#ifndef BERTD_HUB_DOWNLOAD_H
#define BERTD_HUB_DOWNLOAD_H

#include "base/hash.h"
#include "hub/cache.h"
#include "hub/remote.h"
#include "hub/repo.h"

struct download {
	const struct remote *remote;
	const struct cache *cache; /* whose disk is watched */
	const struct remote_source *source;
	const char *part;	/* path of the file that grows; kept when the network ends it */
	struct repo_file *file; /* What it has to be. Where nothing but the ETag is known, a part
				 * goes on only if the server still has that one, and size, sha256
				 * and etag become those of what came. */
	int64_t max_bytes;
	const char *label; /* for the progress: struct fetch_progress.source and .file */
	const char *label_file;
};

/* OK: part is the whole file, synced, of the size and hash that file says; sha256 gets its own. A
 * file that came whole but wrong is fetched once more from its start, and then ERR_NETWORK names
 * both hashes. ERR_TOO_LARGE, ERR_DISK_FULL, ERR_IO, ERR_NETWORK, ERR_CANCELLED, what refused and
 * http_get say. */
enum err download(const struct download *d, char sha256[SHA256_HEX_SIZE],
		  struct errinfo *ei) MUST_USE;

#endif
