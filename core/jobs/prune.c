/* Retention: see prune.h. */
#include "jobs/prune.h"

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/rows.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_llong total;

int64_t prune_total(void)
{
	return atomic_load(&total);
}

void prune_plan(struct prune_job *jobs, int n, int64_t keep_jobs, int64_t keep_bytes)
{
	int64_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += jobs[i].bytes;
	for (int i = n - 1; i > 0; i--) {
		bool beyond = (keep_jobs && i >= keep_jobs) || (keep_bytes && bytes > keep_bytes);
		jobs[i].gone = beyond && !jobs[i].in_use;
		if (jobs[i].gone)
			bytes -= jobs[i].bytes;
	}
}

/* Newest first, with what the rows say of their use. */
static enum err read_ended(struct db *db, struct prune_job **jobs, int *n, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_JOB_ENDED);
	enum err e;

	while ((e = stmt_step(s, ei)) == OK) {
		const char *model = stmt_get_text(s, 1);
		*jobs = mem_resize(*jobs, (size_t)*n + 1, sizeof(**jobs));
		struct prune_job *j = &(*jobs)[(*n)++];
		*j = (struct prune_job){ .in_use = stmt_get_int(s, 2) };
		snprintf(j->id, sizeof(j->id), "%s", stmt_get_text(s, 0));
		snprintf(j->model_id, sizeof(j->model_id), "%s", model ? model : "");
	}
	return db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
}

/* Whether id is the model of the job, or one of its checkpoints. */
static bool is_of(const char *id, const struct prune_job *j)
{
	size_t n = strlen(j->id);

	return strcmp(id, j->model_id) == 0 || (strncmp(id, j->id, n) == 0 && id[n] == '/');
}

static enum err checkpoint_loaded(const struct prune *p, struct prune_job *j, struct errinfo *ei)
{
	int64_t *steps = NULL;
	int n = 0;
	enum err e = checkpoint_row_steps(p->db, j->id, &steps, &n, ei);

	for (int i = 0; e == OK && i < n && !j->in_use; i++) {
		char *id = mem_printf("%s/checkpoint-%" PRId64, j->id, steps[i]);
		j->in_use = p->loaded(p->ctx, id);
		free(id);
	}
	free(steps);
	return e;
}

/* Of a default model that is not there nothing is kept. */
static enum err mark_used(const struct prune *p, struct prune_job *jobs, int n, struct errinfo *ei)
{
	struct model_place place = { 0 };
	enum err e = OK;

	if (p->default_model &&
	    places_find_model(p->places, p->db, p->default_model, &place, NULL) != OK)
		place = (struct model_place){ 0 };
	for (int i = 0; e == OK && i < n; i++) {
		struct prune_job *j = &jobs[i];
		j->in_use |= *place.id && is_of(place.id, j);
		j->in_use |= *j->model_id && p->loaded(p->ctx, j->model_id);
		if (!j->in_use)
			e = checkpoint_loaded(p, j, ei);
	}
	model_place_clear(&place);
	return e;
}

static int64_t bytes_of(const struct prune *p, const struct prune_job *j)
{
	char *job_dir = places_job_dir(p->places, j->id);
	char *model_dir = places_model_dir(p->places, j->model_id);
	int64_t bytes = files_tree_bytes(job_dir);

	if (*j->model_id)
		bytes += files_tree_bytes(model_dir);
	free(job_dir);
	free(model_dir);
	return bytes;
}

static void remove_folder(char *path)
{
	struct errinfo ei;

	if (files_remove(path, &ei) != OK)
		log_warn("files_left", "error=%s", log_q(ei.msg));
	free(path);
}

static enum err remove_job(const struct prune *p, const struct prune_job *j, struct errinfo *ei)
{
	struct stmt *s = db_begin(p->db, SQL_JOB_PRUNE);

	stmt_text(s, j->id);
	enum err e = db_end(s, stmt_step(s, ei), ei);
	if (e != OK)
		return e == ERR_NOT_FOUND ? OK : e;
	if (*j->model_id) {
		p->drop(p->ctx, j->model_id);
		remove_folder(places_model_dir(p->places, j->model_id));
	}
	remove_folder(places_job_dir(p->places, j->id));
	atomic_fetch_add(&total, 1);
	log_info("job_pruned", "job=%s model=%s bytes=%" PRId64, j->id,
		 *j->model_id ? j->model_id : "none", j->bytes);
	return OK;
}

enum err prune_run(const struct prune *p, struct errinfo *ei)
{
	struct prune_job *jobs = NULL;
	int n = 0;
	enum err e;

	if (!p->keep_jobs && !p->keep_bytes)
		return OK;
	e = read_ended(p->db, &jobs, &n, ei);
	if (e == OK)
		e = mark_used(p, jobs, n, ei);
	for (int i = 0; e == OK && i < n; i++)
		jobs[i].bytes = bytes_of(p, &jobs[i]);
	if (e == OK)
		prune_plan(jobs, n, p->keep_jobs, p->keep_bytes);
	for (int i = n - 1; e == OK && i >= 0; i--)
		if (jobs[i].gone)
			e = remove_job(p, &jobs[i], ei);
	free(jobs);
	return e;
}
