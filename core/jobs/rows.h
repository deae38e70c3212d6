/* Rows of uploaded datasets, checkpoints and models. From any thread. */
#ifndef BERTD_JOBS_ROWS_H
#define BERTD_JOBS_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/ids.h"
#include "jobs/db.h"
#include "jobs/places.h"

struct dataset_row {
	char id[72];   /* "ds_" + sha256 */
	char *name;    /* or NULL */
	char *format;  /* "csv" or "jsonl" */
	char *columns; /* JSON array text */
	int64_t bytes, rows, created_ms;
};
void dataset_row_clear(struct dataset_row *d);
/* Inserts, or gives the row that is there (*existed). */
enum err dataset_row_put(struct db *db, const struct dataset_row *d, bool *existed,
			 struct errinfo *ei) MUST_USE;
enum err dataset_row_get(struct db *db, const char *id, struct dataset_row *out,
			 struct errinfo *ei) MUST_USE;
/* Newest first; as job_list. */
enum err dataset_row_list(struct db *db, const char *after, int limit, struct dataset_row **out,
			  int *n, bool *more, struct errinfo *ei) MUST_USE;
/* ERR_CONFLICT while a job that has not ended names it. */
enum err dataset_row_delete(struct db *db, const char *id, struct errinfo *ei) MUST_USE;
json_t *dataset_row_json(const struct dataset_row *d); /* object "dataset" */

enum err checkpoint_row_put(struct db *db, const char *job_id, int64_t step, double epoch,
			    const char *metrics, const char *sha256, int64_t bytes,
			    struct errinfo *ei) MUST_USE;
enum err checkpoint_row_delete(struct db *db, const char *job_id, int64_t step,
			       struct errinfo *ei) MUST_USE;
/* Whether the row is there: OK or ERR_NOT_FOUND. */
enum err checkpoint_row_find(struct db *db, const char *job_id, int64_t step,
			     struct errinfo *ei) MUST_USE;
/* When the checkpoint was published, and the digest of its export into sha256 (SHA256_HEX_SIZE; "":
 * not known yet). ERR_NOT_FOUND. */
enum err checkpoint_row_tar(struct db *db, const char *job_id, int64_t step, int64_t *created_ms,
			    char *sha256, struct errinfo *ei) MUST_USE;
/* Notes it, unless the checkpoint is another one by now. */
enum err checkpoint_row_set_tar(struct db *db, const char *job_id, int64_t step, int64_t created_ms,
				const char *sha256, struct errinfo *ei) MUST_USE;
/* The steps that have a row, ascending; the caller frees. */
enum err checkpoint_row_steps(struct db *db, const char *job_id, int64_t **steps, int *n,
			      struct errinfo *ei) MUST_USE;
/* All checkpoints of a job, oldest first: [{"id": "job_…/checkpoint-79", "object": "checkpoint",
 * "step", "epoch", "metrics", "bytes", "sha256", "created_at"}, …]. */
enum err checkpoint_rows_json(struct db *db, const char *job_id, json_t **out,
			      struct errinfo *ei) MUST_USE;

struct model_row {
	char id[ID_SIZE];
	char job_id[ID_SIZE]; /* "": it was imported */
	char *name;	      /* of its job, or given with the import, or NULL */
	char *base;	      /* the model it was fine-tuned from; NULL: not known */
	char *labels;	      /* JSON text */
	char *metrics;	      /* JSON text; NULL: not known */
	char *sha256;	      /* of model.safetensors */
	int64_t bytes, created_ms;
	char *source_sha256; /* of the tar that was imported, or NULL */
	char *tar_sha256;    /* of its export; NULL: not known yet */
};
void model_row_clear(struct model_row *m);
enum err model_row_get(struct db *db, const char *id, struct model_row *out,
		       struct errinfo *ei) MUST_USE;
/* The newest of that name. */
enum err model_row_by_name(struct db *db, const char *name, struct model_row *out,
			   struct errinfo *ei) MUST_USE;
/* The model that was imported from a tar of that digest, or exported as it; name: only one of that
 * name, or NULL. */
enum err model_row_by_tar(struct db *db, const char *sha256, const char *name,
			  struct model_row *out, struct errinfo *ei) MUST_USE;
/* Inserts an imported model: id, name, labels, sha256, bytes, created_ms, source_sha256. The model
 * of a job comes with job_succeed. */
enum err model_row_import(struct db *db, const struct model_row *m, struct errinfo *ei) MUST_USE;
enum err model_row_set_tar(struct db *db, const char *id, const char *sha256,
			   struct errinfo *ei) MUST_USE;
enum err model_row_list(struct db *db, const char *after, int limit, struct model_row **out, int *n,
			bool *more, struct errinfo *ei) MUST_USE;
enum err model_row_delete(struct db *db, const char *id, struct errinfo *ei) MUST_USE;
/* {"id", "object": "model", "base": false, "job" (null: imported), "name", "base_model", "labels",
 * "metrics", "bytes", "sha256", "created_at", "loaded"}. */
json_t *model_row_json(const struct model_row *m, bool loaded);

#endif
