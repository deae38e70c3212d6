/* Files by their content: see data_files.h. */
#include "jobs/data_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* The hash that the name of an upload is made of. */
static bool hash_in_name(const char *name, char *out)
{
	if (strncmp(name, "ds_", 3) != 0 || strlen(name) != 3 + SHA256_HEX_SIZE - 1)
		return false;
	memcpy(out, name + 3, SHA256_HEX_SIZE);
	return true;
}

/* The hash of a split before that has the very same file. */
static bool hash_known(const struct data_files *f, int s, char *out)
{
	for (int i = 0; i < s; i++) {
		const struct data_file *other = &f->splits[i];

		if (!other->name || other->failed != OK ||
		    !same_state(&other->as_hashed, &f->splits[s].as_hashed))
			continue;
		memcpy(out, other->sha256, SHA256_HEX_SIZE);
		return true;
	}
	return false;
}

static enum err identify(const struct data_files *f, int s, struct data_file *file,
			 struct errinfo *ei)
{
	if (fstat(file->fd, &file->as_hashed) != 0)
		return err_errno(ei, "the data cannot be read");
	if (hash_in_name(file->name, file->sha256) || hash_known(f, s, file->sha256))
		return OK;
	return hash_descriptor(file->fd, file->sha256, ei);
}

static bool is_users(enum err e)
{
	return e == ERR_NOT_FOUND || e == ERR_INVALID || e == ERR_UNSUPPORTED || e == ERR_TOO_LARGE;
}

enum err data_files_open(struct data_files *f, const struct dataset_spec *spec,
			 dataset_opener *open, void *ctx, struct errinfo *ei)
{
	enum err e = OK;

	*f = (struct data_files){ 0 };
	for (int s = 0; s < N_SPLITS; s++)
		f->splits[s].fd = -1;
	for (int s = 0; s < N_SPLITS && e == OK; s++) {
		struct data_file *file = &f->splits[s];

		file->name = spec->splits[s].file;
		if (!file->name)
			continue;
		file->failed = open(ctx, file->name, &file->fd, &file->why);
		if (file->failed == OK)
			e = identify(f, s, file, ei);
		else if (!is_users(file->failed))
			e = err_set(ei, file->failed, "%s", file->why.msg);
	}
	if (e != OK)
		data_files_close(f);
	return e;
}

void data_files_close(struct data_files *f)
{
	for (int s = 0; s < N_SPLITS; s++) {
		if (f->splits[s].fd >= 0)
			close(f->splits[s].fd);
		f->splits[s].fd = -1;
	}
}

bool data_files_all_open(const struct data_files *f)
{
	for (int s = 0; s < N_SPLITS; s++)
		if (f->splits[s].name && f->splits[s].failed != OK)
			return false;
	return true;
}

bool data_files_changed(const struct data_files *f)
{
	struct stat now;

	for (int s = 0; s < N_SPLITS; s++) {
		const struct data_file *file = &f->splits[s];

		if (file->fd >= 0 &&
		    (fstat(file->fd, &now) != 0 || !same_state(&now, &file->as_hashed)))
			return true;
	}
	return false;
}

json_t *data_files_json(const struct data_files *f)
{
	json_t *o = json_object();

	for (int s = 0; s < N_SPLITS; s++) {
		const struct data_file *file = &f->splits[s];

		if (file->name)
			json_object_set_new(o, split_names[s],
					    json_pack("{s:s, s:s, s:I}", "file", file->name,
						      "sha256", file->sha256, "bytes",
						      (json_int_t)file->as_hashed.st_size));
	}
	return o;
}

enum err data_files_hand_out(void *files, const char *name, int *fd, struct errinfo *ei)
{
	struct data_files *f = files;
	struct data_file *found = NULL;

	for (int s = 0; s < N_SPLITS && (!found || found->handed_out); s++) {
		struct data_file *file = &f->splits[s];

		if (file->name && strcmp(file->name, name) == 0 && (!found || !file->handed_out))
			found = file;
	}
	BUG_ON(!found);
	found->handed_out = true;
	if (found->failed != OK)
		return err_set(ei, found->failed, "%s", found->why.msg);
	*fd = fcntl(found->fd, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? err_errno(ei, "the data cannot be opened again") : OK;
}
