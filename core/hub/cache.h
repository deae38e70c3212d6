/* The cache on disk (its layout is in fetch.h): folders and units, who works on them, what was used
 * when, and what makes room. From any thread; the folder belongs to one process.
 *
 * A folder is that of a repository ("models--OWNER--NAME") or "urls"; a unit is what comes and goes
 * as a whole: FOLDER/snapshots/COMMIT, urls/SHA256-OF-URL. Beside the units a folder has
 *
 *     used/UNIT           empty; its time is when the unit was used last
 *     sha256/UNIT/PATH    "HEX SIZE": the content of a data file, so that it need not be read again
 *     incomplete/…        parts of files, and snapshots that are not whole yet */
#ifndef BERTD_HUB_CACHE_H
#define BERTD_HUB_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "hub/fetch.h"

#define CACHE_URLS     "urls"
#define CACHE_KEPT_S   3600 /* what was used within this time is not removed */
#define CACHE_MAX_HASH 65

struct cache;

struct cache_limits {
	int64_t max_bytes;
	int64_t min_free_bytes;
};

enum err cache_open(const char *dir, const struct cache_limits *limits, struct cache **out,
		    struct errinfo *ei) MUST_USE;
void cache_close(struct cache *c);

/* New strings. */
char *cache_unit(const struct cache *c, const char *folder, const char *unit);
char *cache_incomplete(const struct cache *c, const char *folder, const char *name);

/* Makes the folder's own folders. ERR_IO, ERR_DISK_FULL. */
enum err cache_make_folder(const struct cache *c, const char *folder, struct errinfo *ei) MUST_USE;

/* One thread at a time works on what key names: a folder, or "urls/UNIT". Waits for the others;
 * ERR_CANCELLED. */
enum err cache_lock(struct cache *c, const char *key, const struct fetch_how *how,
		    struct errinfo *ei) MUST_USE;
void cache_unlock(struct cache *c, const char *key);

/* Whether the unit is there; if so, it now counts as used. */
bool cache_use(struct cache *c, const char *folder, const char *unit);
/* The same for one that is about to be there. */
void cache_mark_used(const struct cache *c, const char *folder, const char *unit);

/* Room for so many more bytes: removes what was used least recently, but nothing that was used
 * within CACHE_KEPT_S. ERR_DISK_FULL when that is not enough for the limits. */
enum err cache_make_room(struct cache *c, int64_t bytes, struct errinfo *ei) MUST_USE;
/* The disk alone, cheap enough for every few megabytes. ERR_DISK_FULL. */
enum err cache_check_disk(const struct cache *c, struct errinfo *ei) MUST_USE;

/* refs/REVISION. commit gets "" when there is none that is a commit. */
void cache_read_ref(const char *dir, const char *folder, const char *revision, char commit[72]);
enum err cache_write_ref(const struct cache *c, const char *folder, const char *revision,
			 const char *commit, struct errinfo *ei) MUST_USE;

/* Moves a whole, synced file to its name below the unit. */
enum err cache_place_file(const struct cache *c, const char *folder, const char *unit,
			  const char *path, const char *from, struct errinfo *ei) MUST_USE;

/* Removes a file or a tree of the cache; what is left of it is logged. */
void cache_remove(const char *path);

/* The SHA-256 of a file below a unit, noted or computed, and then noted. ERR_NOT_FOUND, ERR_IO. */
enum err cache_sha256(const struct cache *c, const char *folder, const char *unit, const char *path,
		      char *sha256, struct errinfo *ei) MUST_USE;
/* Notes it for a file that lies at `file` yet. */
enum err cache_note_sha256(const struct cache *c, const char *folder, const char *unit,
			   const char *path, const char *file, const char *sha256,
			   struct errinfo *ei) MUST_USE;

#endif
