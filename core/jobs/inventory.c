/* What the rows say there is: see inventory.h. */
#include "jobs/inventory.h"

#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "train/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 100 }; /* rows of one list */

static struct item *add(struct inventory *v, enum item_kind kind, const char *id,
			const char *sha256, int64_t bytes)
{
	v->list = mem_resize(v->list, (size_t)v->n + 1, sizeof(*v->list));
	struct item *item = &v->list[v->n++];
	*item = (struct item){ .kind = kind, .bytes = bytes };
	snprintf(item->id, sizeof(item->id), "%s", id);
	snprintf(item->sha256, sizeof(item->sha256), "%s", sha256);
	return item;
}

static enum err add_datasets(struct db *db, struct inventory *v, struct errinfo *ei)
{
	bool more = true;
	enum err e = OK;

	while (e == OK && more) {
		const char *after = v->n ? v->list[v->n - 1].id : NULL;
		struct dataset_row *list = NULL;
		int n = 0;
		e = dataset_row_list(db, after, PAGE, &list, &n, &more, ei);
		for (int i = 0; i < n; i++) {
			add(v, ITEM_DATASET, list[i].id, list[i].id + strlen("ds_"), list[i].bytes);
			dataset_row_clear(&list[i]);
		}
		free(list);
	}
	return e;
}

static enum err add_models(struct db *db, struct inventory *v, struct errinfo *ei)
{
	int first = v->n;
	bool more = true;
	enum err e = OK;

	while (e == OK && more) {
		const char *after = v->n > first ? v->list[v->n - 1].id : NULL;
		struct model_row *list = NULL;
		int n = 0;
		e = model_row_list(db, after, PAGE, &list, &n, &more, ei);
		for (int i = 0; i < n; i++) {
			add(v, ITEM_MODEL, list[i].id, list[i].sha256, list[i].bytes);
			model_row_clear(&list[i]);
		}
		free(list);
	}
	return e;
}

static enum err add_checkpoints(struct db *db, const struct job *j, struct inventory *v,
				struct errinfo *ei)
{
	json_t *list = NULL, *row;
	size_t i;
	enum err e = checkpoint_rows_json(db, j->id, &list, ei);

	if (e != OK)
		return e;
	json_array_foreach(list, i, row) {
		struct item *item =
			add(v, ITEM_CHECKPOINT, json_string_value(json_object_get(row, "id")),
			    json_string_value(json_object_get(row, "sha256")),
			    json_integer_value(json_object_get(row, "bytes")));
		memcpy(item->job_id, j->id, sizeof(item->job_id));
		item->step = json_integer_value(json_object_get(row, "step"));
	}
	json_decref(list);
	return OK;
}

static enum err add_jobs(struct db *db, struct inventory *v, struct errinfo *ei)
{
	bool more = true;
	enum err e = OK;

	while (e == OK && more) {
		struct job_page page = { -1, v->n_jobs ? v->jobs[v->n_jobs - 1].id : NULL, PAGE };
		struct job *list = NULL;
		int n = 0;
		e = job_list(db, &page, &list, &n, &more, ei);
		if (e == OK && n) {
			v->jobs = mem_resize(v->jobs, (size_t)(v->n_jobs + n), sizeof(*v->jobs));
			memcpy(v->jobs + v->n_jobs, list, (size_t)n * sizeof(*list));
			v->n_jobs += n;
		}
		free(list);
	}
	return e;
}

enum err inventory_read(struct db *db, struct inventory *out, struct errinfo *ei)
{
	enum err e = add_datasets(db, out, ei);

	if (e == OK)
		e = add_models(db, out, ei);
	if (e == OK)
		e = add_jobs(db, out, ei);
	for (int i = 0; e == OK && i < out->n_jobs; i++)
		e = add_checkpoints(db, &out->jobs[i], out, ei);
	return e;
}

void inventory_clear(struct inventory *v)
{
	for (int i = 0; i < v->n_jobs; i++)
		job_clear(&v->jobs[i]);
	free(v->jobs);
	free(v->list);
	*v = (struct inventory){ 0 };
}

char *inventory_path(const struct places *p, const struct item *item)
{
	if (item->kind == ITEM_DATASET)
		return places_dataset(p, item->sha256);
	if (item->kind == ITEM_MODEL)
		return places_model_dir(p, item->id);
	char *dir = places_job_dir(p, item->job_id);
	char *path = checkpoint_path(dir, item->step);
	free(dir);
	return path;
}

enum err inventory_find(struct db *db, const struct item *item, struct errinfo *ei)
{
	struct dataset_row d = { 0 };
	struct model_row m = { 0 };
	enum err e = OK;

	if (item->kind == ITEM_DATASET)
		e = dataset_row_get(db, item->id, &d, ei);
	else if (item->kind == ITEM_MODEL)
		e = model_row_get(db, item->id, &m, ei);
	else
		e = checkpoint_row_find(db, item->job_id, item->step, ei);
	dataset_row_clear(&d);
	model_row_clear(&m);
	return e;
}

enum err inventory_drop(struct db *db, const struct item *item, struct errinfo *ei)
{
	if (item->kind == ITEM_DATASET)
		return dataset_row_delete(db, item->id, ei);
	if (item->kind == ITEM_MODEL)
		return model_row_delete(db, item->id, ei);
	return checkpoint_row_delete(db, item->job_id, item->step, ei);
}
