/* The Trainer: epochs, order, schedule, accumulation, logging, evaluation, checkpoints, early
 * stopping.
 *
 * It reproduces transformers.Trainer (5.23) above bert.h and knows neither tensors nor jobs: what
 * happens is told to the hooks, and what to do next is asked from them. Runs on the worker thread.
 */
#ifndef BERTD_TRAIN_TRAINER_H
#define BERTD_TRAIN_TRAINER_H

#include <jansson.h>

#include "base/err.h"
#include "data/dataset.h"
#include "data/examples.h"
#include "model/bert.h"
#include "text/tokenizer.h"
#include "train/args.h"

struct trainer_progress {
	double epoch; /* 1.5: half way through the second */
	int64_t step, total_steps;
	double seconds_remaining;  /* below 0: not known yet */
	double samples_per_second; /* of the run so far */
	double loss, step_seconds; /* of the last step; NaN and 0 before the first */
};

enum trainer_verdict {
	TRAINER_GO,
	TRAINER_CANCEL, /* stop at once: trainer_run returns ERR_CANCELLED */
	TRAINER_STOP,	/* write a checkpoint, then stop: trainer_run returns ERR_BUSY (to be
			   continued) */
};

struct trainer_hooks {
	void *ctx;
	/* One record of the log history: type is "log", "eval", "train", "test" or "checkpoint",
	 * record the members behind it ({"epoch", "step", "loss", …}), borrowed. An error ends the
	 * run with that error. */
	enum err (*record)(void *ctx, const char *type, const json_t *record, struct errinfo *ei);
	/* A checkpoint has just been published (checkpoint-<step> in dir); metrics of its
	 * evaluation or NULL. Called before the "checkpoint" record. The checkpoint of TRAINER_STOP
	 * has no record, so that a run that was stopped and resumed has the records of one that was
	 * not; a step that is saved twice for this reason is told twice. */
	enum err (*saved)(void *ctx, int64_t step, double epoch, const json_t *metrics,
			  struct errinfo *ei);
	/* A checkpoint was removed: by save_total_limit, or because it is newer than the one that
	 * the run starts from. */
	enum err (*removed)(void *ctx, int64_t step, struct errinfo *ei);
	/* Asked before each optimizer step and each evaluation batch. */
	enum trainer_verdict (*verdict)(void *ctx);
	void (*progress)(void *ctx, const struct trainer_progress *p);
};

struct trainer_run {
	struct bert *model; /* open for training; on return it holds the result (the best when that
			       was asked) */
	const struct tokenizer *tokenizer;
	const struct examples *splits; /* (N_SPLITS); train must not be empty */
	const char *const *labels;     /* (num_labels) for the names of per-class metrics */
	int num_labels;
	int max_length; /* for total_flos, which transformers counts on padded input */
	const struct train_args *args;
	const int64_t *order; /* (epochs, n_train) rows of each epoch instead of the Trainer's own
				 order, to be laid beside another program; NULL */
	const char *dir;      /* where checkpoint-<step> folders go */
	const char *resume; /* a checkpoint folder below dir to continue from (the model was opened
			       from it), or NULL */
	struct trainer_hooks hooks;
};

struct trainer_result {
	int64_t global_step;
	double epoch;
	double training_loss;
	json_t *eval_metrics; /* of the last evaluation, or the best one's when that model was
				 loaded; NULL: none */
	json_t *test_metrics; /* NULL: no test split */
	double best_metric;   /* NaN: none */
	int64_t best_step;    /* 0: none */
};

/* Trains, evaluates, checkpoints and, at the end, evaluates on the test split ("test" record, with
 * eval_ keys as trainer.evaluate(test) gives). The same inputs give the same bits on one build,
 * device and thread count, also when the run was cut and resumed from any of its checkpoints. What
 * else lies in dir from an earlier run is removed: unfinished folders, and checkpoints newer than
 * `resume`. TRAINER_STOP before the first step writes none. Micro-batches are averaged
 * (gradient_accumulation_steps), as the Trainer documents; transformers 5.23 itself adds them up
 * for BERT, so that its losses and gradient norms are that many times larger. ERR_CANCELLED,
 * ERR_BUSY (see TRAINER_STOP), ERR_MODEL ("diverged": loss or gradient norm not finite, with the
 * step), what bert.h gives, ERR_IO, ERR_DISK_FULL. */
enum err trainer_run(const struct trainer_run *run, struct trainer_result *out,
		     struct errinfo *ei) MUST_USE;
void trainer_result_clear(struct trainer_result *r);

/* The newest complete checkpoint below dir: its step in *step (0: none) and its path in *path
 * (caller frees; NULL). */
enum err trainer_last_checkpoint(const char *dir, int64_t *step, char **path,
				 struct errinfo *ei) MUST_USE;

/* Optimizer steps of the whole run and of one epoch, as the Trainer counts them. Pure. */
int64_t trainer_total_steps(const struct train_args *a, int64_t n_train);
int64_t trainer_epoch_steps(const struct train_args *a, int64_t n_train);
/* Six operations for each parameter outside the embedding tables and each token, padding to
 * max_length included: the estimate of transformers' floating_point_ops, which total_flos adds up.
 * n_parameters are those of the whole model. Pure. */
double trainer_flos(const struct bert_config *c, int64_t n_parameters, int64_t rows,
		    int max_length);

#endif
