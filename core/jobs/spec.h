/* A job as the user asks for it: the body of POST /jobs, and what becomes of it before training. */
#ifndef BERTD_JOBS_SPEC_H
#define BERTD_JOBS_SPEC_H

#include <jansson.h>

#include "base/err.h"
#include "base/fields.h"
#include "data/dataset.h"
#include "data/tokens.h"
#include "jobs/places.h"
#include "text/tokenizer.h"
#include "train/args.h"

struct job_spec {
	char *model;
	struct dataset_spec dataset;
	int64_t max_length; /* 2 … what the model has positions for; default 64 as in the tutorial
			     */
	struct train_args args;
	char *name;	  /* NULL or 1…64 of [A-Za-z0-9._-], not starting like an id */
	json_t *metadata; /* NULL or an object of at most 16 strings */
};
extern const struct field job_spec_fields[];

/* What is wrong with a name for a model, in words; NULL: nothing. Pure. */
const char *job_name_fault(const char *name);

/* Reads a whole body; faults have pointers from "#". Returns whether nothing was wrong. Pure. */
bool job_spec_read(const json_t *body, struct job_spec *out, struct faults *faults);
/* Reads the stored text of a job's spec. ERR_DB when this version does not take it. */
enum err job_spec_parse(const char *text, struct job_spec *out, struct errinfo *ei) MUST_USE;
/* The request as resolved, every default written out; job_spec_read takes it back. */
json_t *job_spec_write(const struct job_spec *s);
void job_spec_clear(struct job_spec *s);

/* What the worker trains on. */
struct prepared {
	struct model_place base;
	struct tokenizer *tokenizer;
	struct tokens tokens; /* the encoded rows, the labels and the report as it was cached */
	json_t *report;
};
struct prepare_env {
	const struct places *places;
	struct db *db;
	const struct fetch_how
		*how;	    /* of downloads; its cancelled() is asked while rows are encoded */
	const char *device; /* that the job is to run on, "cpu", "cuda:0"; NULL: no estimate */
};
/* Finds the model, and the encoded data in the cache (token_cache.h); what is not there is read,
 * checked, encoded and reported on. The report gets an "estimate" (estimate.h), unless the device
 * does not answer. What the user can mend goes to faults (ERR_INVALID); ERR_IO, ERR_DISK_FULL,
 * ERR_DB for the rest. What lies elsewhere is downloaded as `how` allows: ERR_ABSENT, ERR_NETWORK,
 * ERR_DENIED; ERR_CANCELLED. Used at submit, ahead of time and by the worker. Slow: never on an
 * HTTP thread. */
enum err job_prepare(const struct job_spec *s, const struct prepare_env *env, struct prepared *out,
		     struct faults *faults, struct errinfo *ei) MUST_USE;
void prepared_clear(struct prepared *p);

#endif
