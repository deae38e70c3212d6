/* Rows of models: see rows.h. */
#include "jobs/rows.h"

#include "base/mem.h"
#include "jobs/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_row_clear(struct model_row *m)
{
	free(m->name);
	free(m->base);
	free(m->labels);
	free(m->metrics);
	free(m->sha256);
	free(m->source_sha256);
	free(m->tar_sha256);
	memset(m, 0, sizeof(*m));
}

/* Reads a row of MODEL_COLS. */
static void model_row_read(struct stmt *s, struct model_row *m)
{
	snprintf(m->id, sizeof(m->id), "%s", stmt_get_text(s, 0));
	const char *job_id = stmt_get_text(s, 1);
	snprintf(m->job_id, sizeof(m->job_id), "%s", job_id ? job_id : "");
	m->name = column_copy(s, 2);
	m->base = column_copy(s, 3);
	m->labels = column_copy(s, 4);
	m->metrics = column_copy(s, 5);
	m->sha256 = column_copy(s, 6);
	m->bytes = stmt_get_int(s, 7);
	m->created_ms = stmt_get_int(s, 8);
	m->source_sha256 = column_copy(s, 9);
	m->tar_sha256 = column_copy(s, 10);
}

/* The end of a statement that gives one model, all bound. */
static enum err model_row_one(struct stmt *s, struct model_row *out, struct errinfo *ei)
{
	struct model_row m = { 0 };
	enum err e = stmt_step(s, ei);

	if (e == OK)
		model_row_read(s, &m);
	e = db_end(s, e, ei);
	if (e == OK)
		*out = m;
	else
		model_row_clear(&m);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such model") : e;
}

enum err model_row_get(struct db *db, const char *id, struct model_row *out, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_BY_ID);

	stmt_text(s, id);
	return model_row_one(s, out, ei);
}

enum err model_row_by_name(struct db *db, const char *name, struct model_row *out,
			   struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_BY_NAME);

	stmt_text(s, name);
	return model_row_one(s, out, ei);
}

enum err model_row_by_tar(struct db *db, const char *sha256, const char *name,
			  struct model_row *out, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_BY_TAR);

	stmt_text(s, sha256);
	stmt_text(s, name);
	return model_row_one(s, out, ei);
}

enum err model_row_import(struct db *db, const struct model_row *m, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_IMPORT);

	stmt_text(s, m->id);
	stmt_text(s, m->name);
	stmt_text(s, m->labels);
	stmt_text(s, m->sha256);
	stmt_int(s, m->bytes);
	stmt_int(s, m->created_ms);
	stmt_text(s, m->source_sha256);
	return db_run(s, ei);
}

enum err model_row_set_tar(struct db *db, const char *id, const char *sha256, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_SET_TAR);

	stmt_text(s, sha256);
	stmt_text(s, id);
	return db_run(s, ei);
}

enum err model_row_list(struct db *db, const char *after, int limit, struct model_row **out, int *n,
			bool *more, struct errinfo *ei)
{
	struct model_row *list = mem_zalloc((size_t)limit + 1, sizeof(*list));
	struct stmt *s = db_begin(db, SQL_MODEL_LIST);
	int got = 0;
	enum err e;

	stmt_text(s, after);
	stmt_int(s, (int64_t)limit + 1);
	while ((e = stmt_step(s, ei)) == OK)
		model_row_read(s, &list[got++]);
	e = db_end(s, e == ERR_NOT_FOUND ? OK : e, ei);
	*more = got > limit;
	while (got && (e != OK || got > limit))
		model_row_clear(&list[--got]);
	if (e != OK) {
		free(list);
		return e;
	}
	*out = list;
	*n = got;
	return OK;
}

enum err model_row_delete(struct db *db, const char *id, struct errinfo *ei)
{
	struct stmt *s = db_begin(db, SQL_MODEL_DELETE);

	stmt_text(s, id);
	enum err e = db_end(s, stmt_step(s, ei), ei);
	return e == ERR_NOT_FOUND ? err_set(ei, e, "there is no such model") : e;
}

json_t *model_row_json(const struct model_row *m, bool loaded)
{
	return json_pack("{s:s,s:s,s:b,s:o,s:o,s:o,s:o,s:o,s:I,s:s,s:o,s:b}", "id", m->id, "object",
			 "model", "base", 0, "job", column_string(*m->job_id ? m->job_id : NULL),
			 "name", column_string(m->name), "base_model", column_string(m->base),
			 "labels", column_json(m->labels), "metrics", column_json(m->metrics),
			 "bytes", (json_int_t)m->bytes, "sha256", m->sha256, "created_at",
			 column_time(m->created_ms), "loaded", (int)loaded);
}
