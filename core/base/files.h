/* Files: whole reads with a bound, atomic writes, and the one place that publishes a directory. Any
 * thread. */
#ifndef BERTD_BASE_FILES_H
#define BERTD_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file to out. ERR_NOT_FOUND, ERR_TOO_LARGE (more than max bytes), ERR_IO. */
enum err files_read(const char *path, size_t max, struct buf *out, struct errinfo *ei) MUST_USE;

/* Writes path so that it has the old content or the new one after a crash: temporary file, fsync,
 * rename, fsync of the folder. ERR_IO, ERR_DISK_FULL. */
enum err files_write(const char *path, const void *data, size_t n, struct errinfo *ei) MUST_USE;

enum err files_copy(const char *from, const char *to, struct errinfo *ei) MUST_USE;
/* Copies a folder with its files and folders; `to` must not exist. What vanishes from it meanwhile
 * is left out, and so are the temporary files of files_write, links and special files.
 * ERR_NOT_FOUND when the folder itself is not there at the end. */
enum err files_copy_tree(const char *from, const char *to, struct errinfo *ei) MUST_USE;

/* mkdir -p with mode 0750. */
enum err files_make_dirs(const char *path, struct errinfo *ei) MUST_USE;

/* Removes a file or a whole tree; a missing one is fine. Symbolic links are removed, not followed.
 */
enum err files_remove(const char *path, struct errinfo *ei) MUST_USE;

/* Makes the directory `from` appear at `to`, all or nothing, also across a power cut: fsync of
 * every file and folder in it, rename, fsync of both parents. `to` must not exist, or be an empty
 * directory. Both on one file system. */
enum err files_publish_dir(const char *from, const char *to, struct errinfo *ei) MUST_USE;

/* fsync of one file and of its folder. */
enum err files_sync(const char *path, struct errinfo *ei) MUST_USE;

/* Opens root/relative for reading, and nothing outside root: no "..", no absolute path, no link
 * that leads out (openat2 RESOLVE_BENEATH). Returns a descriptor in *fd. ERR_INVALID when the path
 * would leave, is too long, runs through a file, may not be read or is not a regular file;
 * ERR_NOT_FOUND, ERR_IO. The message does not hold root. */
enum err files_open_beneath(const char *root, const char *relative, int *fd,
			    struct errinfo *ei) MUST_USE;

/* Bytes an unprivileged writer can still use on the file system of path, or -1. */
int64_t files_free_bytes(const char *path);

/* Bytes of all regular files below path; 0 when there is none. */
int64_t files_tree_bytes(const char *path);

bool files_exist(const char *path);

#endif
