/* Where things lie on disk (DESIGN 7), and how names become paths. Immutable after start. From any
 * thread. */
#ifndef BERTD_JOBS_PLACES_H
#define BERTD_JOBS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/ids.h"
#include "hub/fetch.h"
#include "jobs/db.h"

struct token_cache;

struct places {
	const char *data_dir;  /* bertd.db, datasets/, jobs/, models/, tokens/, tmp/ */
	const char *data_root; /* "file" paths of jobs are relative to it; NULL: refused */
	const char *model_dir; /* base models, one Hugging Face directory each, or in the layout of
				  huggingface_hub's cache; NULL: none */
	struct token_cache
		*tokens;     /* of tokens/ (token_cache.h); NULL: encoded rows are not kept */
	struct fetch *fetch; /* downloads; NULL: none, as for commands beside a daemon */
};

/* Makes the folders, takes the exclusive lock (*lock_fd, kept open for the life of the process),
 * sweeps tmp/. ERR_CONFLICT when another daemon holds the lock. */
enum err places_open(const struct places *p, int *lock_fd, struct errinfo *ei) MUST_USE;

/* After the database is open and before anything runs: removes the folders of models and jobs and
 * the files of data sets that have no row, which a crash between the file system and the database
 * leaves behind. *n: how many. */
enum err places_sweep(const struct places *p, struct db *db, int *n, struct errinfo *ei) MUST_USE;

/* Cuts the folders above out of the message, so that it can go to a client. */
void places_redact(const struct places *p, struct errinfo *ei);

/* Whether id is "ds_" and a SHA-256 in lower-case hexadecimal digits. */
bool places_is_dataset(const char *id);

/* New strings, the caller frees. */
char *places_job_dir(const struct places *p, const char *job_id);
char *places_model_dir(const struct places *p, const char *model_id);
char *places_dataset(const struct places *p, const char *sha256);
char *places_tokens(const struct places *p);
char *places_upload(const struct places *p, const char *sha256);
char *places_tmp(const struct places *p, const char *name);

/* A dataset_opener (ctx: struct file_source): ds_… from datasets/, hf://datasets/… and https://…
 * by way of the cache of downloads (fetch.h, whose errors they have), else a path beneath
 * data_root. */
struct file_source {
	const struct places *places;
	struct db *db;
	const struct fetch_how *how;
};
enum err places_open_file(void *ctx, const char *file, int *fd, struct errinfo *ei) MUST_USE;

/* What a model's name stands for. */
struct model_place {
	char id[160]; /* canonical: "mdl_…", "job_…/checkpoint-79" or the base model's name */
	char *dir;    /* freed by model_place_clear */
	char *labels; /* JSON array text or NULL (base model) */
	bool base;
};
void model_place_clear(struct model_place *m);
/* "mdl_…", a job id (its result), "job_…/checkpoint-N", the name of a finished or imported model
 * (the newest), a folder of model_dir, or a model of the Hub that is in the cache of downloads.
 * ERR_NOT_FOUND with words that say what was tried; ERR_CONFLICT for a job without a result yet. */
enum err places_find_model(const struct places *p, struct db *db, const char *name,
			   struct model_place *out, struct errinfo *ei) MUST_USE;
/* The same for the base of a new job, but a folder of model_dir comes before such a name, and
 * a model of the Hub is downloaded as `how` allows, with the errors of fetch_model. */
enum err places_find_base(const struct places *p, struct db *db, const struct fetch_how *how,
			  const char *name, struct model_place *out, struct errinfo *ei) MUST_USE;

#endif
