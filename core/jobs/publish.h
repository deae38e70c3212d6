/* The result of a job becomes a model: files first, all or nothing, then one transaction. On the
 * worker thread. */
#ifndef BERTD_JOBS_PUBLISH_H
#define BERTD_JOBS_PUBLISH_H

#include "base/err.h"
#include "jobs/db.h"
#include "jobs/places.h"
#include "model/bert.h"
#include "text/tokenizer.h"
#include "train/trainer.h"

struct publication {
	const struct places *places;
	struct db *db;
	const char *job_id;
	const struct bert *model;
	const struct tokenizer *tokenizer;
	const struct trainer_result *result;
};

/* Writes the model below tmp/, moves it to models/ and lets the job succeed. ERR_CONFLICT when the
 * job was cancelled meanwhile: nothing is left then. A crash or a failing database between the two
 * steps leaves a folder without a row, which places_sweep removes. ERR_IO, ERR_DISK_FULL, ERR_DB.
 */
enum err publish_model(const struct publication *p, struct errinfo *ei) MUST_USE;

/* Removes optimizer.safetensors from the checkpoints of a job that has succeeded. Failures are
 * logged only. */
void publish_trim_checkpoints(const struct publication *p);

#endif
