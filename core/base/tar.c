/* Writing tar archives: see tar.h. Reading is in tar_read.c. */
#include "base/tar.h"

#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define END_BYTES (2 * TAR_BLOCK) /* the mark: two blocks of zeros */
#define MAX_SIZE  ((INT64_C(1) << 33) - 1)

/* The fields of a header block that are not zero: offset, width. */
enum { AT_NAME = 0, AT_MODE = 100, AT_UID = 108, AT_GID = 116, AT_SIZE = 124, AT_MTIME = 136 };
enum { AT_CHECKSUM = 148, AT_TYPE = 156, AT_MAGIC = 257 };

struct member {
	char header[TAR_BLOCK];
	int fd;
	int64_t size;
	int64_t offset; /* of its header in the archive */
};

struct tar {
	struct member *members;
	int n;
	int64_t mtime;
	int64_t end; /* where the next header goes */
};

struct tar *tar_new(int64_t mtime)
{
	struct tar *t = mem_zalloc(1, sizeof(*t));

	t->mtime = mtime;
	return t;
}

void tar_free(struct tar *t)
{
	if (!t)
		return;
	for (int i = 0; i < t->n; i++)
		close(t->members[i].fd);
	free(t->members);
	free(t);
}

static void write_header(char *h, const char *name, int64_t size, int64_t mtime)
{
	unsigned sum = 0;

	memset(h, 0, TAR_BLOCK);
	memcpy(h + AT_NAME, name, strlen(name));
	snprintf(h + AT_MODE, 8, "%07o", 0644);
	snprintf(h + AT_UID, 8, "%07o", 0);
	snprintf(h + AT_GID, 8, "%07o", 0);
	snprintf(h + AT_SIZE, 12, "%011" PRIo64, size);
	snprintf(h + AT_MTIME, 12, "%011" PRIo64, mtime);
	h[AT_TYPE] = '0';
	memcpy(h + AT_MAGIC,
	       "ustar\0"
	       "00",
	       8);
	/* The sum is over the block with blanks in its own place. */
	memset(h + AT_CHECKSUM, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + AT_CHECKSUM, 7, "%06o", sum);
}

enum err tar_add(struct tar *t, const char *name, int fd, struct errinfo *ei)
{
	struct stat st;
	enum err e = OK;

	BUG_ON(strlen(name) > 100);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		e = err_set(ei, ERR_IO, "%s cannot be read", name);
	else if (st.st_size > MAX_SIZE)
		e = err_set(ei, ERR_TOO_LARGE, "%s is too large for a tar archive", name);
	if (e != OK) {
		close(fd);
		return e;
	}
	t->members = mem_resize(t->members, (size_t)t->n + 1, sizeof(*t->members));
	struct member *m = &t->members[t->n++];
	m->fd = fd;
	m->size = st.st_size;
	m->offset = t->end;
	write_header(m->header, name, m->size, t->mtime);
	t->end += TAR_BLOCK + (m->size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return OK;
}

int64_t tar_bytes(const struct tar *t)
{
	return t->end + END_BYTES;
}

static const struct member *member_at(const struct tar *t, int64_t at)
{
	const struct member *m = NULL;

	for (int i = 0; at < t->end && i < t->n && t->members[i].offset <= at; i++)
		m = &t->members[i];
	return m;
}

static size_t least(int64_t a, size_t b)
{
	return a < (int64_t)b ? (size_t)a : b;
}

/* Up to n bytes of the one piece that begins at or before at: a header, a content, or zeros. */
static ssize_t read_piece(const struct tar *t, int64_t at, char *out, size_t n)
{
	const struct member *m = member_at(t, at);
	int64_t in = m ? at - m->offset : 0;
	int64_t content = m ? TAR_BLOCK + m->size : 0;
	ssize_t got;

	if (m && in < TAR_BLOCK) {
		n = least(TAR_BLOCK - in, n);
		memcpy(out, m->header + in, n);
		return (ssize_t)n;
	}
	if (m && in < content) {
		do
			got = pread(m->fd, out, least(content - in, n), in - TAR_BLOCK);
		while (got < 0 && errno == EINTR);
		return got > 0 ? got : -1;
	}
	/* Up to the next block, or to the end of all. */
	n = m ? least((TAR_BLOCK - in % TAR_BLOCK) % TAR_BLOCK, n) : least(tar_bytes(t) - at, n);
	memset(out, 0, n);
	return (ssize_t)n;
}

ssize_t tar_read(const struct tar *t, int64_t at, char *out, size_t n)
{
	size_t done = 0;

	while (done < n && at + (int64_t)done < tar_bytes(t)) {
		ssize_t got = read_piece(t, at + (int64_t)done, out + done, n - done);
		if (got < 0)
			return -1;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

enum err tar_hash(const struct tar *t, char *sha256, struct errinfo *ei)
{
	enum { CHUNK = 1 << 18 };
	struct hash *h = hash_new();
	char *chunk = mem_alloc(CHUNK);
	int64_t at = 0;
	ssize_t n;

	while ((n = tar_read(t, at, chunk, CHUNK)) > 0) {
		hash_add(h, chunk, (size_t)n);
		at += n;
	}
	free(chunk);
	if (n == 0) {
		hash_finish(h, sha256);
		return OK;
	}
	hash_free(h);
	return err_set(ei, ERR_IO, "a file of the archive cannot be read");
}
