/* Whether a data directory is whole: `bertd check`. Reads only; a daemon may be using it. */
#ifndef BERTD_JOBS_CHECK_H
#define BERTD_JOBS_CHECK_H

#include "base/err.h"

struct check_counts {
	int faults;
	int datasets, models, checkpoints, jobs; /* that were looked at */
};

/* Checks the database (SQLite's integrity_check and foreign_key_check), the stored request of each
 * job, and the files of each row: size and sha256 of data sets; sha256 of model.safetensors,
 * config.json and the tokenizer of models and checkpoints, and the size of models. tell gets one
 * line a fault. No faults: what is deleted meanwhile; files without a row, which the next start
 * removes; a checkpoint without files of a job that has not ended, whose row goes when the job goes
 * on. ERR_NOT_FOUND without a database, ERR_DB when it cannot be read. */
enum err check_run(const char *data_dir, struct check_counts *counts,
		   void (*tell)(void *ctx, const char *line), void *ctx,
		   struct errinfo *ei) MUST_USE;

#endif
