/* Rows of data sets and checkpoints: see rows.h. Those of models are in model_rows.c. */
#include "jobs/rows.h"

#include "base/clock.h"
#include "base/mem.h"
#include "jobs/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dataset_row_clear(struct dataset_row *d)
{
	free(d->name);
	free(d->format);
	free(d->columns);
	memset(d, 0, sizeof(*d));
}

/* Reads a row of DATASET_COLS. */
static void dataset_row_read(struct stmt *s, struct dataset_row *d)
{
	snprintf(d->id, sizeof(d->id), "%s", stmt_get_text(s, 0));
	d->name = column_copy(s, 1);
	d->format = column_copy(s, 2);
	d->columns = column_copy(s, 3);
	d->bytes = stmt_get_int(s, 4);
	d->rows = stmt_get_int(s, 5);
	d->created_ms = stmt_get_int(s, 6);
}

enum err dataset_row_put(struct db *db, const struct dataset_row *d, bool *existed,
			 struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_DATASET_INSERT);

	stmt_text(s, d->id);
	stmt_text(s, d->name);
	stmt_text(s, d->format);
	stmt_text(s, d->columns);
	stmt_int(s, d->bytes);
	stmt_int(s, d->rows);
	stmt_int(s, d->created_ms);
	enum err e = db_end(s, stmt_step(s, ei), ei);
	*existed = e == ERR_NOT_FOUND;
	return e == ERR_NOT_FOUND ? OK : e;
}

enum err dataset_row_get(struct db *db, const char *id, struct dataset_row *out, struct errinfo *ei)
{
	struct dataset_row d = { 0 };
	struct stmt *s = db_begin(db, SQL_DATASET_BY_ID);

	stmt_text(s, id);
	enum err e = stmt_step(s, ei);
	if (e == OK)
		dataset_row_read(s, &d);
	e = db_end(s, e, ei);
	if (e == OK)
		*out = d;
	else
		dataset_row_clear(&d);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such data set") : e;
}

enum err dataset_row_list(struct db *db, const char *after, int limit, struct dataset_row **out,
			  int *n, bool *more, struct errinfo *ei)
{
	struct dataset_row *list = mem_zalloc((size_t)limit + 1, sizeof(*list));
	struct stmt *s = db_begin(db, SQL_DATASET_LIST);
	int got = 0;
	enum err e;

	stmt_text(s, after);
	stmt_int(s, (int64_t)limit + 1);
	while ((e = stmt_step(s, ei)) == OK)
		dataset_row_read(s, &list[got++]);
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	*more = got > limit;
	while (got && (e != OK || got > limit))
		dataset_row_clear(&list[--got]);
	if (e != OK) {
		free(list);
		return e;
	}
	*out = list;
	*n = got;
	return OK;
}

/* Refuses while a job that has not ended names the data set. */
static enum err dataset_unused(struct db *db, const char *id, struct errinfo *ei)
{
	char job_id[ID_SIZE] = "";
	struct stmt *s = db_begin(db, SQL_DATASET_USER);

	stmt_text(s, id);
	enum err e = stmt_step(s, ei);
	if (e == OK)
		snprintf(job_id, sizeof(job_id), "%s", stmt_get_text(s, 0));
	e = db_end(s, e, ei);
	if (e == OK)
		return err_set(ei, ERR_CONFLICT, "the data set is used by %s, which has not ended",
			       job_id);
	return e == ERR_NOT_FOUND ? OK : e;
}

static enum err dataset_remove(struct db *db, const char *id, struct errinfo *ei)
{
	enum err e = dataset_unused(db, id, ei);
	if (e != OK)
		return e;
	struct stmt *s = db_begin(db, SQL_DATASET_DELETE);

	stmt_text(s, id);
	e = db_end(s, stmt_step(s, ei), ei);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such data set") : e;
}

enum err dataset_row_delete(struct db *db, const char *id, struct errinfo *ei)
{
	enum err e = db_transaction(db, ei);

	return e == OK ? db_finish(db, dataset_remove(db, id, ei), ei) : e;
}

json_t *dataset_row_json(const struct dataset_row *d)
{
	return json_pack("{s:s,s:s,s:o,s:s,s:o,s:I,s:I,s:o}", "id", d->id, "object", "dataset",
			 "name", column_string(d->name), "format", d->format, "columns",
			 column_json(d->columns), "bytes", (json_int_t)d->bytes, "rows",
			 (json_int_t)d->rows, "created_at", column_time(d->created_ms));
}

enum err checkpoint_row_put(struct db *db, const char *job_id, int64_t step, double epoch,
			    const char *metrics, const char *sha256, int64_t bytes,
			    struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_PUT);

	stmt_text(s, job_id);
	stmt_int(s, step);
	stmt_real(s, epoch);
	stmt_text(s, metrics);
	stmt_text(s, sha256);
	stmt_int(s, bytes);
	stmt_int(s, clock_now_ms());
	return db_run(s, ei);
}

enum err checkpoint_row_delete(struct db *db, const char *job_id, int64_t step, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_DELETE);

	stmt_text(s, job_id);
	stmt_int(s, step);
	return db_run(s, ei);
}

enum err checkpoint_row_find(struct db *db, const char *job_id, int64_t step, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_FIND);

	stmt_text(s, job_id);
	stmt_int(s, step);
	enum err e = db_end(s, stmt_step(s, ei), ei);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such checkpoint") : e;
}

enum err checkpoint_row_tar(struct db *db, const char *job_id, int64_t step, int64_t *created_ms,
			    char *sha256, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_TAR);

	stmt_text(s, job_id);
	stmt_int(s, step);
	enum err e = stmt_step(s, ei);
	if (e == OK) {
		const char *known = stmt_get_text(s, 1);
		*created_ms = stmt_get_int(s, 0);
		snprintf(sha256, SHA256_HEX_SIZE, "%s", known ? known : "");
	}
	e = db_end(s, e, ei);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such checkpoint") : e;
}

enum err checkpoint_row_set_tar(struct db *db, const char *job_id, int64_t step, int64_t created_ms,
				const char *sha256, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_SET_TAR);

	stmt_text(s, sha256);
	stmt_text(s, job_id);
	stmt_int(s, step);
	stmt_int(s, created_ms);
	return db_run(s, ei);
}

enum err checkpoint_row_steps(struct db *db, const char *job_id, int64_t **steps, int *n,
			      struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_LIST);
	int64_t *list = NULL;
	int got = 0;
	enum err e;

	stmt_text(s, job_id);
	while ((e = stmt_step(s, ei)) == OK) {
		list = mem_resize(list, (size_t)got + 1, sizeof(*list));
		list[got++] = stmt_get_int(s, 0);
	}
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	if (e != OK) {
		free(list);
		return e;
	}
	*steps = list;
	*n = got;
	return OK;
}

static json_t *checkpoint_json(struct stmt *s, const char *job_id)
{
	int64_t step = stmt_get_int(s, 0);
	char id[64];

	snprintf(id, sizeof(id), "%s/checkpoint-%" PRId64, job_id, step);
	return json_pack("{s:s,s:s,s:I,s:f,s:o,s:s,s:I,s:o}", "id", id, "object", "checkpoint",
			 "step", (json_int_t)step, "epoch", stmt_get_real(s, 1), "metrics",
			 column_json(stmt_get_text(s, 2)), "sha256", stmt_get_text(s, 3), "bytes",
			 (json_int_t)stmt_get_int(s, 4), "created_at",
			 column_time(stmt_get_int(s, 5)));
}

enum err checkpoint_rows_json(struct db *db, const char *job_id, json_t **out, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_CHECKPOINT_LIST);
	json_t *list = json_array();
	enum err e;

	stmt_text(s, job_id);
	while ((e = stmt_step(s, ei)) == OK)
		json_array_append_new(list, checkpoint_json(s, job_id));
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	if (e == OK)
		*out = list;
	else
		json_decref(list);
	return e;
}
