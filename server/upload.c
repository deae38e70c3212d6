/* A body that goes to a file: see upload.h. */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#define CHECK_EVERY (8 << 20) /* bytes between two looks at the room that is left */

struct upload {
	struct web_upload result;
	struct upload_limits limits;
	struct hash *hash; /* NULL: of a part that was there before */
	int fd;		   /* -1: closed */
	bool part;
	int64_t start; /* bytes that were there before */
	int64_t next_check;
};

static enum err check_room(const struct upload *u, struct errinfo *ei)
{
	int64_t free_bytes = files_free_bytes(u->result.path);

	if (free_bytes >= 0 && free_bytes < u->limits.min_free)
		return err_set(ei, ERR_DISK_FULL, "only %lld bytes are left on the disk",
			       (long long)free_bytes);
	return OK;
}

/* Takes path and fd. */
static enum err begin(char *path, int fd, bool part, int64_t start,
		      const struct upload_limits *limits, struct upload **out, struct errinfo *ei)
{
	struct upload *u = mem_zalloc(1, sizeof(*u));

	u->result.path = path;
	u->result.bytes = start;
	u->limits = *limits;
	u->hash = start ? NULL : hash_new();
	u->fd = fd;
	u->part = part;
	u->start = start;
	u->next_check = start + CHECK_EVERY;
	enum err e = check_room(u, ei);
	if (e == OK)
		*out = u;
	else
		upload_free(u);
	return e;
}

enum err upload_open(char *path, const struct upload_limits *limits, struct upload **out,
		     struct errinfo *ei)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0) {
		enum err e = err_errno(ei, "cannot make %s", path);
		free(path);
		return e == ERR_NOT_FOUND ? ERR_IO : e;
	}
	return begin(path, fd, false, 0, limits, out, ei);
}

/* Whether the file is locked by fd and still lies at path: whoever had it may have renamed it. */
static bool lock_part(const char *path, int fd, int64_t *size)
{
	struct stat mine, there;

	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &mine) != 0 || stat(path, &there) != 0)
		return false;
	*size = mine.st_size;
	return mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
}

static enum err take_part(const char *path, int fd, int64_t offset, int64_t *size,
			  struct errinfo *ei)
{
	if (!lock_part(path, fd, size))
		return err_set(ei, ERR_BUSY, "another request is uploading the same data set");
	if (offset && offset != *size)
		return err_set(ei, ERR_CONFLICT, "Upload-Offset must be %lld, or 0 to start over",
			       (long long)*size);
	if (!offset && ftruncate(fd, 0) != 0)
		return err_errno(ei, "cannot empty %s", path);
	return lseek(fd, 0, SEEK_END) < 0 ? err_errno(ei, "cannot go on with %s", path) : OK;
}

enum err upload_open_part(char *path, int64_t offset, const struct upload_limits *limits,
			  struct upload **out, int64_t *size, struct errinfo *ei)
{
	int fd = open(path, O_WRONLY | (offset ? 0 : O_CREAT) | O_CLOEXEC, 0640);
	enum err e = OK;

	*size = 0;
	if (fd < 0 && offset && errno == ENOENT)
		e = err_set(ei, ERR_CONFLICT, "Upload-Offset must be 0: nothing is here yet");
	else if (fd < 0)
		e = err_errno(ei, "cannot open %s", path);
	else
		e = take_part(path, fd, offset, size, ei);
	if (e == OK)
		return begin(path, fd, true, offset, limits, out, ei);
	if (fd >= 0)
		close(fd);
	free(path);
	return e;
}

static enum err check_limits(const struct upload *u, size_t n, struct errinfo *ei)
{
	if ((int64_t)n > u->limits.max_bytes - u->result.bytes)
		return err_set(ei, ERR_TOO_LARGE, "the file is larger than %lld bytes",
			       (long long)u->limits.max_bytes);
	if ((int64_t)n > u->limits.quota - (u->result.bytes - u->start))
		return err_set(ei, ERR_QUOTA, "there is no room for it: delete other data sets");
	return OK;
}

enum err upload_write(struct upload *u, const void *data, size_t n, struct errinfo *ei)
{
	const char *at = data;
	enum err e = check_limits(u, n, ei);

	if (e != OK)
		return e;
	if (u->hash)
		hash_add(u->hash, data, n);
	u->result.bytes += (int64_t)n;
	while (n) {
		ssize_t w = write(u->fd, at, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(ei, "cannot write %s", u->result.path);
		at += w;
		n -= (size_t)w;
	}
	if (u->result.bytes < u->next_check)
		return OK;
	u->next_check = u->result.bytes + CHECK_EVERY;
	return check_room(u, ei);
}

enum err upload_finish(struct upload *u, const struct web_upload **out, struct errinfo *ei)
{
	int rc = 0;

	if (!u->part) {
		rc = close(u->fd);
		u->fd = -1;
	}
	if (u->hash)
		hash_finish(u->hash, u->result.sha256);
	u->hash = NULL;
	*out = &u->result;
	return rc == 0 ? OK : err_errno(ei, "cannot close %s", u->result.path);
}

void upload_free(struct upload *u)
{
	struct errinfo ei;

	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	hash_free(u->hash);
	if (!u->part && files_remove(u->result.path, &ei) != OK)
		log_warn("upload_left", "detail=%s", log_q(ei.msg));
	free(u->result.path);
	free(u);
}
