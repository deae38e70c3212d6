/* What the rows of a database say there is in the file system. Any thread. */
#ifndef BERTD_JOBS_INVENTORY_H
#define BERTD_JOBS_INVENTORY_H

#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/ids.h"
#include "jobs/db.h"
#include "jobs/places.h"

enum item_kind { ITEM_DATASET, ITEM_MODEL, ITEM_CHECKPOINT };

struct item {
	enum item_kind kind;
	char id[96];		      /* "ds_…", "mdl_…" or "job_…/checkpoint-79" */
	char job_id[ID_SIZE];	      /* of a checkpoint */
	int64_t step;		      /* of a checkpoint */
	char sha256[SHA256_HEX_SIZE]; /* of the data set, else of model.safetensors */
	int64_t bytes;		      /* of all files; of a checkpoint: when it was written */
};

struct inventory {
	struct item *list; /* (n): data sets, models, then checkpoints */
	int n;
	struct job *jobs; /* (n_jobs), all */
	int n_jobs;
};

/* Zero-initialised it is empty. */
enum err inventory_read(struct db *db, struct inventory *out, struct errinfo *ei) MUST_USE;
void inventory_clear(struct inventory *v);

/* Its file or folder; a new string. */
char *inventory_path(const struct places *p, const struct item *item);
/* Whether the row is still there: OK or ERR_NOT_FOUND. */
enum err inventory_find(struct db *db, const struct item *item, struct errinfo *ei) MUST_USE;
/* Removes the row. ERR_CONFLICT: a data set of a job that has not ended. */
enum err inventory_drop(struct db *db, const struct item *item, struct errinfo *ei) MUST_USE;

#endif
