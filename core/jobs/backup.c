/* A copy of a data directory: see backup.h. */
#include "jobs/backup.h"

#include "base/files.h"
#include "base/mem.h"
#include "jobs/inventory.h"
#include "jobs/job.h"
#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct backup {
	struct places from, to;
	struct db *db; /* of the copy */
	struct inventory rows;
	void (*tell)(void *ctx, const char *line);
	void *ctx;
};

static void say(const struct backup *b, char *line)
{
	b->tell(b->ctx, line);
	free(line);
}

/* Files */

/* Whether the copy of a folder has what serves it: the original may have been removed half way. */
static bool is_servable(const char *path)
{
	char *weights = mem_printf("%s/model.safetensors", path);
	char *config = mem_printf("%s/config.json", path);
	bool ok = files_exist(weights) && files_exist(config);

	free(weights);
	free(config);
	return ok;
}

static enum err copy_files(const struct item *item, const char *from, const char *to,
			   struct errinfo *ei)
{
	if (item->kind == ITEM_DATASET)
		return files_copy(from, to, ei);
	enum err e = files_copy_tree(from, to, ei);
	if (e == OK && !is_servable(to))
		return err_set(ei, ERR_NOT_FOUND, "%s is not whole", item->id);
	return e;
}

static enum err leave_out(struct backup *b, const struct item *item, const char *path,
			  struct errinfo *ei)
{
	enum err e = files_remove(path, ei);

	if (e == OK)
		e = inventory_drop(b->db, item, ei);
	if (e == ERR_CONFLICT)
		return err_set(ei, e, "%s was deleted meanwhile; try again", item->id);
	if (e == OK)
		say(b, mem_printf("%s: its files are gone, it is left out", item->id));
	return e;
}

static enum err copy_item(struct backup *b, const struct item *item, struct errinfo *ei)
{
	char *from = inventory_path(&b->from, item), *to = inventory_path(&b->to, item);
	enum err e = OK;

	if (item->kind == ITEM_CHECKPOINT) {
		char *dir = places_job_dir(&b->to, item->job_id);
		e = files_make_dirs(dir, ei);
		free(dir);
	}
	if (e == OK)
		e = copy_files(item, from, to, ei);
	if (e == ERR_NOT_FOUND)
		e = leave_out(b, item, to, ei);
	free(from);
	free(to);
	return e;
}

/* What becomes of a job that had not ended, on a daemon that is started on the copy. */
static void tell_job(const struct backup *b, const struct job *j)
{
	char *dir = places_job_dir(&b->to, j->id);
	int64_t *steps = NULL;
	int n = 0;

	if (checkpoint_list(dir, &steps, &n, NULL) != OK)
		n = 0;
	while (n && !checkpoint_is_complete(dir, steps[n - 1]))
		n--;
	if (n)
		say(b, mem_printf("%s: %s; the copy goes on from checkpoint-%" PRId64, j->id,
				  job_state_name(j->state), steps[n - 1]));
	else
		say(b, mem_printf("%s: %s; the copy starts it from the beginning", j->id,
				  job_state_name(j->state)));
	free(steps);
	free(dir);
}

static enum err copy_all_files(struct backup *b, struct errinfo *ei)
{
	static const char *const folders[] = { "datasets", "models", "jobs" };
	enum err e = OK;

	for (size_t i = 0; e == OK && i < sizeof(folders) / sizeof(*folders); i++) {
		char *path = mem_printf("%s/%s", b->to.data_dir, folders[i]);
		e = files_make_dirs(path, ei);
		free(path);
	}
	if (e == OK)
		e = inventory_read(b->db, &b->rows, ei);
	for (int i = 0; e == OK && i < b->rows.n; i++)
		e = copy_item(b, &b->rows.list[i], ei);
	for (int i = 0; e == OK && i < b->rows.n_jobs; i++)
		if (!job_state_final(b->rows.jobs[i].state) &&
		    b->rows.jobs[i].state != JOB_CANCELLING)
			tell_job(b, &b->rows.jobs[i]);
	return e;
}

/* The whole */

/* The rows are changed in a copy with a folder of its own, and a second copy leaves its log behind.
 */
static enum err copy_database(struct backup *b, struct errinfo *ei)
{
	char *from = mem_printf("%s/bertd.db", b->from.data_dir);
	char *folder = mem_printf("%s/work", b->to.data_dir);
	char *work = mem_printf("%s/bertd.db", folder);
	char *to = mem_printf("%s/bertd.db", b->to.data_dir);
	enum err e = files_make_dirs(folder, ei);

	if (e == OK)
		e = db_copy(from, work, ei);
	if (e == OK)
		e = db_open(work, &b->db, ei);
	if (e == OK)
		e = copy_all_files(b, ei);
	db_close(b->db);
	if (e == OK)
		e = db_copy(work, to, ei);
	if (e == OK)
		e = files_remove(folder, ei);
	inventory_clear(&b->rows);
	free(from);
	free(folder);
	free(work);
	free(to);
	return e;
}

static enum err check_target(const char *to, struct errinfo *ei)
{
	DIR *d = opendir(to);
	struct dirent *entry;
	enum err e = OK;

	if (!d)
		return errno == ENOENT ? OK : err_errno(ei, "cannot read the folder %s", to);
	while (e == OK && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			e = err_set(ei, ERR_CONFLICT, "%s is not empty", to);
	closedir(d);
	return e;
}

static enum err check_source(const char *data_dir, struct errinfo *ei)
{
	char *path = mem_printf("%s/bertd.db", data_dir);
	bool there = files_exist(path);

	free(path);
	return there ? OK
		     : err_set(ei, ERR_NOT_FOUND, "%s is no data directory: it has no bertd.db",
			       data_dir);
}

enum err backup_run(const char *data_dir, const char *to, void (*tell)(void *ctx, const char *line),
		    void *ctx, struct errinfo *ei)
{
	size_t n = strlen(to);

	while (n > 1 && to[n - 1] == '/')
		n--;
	char *path = mem_strndup(to, n), *tmp = mem_printf("%s.tmp%d", path, (int)getpid());
	struct backup b = {
		{ data_dir, NULL, NULL }, { tmp, NULL, NULL }, .tell = tell, .ctx = ctx
	};
	enum err e = check_source(data_dir, ei);
	if (e == OK)
		e = check_target(path, ei);
	if (e == OK)
		e = files_make_dirs(tmp, ei);
	if (e == OK)
		e = copy_database(&b, ei);
	if (e == OK)
		e = files_publish_dir(tmp, path, ei);
	if (e != OK && files_remove(tmp, NULL) != OK)
		say(&b, mem_printf("%s is left behind", tmp));
	free(path);
	free(tmp);
	return e;
}
