/* Checkpoint folders: DIR/checkpoint-<step>, each a Hugging Face directory with the optimizer and
 * the run's state.
 *
 * A folder of that name is always whole: it is written beside it under a name that begins with
 * "tmp-" and published by one rename. Runs on the worker thread. Knows nothing of when to save or
 * what to keep. */
#ifndef BERTD_TRAIN_CHECKPOINT_H
#define BERTD_TRAIN_CHECKPOINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/bert.h"
#include "text/tokenizer.h"

struct checkpoint {
	const struct bert *model;
	const struct tokenizer *tokenizer;
	const json_t *state; /* trainer_state.json */
	const json_t *args;  /* training_args.json */
};

/* DIR/checkpoint-<step>; the caller frees. */
char *checkpoint_path(const char *dir, int64_t step);

/* Writes and publishes DIR/checkpoint-<step>, which must not be there. ERR_IO, ERR_DISK_FULL. */
enum err checkpoint_write(const char *dir, int64_t step, const struct checkpoint *c,
			  struct errinfo *ei) MUST_USE;
/* Replaces the state of one that is there, all or nothing. */
enum err checkpoint_write_state(const char *dir, int64_t step, const json_t *state,
				struct errinfo *ei) MUST_USE;
/* trainer_state.json of a checkpoint folder, a new reference. ERR_NOT_FOUND, ERR_SYNTAX,
 * ERR_TOO_LARGE, ERR_IO. */
enum err checkpoint_read_state(const char *path, json_t **state, struct errinfo *ei) MUST_USE;

/* The steps of the checkpoint-<step> folders in dir, ascending, into *steps (the caller frees; NULL
 * for none). A missing dir has none. */
enum err checkpoint_list(const char *dir, int64_t **steps, int *n, struct errinfo *ei) MUST_USE;
/* Whether the folder has every file that a resumed run reads, with a state of that step. */
bool checkpoint_is_complete(const char *dir, int64_t step);

/* Removes a checkpoint; it is never seen half removed. */
enum err checkpoint_remove(const char *dir, int64_t step, struct errinfo *ei) MUST_USE;
/* Removes what an interrupted write or removal left behind. */
enum err checkpoint_sweep(const char *dir, struct errinfo *ei) MUST_USE;

#endif
