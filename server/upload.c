/* A body that goes to a file: see upload.h. */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#define CHECK_EVERY (8 << 20) /* bytes between two looks at the room that is left */

struct upload {
	struct web_upload result;
	struct upload_limits limits;
	struct hash *hash;
	int fd; /* -1: closed */
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

enum err upload_open(char *path, const struct upload_limits *limits, struct upload **out,
		     struct errinfo *ei)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	struct upload *u;

	if (fd < 0) {
		enum err e = err_errno(ei, "cannot make %s", path);
		free(path);
		return e == ERR_NOT_FOUND ? ERR_IO : e;
	}
	u = mem_zalloc(1, sizeof(*u));
	u->result.path = path;
	u->limits = *limits;
	u->hash = hash_new();
	u->fd = fd;
	u->next_check = CHECK_EVERY;
	enum err e = check_room(u, ei);
	if (e == OK)
		*out = u;
	else
		upload_free(u);
	return e;
}

enum err upload_write(struct upload *u, const void *data, size_t n, struct errinfo *ei)
{
	const char *at = data;

	if ((int64_t)n > u->limits.max_bytes - u->result.bytes)
		return err_set(ei, ERR_TOO_LARGE, "the body is larger than %lld bytes",
			       (long long)u->limits.max_bytes);
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
	int rc = close(u->fd);

	u->fd = -1;
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
	if (files_remove(u->result.path, &ei) != OK)
		log_warn("upload_left", "detail=%s", log_q(ei.msg));
	free(u->result.path);
	free(u);
}
