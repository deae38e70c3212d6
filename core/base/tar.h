/* tar archives: written so that their bytes are known before a file is read, and read as hostile
 * input.
 *
 * Format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; of GNU tar the long
 * names (type L). Any thread; a struct belongs to one at a time. */
#ifndef BERTD_BASE_TAR_H
#define BERTD_BASE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define TAR_BLOCK     512
#define TAR_NAME_SIZE 256

/* Writing: open files become an archive that can be read from any place on. The same names, times
 * and contents give the same bytes: mode 0644, owner 0, no names of users. */
struct tar;

/* mtime: of all members, seconds since 1970. */
struct tar *tar_new(int64_t mtime);
/* Closes the files. NULL is fine. */
void tar_free(struct tar *t);
/* Appends a regular file as it is now under a name of at most 100 bytes, and takes fd, also on
 * error. ERR_IO; ERR_TOO_LARGE from 8 GiB on, which the format cannot say. */
enum err tar_add(struct tar *t, const char *name, int fd, struct errinfo *ei) MUST_USE;
/* Of the whole archive, its end included. */
int64_t tar_bytes(const struct tar *t);
/* The bytes [at, at + n) of the archive, fewer at its end: the number, 0 behind the end, -1 when a
 * file fails or is shorter now. */
ssize_t tar_read(const struct tar *t, int64_t at, char *out, size_t n);
/* SHA-256 of the whole into sha256 (SHA256_HEX_SIZE). ERR_IO. */
enum err tar_hash(const struct tar *t, char *sha256, struct errinfo *ei) MUST_USE;

/* Reading: the entries of an archive in a file, one after the other. Only regular files and folders
 * are let through; what a name means is the caller's to decide. */
struct tar_entry {
	char name[TAR_NAME_SIZE]; /* as it stands, terminated; what is longer is cut */
	bool folder;
	int64_t size, offset; /* of the content in the archive's file */
};
struct tar_reader {
	int fd;	       /* borrowed */
	int64_t bytes; /* of the file */
	int64_t at;
	int n_entries;
};
#define TAR_MAX_ENTRIES 10000

/* The next entry. ERR_NOT_FOUND: the end mark was reached. ERR_INVALID: what no tar has, a file
 * that ends within an entry or without the end mark, a link, device or sparse file, a pax header
 * that changes sizes or links. ERR_UNSUPPORTED: a compressed archive. ERR_TOO_LARGE: too many
 * entries, or a header over 64 KiB. ERR_IO. */
enum err tar_next(struct tar_reader *r, struct tar_entry *out, struct errinfo *ei) MUST_USE;

#endif
