/* What a failed attempt is called: from an error to code, message and hint for the job's row. Pure.
 */
#ifndef BERTD_JOBS_FAILURE_H
#define BERTD_JOBS_FAILURE_H

#include "base/err.h"
#include "jobs/job.h"

/* code: as run_job gives it, or NULL. The result borrows from ei and from constants. Where the
 * message of the error speaks of the machine rather than of the job, general words stand in its
 * place. */
struct job_end failure_describe(enum err e, const char *code, const struct errinfo *ei);

#endif
