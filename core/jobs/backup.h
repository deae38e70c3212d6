/* A copy of a data directory that a daemon may be using: `bertd backup`. In a process of its own;
 * knows no daemon. */
#ifndef BERTD_JOBS_BACKUP_H
#define BERTD_JOBS_BACKUP_H

#include "base/err.h"

/* Makes the folder `to`, which must not exist or be empty, a data directory with everything that
 * data_dir held at one moment: the database as of then, and the data sets, models and checkpoints
 * that its rows name. It appears under its name at the end, whole.
 *
 * The database is copied first; files are never changed in place once their row is there, so what
 * can happen while they are copied is that one is deleted. Its row then leaves the copy too, and
 * tell gets a line; a data set that an unfinished job of the copy still needs is ERR_CONFLICT
 * instead: try again. tell also gets a line for each job that had not ended: a daemon on the copy
 * goes on with it from its newest checkpoint. Files of data_root and model_dir
 * are not copied, and encoded rows (tokens/) are made again where they are needed.
 *
 * ERR_NOT_FOUND without a database, ERR_CONFLICT, ERR_DB, ERR_IO, ERR_DISK_FULL: nothing is left
 * behind. Killed, it leaves a folder with the name of `to` and .tmp<pid>. */
enum err backup_run(const char *data_dir, const char *to, void (*tell)(void *ctx, const char *line),
		    void *ctx, struct errinfo *ei) MUST_USE;

#endif
