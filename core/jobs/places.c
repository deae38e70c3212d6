/* Where things lie on disk: see places.h. What a model's name stands for is in place_models.c. */
#include "jobs/places.h"

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/rows.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

char *places_job_dir(const struct places *p, const char *job_id)
{
	return mem_printf("%s/jobs/%s", p->data_dir, job_id);
}

char *places_model_dir(const struct places *p, const char *model_id)
{
	return mem_printf("%s/models/%s", p->data_dir, model_id);
}

char *places_dataset(const struct places *p, const char *sha256)
{
	return mem_printf("%s/datasets/%s", p->data_dir, sha256);
}

char *places_tokens(const struct places *p)
{
	return mem_printf("%s/tokens", p->data_dir);
}

char *places_upload(const struct places *p, const char *sha256)
{
	return mem_printf("%s/uploads/%s", p->data_dir, sha256);
}

char *places_tmp(const struct places *p, const char *name)
{
	return mem_printf("%s/tmp/%s", p->data_dir, name);
}

static enum err take_lock(const struct places *p, int *lock_fd, struct errinfo *ei)
{
	char *path = mem_printf("%s/lock", p->data_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	enum err e = OK;

	if (fd < 0)
		e = err_errno(ei, "cannot open %s", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		e = errno == EWOULDBLOCK
			    ? err_set(ei, ERR_CONFLICT, "another bertd uses the data directory %s",
				      p->data_dir)
			    : err_errno(ei, "cannot lock %s", path);
	free(path);
	if (e == OK)
		*lock_fd = fd;
	else if (fd >= 0)
		close(fd);
	return e;
}

static enum err make_folders(const struct places *p, struct errinfo *ei)
{
	static const char *const folders[] = { "datasets", "jobs",    "models",
					       "tokens",   "uploads", "tmp" };
	enum err e = OK;

	for (size_t i = 0; e == OK && i < sizeof(folders) / sizeof(*folders); i++) {
		char *path = mem_printf("%s/%s", p->data_dir, folders[i]);
		e = files_make_dirs(path, ei);
		free(path);
	}
	return e;
}

/* Calls visit on every entry of a folder of the data directory. */
static enum err each_entry(const struct places *p, const char *folder,
			   enum err (*visit)(void *ctx, const char *name, const char *path,
					     struct errinfo *ei),
			   void *ctx, struct errinfo *ei)
{
	char *dir = mem_printf("%s/%s", p->data_dir, folder);
	DIR *d = opendir(dir);
	enum err e = d ? OK : err_errno(ei, "cannot read the folder %s", dir);
	struct dirent *ent;

	while (e == OK && (ent = readdir(d))) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		char *path = mem_printf("%s/%s", dir, ent->d_name);
		e = visit(ctx, ent->d_name, path, ei);
		free(path);
	}
	if (d)
		closedir(d);
	free(dir);
	return e;
}

static enum err remove_entry(void *ctx, const char *name, const char *path, struct errinfo *ei)
{
	(void)ctx;
	(void)name;
	return files_remove(path, ei);
}

enum err places_open(const struct places *p, int *lock_fd, struct errinfo *ei)
{
	enum err e = make_folders(p, ei);

	if (e == OK)
		e = take_lock(p, lock_fd, ei);
	if (e != OK)
		return e;
	e = each_entry(p, "tmp", remove_entry, NULL, ei);
	if (e != OK)
		close(*lock_fd);
	return e;
}

static bool is_sha256(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

bool places_is_dataset(const char *id)
{
	return strncmp(id, "ds_", 3) == 0 && is_sha256(id + 3);
}

/* Whether name is one that this program gives in the folder, and OK or ERR_NOT_FOUND for its row.
 */
static bool dataset_has_row(struct db *db, const char *name, enum err *e, struct errinfo *ei)
{
	struct dataset_row d = { 0 };
	char id[72];

	if (!is_sha256(name))
		return false;
	snprintf(id, sizeof(id), "ds_%s", name);
	*e = dataset_row_get(db, id, &d, ei);
	dataset_row_clear(&d);
	return true;
}

static bool model_has_row(struct db *db, const char *name, enum err *e, struct errinfo *ei)
{
	struct model_row m = { 0 };

	if (!ids_valid("mdl_", name))
		return false;
	*e = model_row_get(db, name, &m, ei);
	model_row_clear(&m);
	return true;
}

static bool job_has_row(struct db *db, const char *name, enum err *e, struct errinfo *ei)
{
	struct job j = { 0 };

	if (!ids_valid("job_", name))
		return false;
	*e = job_get(db, name, &j, ei);
	job_clear(&j);
	return true;
}

struct sweep {
	struct db *db;
	bool (*has_row)(struct db *db, const char *name, enum err *e, struct errinfo *ei);
	int removed;
};

static enum err sweep_entry(void *ctx, const char *name, const char *path, struct errinfo *ei)
{
	struct sweep *sweep = ctx;
	enum err e;

	if (!sweep->has_row(sweep->db, name, &e, ei)) {
		log_warn("foreign_file", "path=%s", log_q(path));
		return OK;
	}
	if (e != ERR_NOT_FOUND)
		return e;
	sweep->removed++;
	log_info("swept", "path=%s", log_q(path));
	return files_remove(path, ei);
}

enum err places_sweep(const struct places *p, struct db *db, int *n, struct errinfo *ei)
{
	struct sweep datasets = { db, dataset_has_row, 0 };
	struct sweep models = { db, model_has_row, 0 };
	struct sweep jobs = { db, job_has_row, 0 };
	enum err e = each_entry(p, "datasets", sweep_entry, &datasets, ei);

	if (e == OK)
		e = each_entry(p, "models", sweep_entry, &models, ei);
	if (e == OK)
		e = each_entry(p, "jobs", sweep_entry, &jobs, ei);
	*n = datasets.removed + models.removed + jobs.removed;
	return e;
}

static void cut_folder(char *msg, const char *folder)
{
	size_t n = folder ? strlen(folder) : 0;
	char *at = msg;

	while (n > 1 && (at = strstr(at, folder))) {
		size_t skip = n + (at[n] == '/');
		memmove(at, at + skip, strlen(at + skip) + 1);
	}
}

void places_redact(const struct places *p, struct errinfo *ei)
{
	const char *folders[] = { p->data_dir, p->data_root, p->model_dir };

	/* One may lie in another: the longer ones first. */
	for (int i = 0; i < 3; i++)
		for (int j = i + 1; j < 3; j++)
			if (folders[j] &&
			    (!folders[i] || strlen(folders[j]) > strlen(folders[i]))) {
				const char *longer = folders[j];
				folders[j] = folders[i];
				folders[i] = longer;
			}
	for (int i = 0; i < 3; i++)
		cut_folder(ei->msg, folders[i]);
}

static enum err open_dataset(const struct file_source *src, const char *id, int *fd,
			     struct errinfo *ei)
{
	struct dataset_row d = { 0 };
	enum err e = dataset_row_get(src->db, id, &d, ei);

	dataset_row_clear(&d);
	if (e != OK)
		return e;
	char *path = places_dataset(src->places, id + strlen("ds_"));
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		e = err_errno(ei, "the file of the data set cannot be opened");
	free(path);
	return e;
}

static enum err open_fetched(const struct file_source *src, const char *file, int *fd,
			     struct errinfo *ei)
{
	char sha256[SHA256_HEX_SIZE], *path = NULL;

	if (!src->places->fetch)
		return err_set(ei, ERR_UNSUPPORTED, "files from the network cannot be read here");
	enum err e = fetch_file(src->places->fetch, file, src->how, &path, sha256, ei);
	if (e != OK)
		return e;
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		e = err_errno(ei, "the downloaded file cannot be opened");
	free(path);
	return e;
}

static enum err open_in_root(const char *root, const char *file, int *fd, struct errinfo *ei)
{
	if (!root)
		return err_set(ei, ERR_INVALID,
			       "this server reads no files of its own: upload the data with "
			       "POST /datasets and name the id");
	return files_open_beneath(root, file, fd, ei);
}

enum err places_open_file(void *ctx, const char *file, int *fd, struct errinfo *ei)
{
	const struct file_source *src = ctx;

	if (places_is_dataset(file))
		return open_dataset(src, file, fd, ei);
	if (fetch_is_url(file))
		return open_fetched(src, file, fd, ei);
	return open_in_root(src->places->data_root, file, fd, ei);
}
