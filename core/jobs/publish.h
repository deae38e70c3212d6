/* The result of a job becomes a model: files first, all or nothing, then one transaction. On the
 * worker thread. */
#ifndef BERTD_JOBS_PUBLISH_H
#define BERTD_JOBS_PUBLISH_H

#include "base/err.h"
#include "jobs/card.h"
#include "jobs/db.h"
#include "jobs/job.h"
#include "jobs/places.h"
#include "model/bert.h"
#include "text/tokenizer.h"
#include "train/trainer.h"

struct publication {
	const struct places *places;
	struct db *db;
	const struct job *job;
	const char *device, *version; /* what trains it: bert.h's name, this program's version */
	const json_t *spec, *report;  /* of the job, as now resolved and found */
	const struct bert *model;
	const struct tokenizer *tokenizer;
	const struct trainer_result *result; /* NULL before the end */
};

/* Writes dir/README.md, the card of a model or checkpoint: id, step, epoch, metrics and test are
 * the caller's, the rest is filled in. ERR_IO, ERR_DISK_FULL. */
enum err publish_card(const struct publication *p, struct card *card, const char *dir,
		      struct errinfo *ei) MUST_USE;

/* Writes the model below tmp/, moves it to models/ and lets the job succeed. ERR_CONFLICT when the
 * job was cancelled meanwhile: nothing is left then. A crash or a failing database between the two
 * steps leaves a folder without a row, which places_sweep removes. ERR_IO, ERR_DISK_FULL, ERR_DB.
 */
enum err publish_model(const struct publication *p, struct errinfo *ei) MUST_USE;

/* Removes optimizer.safetensors from the checkpoints of a job that has succeeded. Failures are
 * logged only. */
void publish_trim_checkpoints(const struct publication *p);

#endif
