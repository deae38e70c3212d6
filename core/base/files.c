/* Files: see files.h. */
#include "base/files.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum err files_read(const char *path, size_t max, struct buf *out, struct errinfo *ei)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(ei, "cannot open %s", path);

	size_t start = out->len;
	ssize_t n;
	do {
		buf_reserve(out, 1 << 16);
		n = read(fd, out->data + out->len, 1 << 16);
		if (n > 0)
			out->len += (size_t)n;
	} while (n > 0 && out->len - start <= max);
	enum err e = n < 0 ? err_errno(ei, "cannot read %s", path) : OK;
	close(fd);
	if (out->data)
		out->data[out->len] = '\0';
	if (e == OK && out->len - start > max)
		e = err_set(ei, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
	return e;
}

static enum err write_all(int fd, const char *data, size_t n, const char *path, struct errinfo *ei)
{
	while (n) {
		ssize_t w = write(fd, data, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return err_errno(ei, "cannot write %s", path);
		data += w;
		n -= (size_t)w;
	}
	return OK;
}

static enum err sync_path(const char *path, int flags, struct errinfo *ei)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return err_errno(ei, "cannot open %s", path);
	enum err e = fsync(fd) != 0 ? err_errno(ei, "cannot sync %s", path) : OK;
	close(fd);
	return e;
}

static enum err sync_parent(const char *path, struct errinfo *ei)
{
	char *copy = mem_strdup(path);
	enum err e = sync_path(dirname(copy), O_DIRECTORY, ei);

	free(copy);
	return e;
}

enum err files_sync(const char *path, struct errinfo *ei)
{
	enum err e = sync_path(path, 0, ei);

	return e == OK ? sync_parent(path, ei) : e;
}

enum err files_write(const char *path, const void *data, size_t n, struct errinfo *ei)
{
	char *tmp = mem_printf("%s.tmp%d", path, (int)getpid());
	enum err e = OK;
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd < 0)
		e = err_errno(ei, "cannot create %s", tmp);
	if (e == OK)
		e = write_all(fd, data, n, tmp, ei);
	if (e == OK && fsync(fd) != 0)
		e = err_errno(ei, "cannot sync %s", tmp);
	if (fd >= 0)
		close(fd);
	if (e == OK && rename(tmp, path) != 0)
		e = err_errno(ei, "cannot rename %s", tmp);
	if (e == OK)
		e = sync_parent(path, ei);
	else if (fd >= 0)
		unlink(tmp);
	free(tmp);
	return e;
}

enum err files_copy(const char *from, const char *to, struct errinfo *ei)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return err_errno(ei, "cannot open %s", from);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (out < 0) {
		enum err e = err_errno(ei, "cannot create %s", to);
		close(in);
		return e;
	}

	enum { CHUNK = 1 << 18 };
	char *chunk = mem_alloc(CHUNK);
	enum err e = OK;
	ssize_t n;
	while (e == OK && (n = read(in, chunk, CHUNK)) != 0)
		e = n < 0 ? err_errno(ei, "cannot read %s", from)
			  : write_all(out, chunk, (size_t)n, to, ei);
	free(chunk);
	close(in);
	if (close(out) != 0 && e == OK)
		e = err_errno(ei, "cannot write %s", to);
	return e;
}

enum err files_make_dirs(const char *path, struct errinfo *ei)
{
	char *copy = mem_strdup(path);
	enum err e = OK;

	for (char *p = copy + 1; e == OK && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0750) != 0 && errno != EEXIST)
			e = err_errno(ei, "cannot make the folder %s", copy);
		*p = '/';
	}
	if (e == OK && mkdir(copy, 0750) != 0 && errno != EEXIST)
		e = err_errno(ei, "cannot make the folder %s", copy);
	free(copy);
	return e;
}

/* Calls visit on every entry of the tree, children before their folder (pre = false) and each
 * folder also before its children (pre = true). Links are not followed. */
static enum err walk(const char *path,
		     enum err (*visit)(const FTSENT *, bool pre, void *, struct errinfo *),
		     void *arg, struct errinfo *ei)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	enum err e = OK;
	FTSENT *ent;

	if (!fts)
		return err_errno(ei, "cannot walk %s", path);
	while (e == OK && (ent = fts_read(fts))) {
		if (ent->fts_info == FTS_NS || ent->fts_info == FTS_DNR ||
		    ent->fts_info == FTS_ERR) {
			errno = ent->fts_errno;
			e = errno == ENOENT ? OK : err_errno(ei, "cannot walk %s", ent->fts_path);
		} else {
			e = visit(ent, ent->fts_info == FTS_D, arg, ei);
		}
	}
	fts_close(fts);
	return e;
}

struct tree_copy {
	size_t n_from; /* bytes of the path that is copied */
	const char *to;
};

static enum err copy_entry(const FTSENT *ent, bool pre, void *arg, struct errinfo *ei)
{
	const struct tree_copy *copy = arg;
	char *to = mem_printf("%s%s", copy->to, ent->fts_path + copy->n_from);
	enum err e = OK;

	if (pre) {
		e = files_make_dirs(to, ei);
	} else if (ent->fts_info == FTS_F && !strstr(ent->fts_name, ".tmp")) {
		e = files_copy(ent->fts_path, to, ei);
		if (e == ERR_NOT_FOUND && !files_exist(ent->fts_path))
			e = OK;
	}
	free(to);
	return e;
}

enum err files_copy_tree(const char *from, const char *to, struct errinfo *ei)
{
	struct tree_copy copy = { strlen(from), to };
	enum err e = walk(from, copy_entry, &copy, ei);

	if (e == OK && !files_exist(from))
		return err_set(ei, ERR_NOT_FOUND, "%s is not there", from);
	return e;
}

static enum err remove_entry(const FTSENT *ent, bool pre, void *arg, struct errinfo *ei)
{
	(void)arg;
	if (pre || remove(ent->fts_accpath) == 0 || errno == ENOENT)
		return OK;
	return err_errno(ei, "cannot remove %s", ent->fts_path);
}

enum err files_remove(const char *path, struct errinfo *ei)
{
	return walk(path, remove_entry, NULL, ei);
}

static enum err sync_entry(const FTSENT *ent, bool pre, void *arg, struct errinfo *ei)
{
	(void)arg;
	if (ent->fts_info == FTS_F)
		return sync_path(ent->fts_accpath, 0, ei);
	return ent->fts_info == FTS_DP && !pre ? sync_path(ent->fts_accpath, O_DIRECTORY, ei) : OK;
}

enum err files_publish_dir(const char *from, const char *to, struct errinfo *ei)
{
	enum err e = walk(from, sync_entry, NULL, ei);

	if (e == OK && rename(from, to) != 0)
		e = err_errno(ei, "cannot rename %s to %s", from, to);
	if (e == OK)
		e = sync_parent(to, ei);
	return e == OK ? sync_parent(from, ei) : e;
}

enum err files_open_beneath(const char *root, const char *relative, int *fd, struct errinfo *ei)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH };
	struct stat st;
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_errno(ei, "the root folder cannot be opened");
	long got = syscall(SYS_openat2, dir, relative, &how, sizeof(how));
	int saved = errno;
	close(dir);
	if (got < 0) {
		errno = saved;
		if (saved == EXDEV || saved == ELOOP)
			return err_set(ei, ERR_INVALID,
				       "the path \"%s\" leads out of its root folder", relative);
		enum err e = err_errno(ei, "cannot open \"%s\"", relative);
		/* What the path itself is to blame for. */
		bool path = saved == ENOTDIR || saved == ENAMETOOLONG || saved == EACCES;
		return path ? ERR_INVALID : e;
	}
	if (fstat((int)got, &st) != 0 || !S_ISREG(st.st_mode)) {
		close((int)got);
		return err_set(ei, ERR_INVALID, "\"%s\" is not a regular file", relative);
	}
	*fd = (int)got;
	return OK;
}

int64_t files_free_bytes(const char *path)
{
	struct statvfs v;

	return statvfs(path, &v) == 0 ? (int64_t)v.f_bavail * (int64_t)v.f_frsize : -1;
}

static enum err add_size(const FTSENT *ent, bool pre, void *arg, struct errinfo *ei)
{
	(void)pre;
	(void)ei;
	if (ent->fts_info == FTS_F)
		*(int64_t *)arg += ent->fts_statp->st_size;
	return OK;
}

int64_t files_tree_bytes(const char *path)
{
	int64_t total = 0;

	return walk(path, add_size, &total, NULL) == OK ? total : 0;
}

bool files_exist(const char *path)
{
	return access(path, F_OK) == 0;
}
