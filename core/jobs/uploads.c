/* Data sets on their way in: see uploads.h. */
#include "jobs/uploads.h"

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef enum err visitor(void *ctx, const char *path, const struct stat *st, struct errinfo *ei);

/* Calls visit on the regular files in a folder of the data directory whose names begin so. */
static enum err each_file(const struct places *p, const char *folder, const char *prefix,
			  visitor *visit, void *ctx, struct errinfo *ei)
{
	char *dir = mem_printf("%s/%s", p->data_dir, folder);
	DIR *d = opendir(dir);
	enum err e = d ? OK : err_errno(ei, "cannot read the folder %s", dir);
	struct dirent *ent;
	struct stat st;

	while (e == OK && (ent = readdir(d))) {
		if (strncmp(ent->d_name, prefix, strlen(prefix)) != 0)
			continue;
		char *path = mem_printf("%s/%s", dir, ent->d_name);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
			e = visit(ctx, path, &st, ei);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
	return e;
}

static enum err add_bytes(void *ctx, const char *path, const struct stat *st, struct errinfo *ei)
{
	(void)path;
	(void)ei;
	*(int64_t *)ctx += st->st_size;
	return OK;
}

int64_t uploads_bytes(const struct places *p)
{
	/* In the order in which a file moves. */
	static const char *const folders[][2] = { { "tmp", UPLOADS_PREFIX },
						  { "uploads", "" },
						  { "datasets", "" } };
	struct errinfo ei;
	int64_t total = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (each_file(p, folders[i][0], folders[i][1], add_bytes, &total, &ei) != OK)
			log_warn("uploads_unread", "error=%s", log_q(ei.msg));
	return total;
}

int64_t uploads_part_bytes(const struct places *p, const char *sha256)
{
	char *path = places_upload(p, sha256);
	struct stat st;
	int64_t bytes = lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;

	free(path);
	return bytes;
}

struct sweep {
	int64_t before_ms;
	int removed;
};

static enum err sweep_part(void *ctx, const char *path, const struct stat *st, struct errinfo *ei)
{
	struct sweep *sweep = ctx;

	if ((int64_t)st->st_mtim.tv_sec * 1000 >= sweep->before_ms)
		return OK;
	sweep->removed++;
	log_info("part_swept", "path=%s bytes=%lld", log_q(path), (long long)st->st_size);
	return files_remove(path, ei);
}

enum err uploads_sweep(const struct places *p, int64_t before_ms, int *n, struct errinfo *ei)
{
	struct sweep sweep = { before_ms, 0 };
	enum err e = each_file(p, "uploads", "", sweep_part, &sweep, ei);

	*n = sweep.removed;
	return e;
}
