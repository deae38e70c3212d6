/* One attempt at one job: see run.h. What comes out is published in publish.c. */
#include "jobs/run.h"

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs/columns.h"
#include "jobs/event.h"
#include "jobs/publish.h"
#include "jobs/rows.h"
#include "jobs/spec.h"
#include "model/bert.h"
#include "train/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
	const struct run_env *env;
	const struct job *job;
	struct job_spec spec;
	struct prepared prepared;
	char *dir;    /* of the job: where its checkpoints are */
	char *resume; /* the checkpoint to go on from, or NULL */
	int64_t resume_step;
	struct bert *model;
	double best;   /* of the job's metric; NaN: none yet */
	bool accepted; /* the Trainer took the checkpoint and the data */
	const char *code;
};

static enum err ask(const struct run *r, struct errinfo *ei)
{
	switch (r->env->verdict(r->env->ctx)) {
	case TRAINER_GO:
		return OK;
	case TRAINER_CANCEL:
		return err_set(ei, ERR_CANCELLED, "cancelled before training");
	case TRAINER_STOP:
		break;
	}
	return err_set(ei, ERR_BUSY, "stopped before training");
}

/* A row that refuses what the worker wants of it has been cancelled. */
static enum err unless_cancelled(enum err e)
{
	return e == ERR_CONFLICT ? ERR_CANCELLED : e;
}

static enum err tell(const struct run *r, json_t *status, struct errinfo *ei)
{
	enum err e = event_add(r->env->db, r->job->id, "status", status, NULL, ei);

	json_decref(status);
	if (e == OK)
		hub_publish(r->env->hub, r->job->id);
	return e;
}

/* --- the Trainer's hooks --- */

/* Notes the record's value of the metric that decides what is best, when it is the best so far. */
static enum err note_best(struct run *r, const json_t *record, struct errinfo *ei)
{
	char metric[TRAIN_METRIC_SIZE];
	const json_t *v = json_object_get(record, train_args_metric(&r->spec.args, metric));
	double value = json_number_value(v);
	struct buf text = { 0 };

	if (!json_is_number(v))
		return OK;
	if (!isnan(r->best) &&
	    !(train_args_greater_is_better(&r->spec.args) ? value > r->best : value < r->best))
		return OK;
	r->best = value;
	json_t *best = json_pack("{s:s,s:f,s:O}", "metric", metric, "value", value, "step",
				 json_object_get(record, "step"));
	json_print(best, &text);
	json_decref(best);
	enum err e = job_set_best(r->env->db, r->job->id, text.data, ei);
	buf_clear(&text);
	return e;
}

static enum err on_record(void *ctx, const char *type, const json_t *record, struct errinfo *ei)
{
	struct run *r = ctx;
	struct db *db = r->env->db;
	enum err e = db_transaction(db, ei);

	if (e != OK)
		return e;
	e = event_insert(db, r->job->id, type, record, NULL, ei);
	if (e == OK && strcmp(type, "eval") == 0)
		e = note_best(r, record, ei);
	e = db_finish(db, e, ei);
	if (e == OK)
		hub_publish(r->env->hub, r->job->id);
	return e;
}

static struct publication publication_of(const struct run *r, const json_t *spec)
{
	return (struct publication){ .places = r->env->places,
				     .db = r->env->db,
				     .job = r->job,
				     .device = r->env->device,
				     .version = r->env->version,
				     .spec = spec,
				     .report = r->prepared.report,
				     .model = r->model,
				     .tokenizer = r->prepared.tokenizer };
}

/* The card of a checkpoint is written once: what has been exported does not change. */
static enum err write_card(const struct run *r, const char *path, int64_t step, double epoch,
			   const json_t *metrics, struct errinfo *ei)
{
	char *readme = mem_printf("%s/README.md", path);
	bool there = files_exist(readme);
	char id[64];

	free(readme);
	if (there || !r->model)
		return OK;
	json_t *spec = job_spec_write(&r->spec);
	struct publication p = publication_of(r, spec);
	struct card card = { .id = id, .metrics = metrics, .step = step, .epoch = epoch };
	snprintf(id, sizeof(id), "%s/checkpoint-%" PRId64, r->job->id, step);
	enum err e = publish_card(&p, &card, path, ei);
	json_decref(spec);
	return e;
}

static enum err put_checkpoint(const struct run *r, int64_t step, double epoch,
			       const json_t *metrics, struct errinfo *ei)
{
	char *path = checkpoint_path(r->dir, step);
	char *weights = mem_printf("%s/model.safetensors", path);
	char sha256[SHA256_HEX_SIZE];
	struct buf text = { 0 };
	enum err e = write_card(r, path, step, epoch, metrics, ei);

	if (e == OK)
		e = hash_file(weights, sha256, ei);
	if (metrics)
		json_print(metrics, &text);
	if (e == OK)
		e = checkpoint_row_put(r->env->db, r->job->id, step, epoch, text.data, sha256,
				       files_tree_bytes(path), ei);
	buf_clear(&text);
	free(weights);
	free(path);
	return e;
}

static enum err on_saved(void *ctx, int64_t step, double epoch, const json_t *metrics,
			 struct errinfo *ei)
{
	return put_checkpoint(ctx, step, epoch, metrics, ei);
}

static enum err on_removed(void *ctx, int64_t step, struct errinfo *ei)
{
	struct run *r = ctx;

	return checkpoint_row_delete(r->env->db, r->job->id, step, ei);
}

static enum trainer_verdict on_verdict(void *ctx)
{
	struct run *r = ctx;

	return r->env->verdict(r->env->ctx);
}

static void on_progress(void *ctx, const struct trainer_progress *p)
{
	struct run *r = ctx;

	r->accepted = true;
	r->env->progress(r->env->ctx, p);
}

/* --- prepare --- */

static enum err store_report(const struct run *r, struct errinfo *ei)
{
	struct buf text = { 0 };
	enum err e = OK;

	json_print(r->prepared.report, &text);
	if (strcmp(text.data, r->job->report) != 0)
		e = job_set_report(r->env->db, r->job->id, text.data, ei);
	buf_clear(&text);
	return e;
}

static bool must_end(void *ctx)
{
	const struct run *r = ctx;

	return r->env->verdict(r->env->ctx) != TRAINER_GO;
}

static enum err prepare_watched(struct run *r, struct faults *faults, struct errinfo *ei)
{
	const struct run_env *env = r->env;
	struct download_watch watch = { .db = env->db,
					.hub = env->hub,
					.downloads = env->downloads,
					.job_id = r->job->id,
					.status = job_state_name(JOB_PREPARING),
					.cancelled = must_end,
					.ctx = r };

	struct prepare_env prepare = { env->places, env->db, &watch.how, env->device };

	download_watch_begin(&watch);
	enum err e = job_prepare(&r->spec, &prepare, &r->prepared, faults, ei);
	download_watch_end(&watch);
	if (e != ERR_CANCELLED)
		return e;
	e = ask(r, ei); /* which of the two: cancelled, or stopped */
	return e == OK ? err_set(ei, ERR_BUSY, "stopped before training") : e;
}

/* The code of a job whose request does not hold: whether its data had been checked when it was
 * queued tells one case from the other. */
static const char *blame(const struct run *r, const struct errinfo *ei)
{
	if (strncmp(ei->msg, "#/model", 7) == 0)
		return "model_invalid";
	return strcmp(r->job->report, JOB_NO_REPORT) == 0 ? "data_invalid" : "data_changed";
}

static enum err prepare(struct run *r, struct errinfo *ei)
{
	struct faults faults = { 0 };
	enum err e = job_spec_parse(r->job->spec, &r->spec, ei);

	if (e == OK)
		e = prepare_watched(r, &faults, ei);
	if (e == ERR_INVALID)
		r->code = blame(r, ei);
	faults_clear(&faults);
	return e == OK ? store_report(r, ei) : e;
}

/* --- checkpoints of earlier attempts --- */

/* Removes the rows of checkpoints that are gone: a crash can come between the two. */
static enum err drop_lost_rows(const struct run *r, struct errinfo *ei)
{
	int64_t *steps = NULL;
	int n = 0;
	enum err e = checkpoint_row_steps(r->env->db, r->job->id, &steps, &n, ei);

	for (int i = 0; e == OK && i < n; i++) {
		char *path = checkpoint_path(r->dir, steps[i]);
		if (!files_exist(path))
			e = checkpoint_row_delete(r->env->db, r->job->id, steps[i], ei);
		free(path);
	}
	free(steps);
	return e;
}

/* Makes up for the row that a crash behind the checkpoint's rename cost. */
static enum err add_lost_row(const struct run *r, struct errinfo *ei)
{
	json_t *state = NULL;
	enum err e = checkpoint_row_find(r->env->db, r->job->id, r->resume_step, ei);

	if (e != ERR_NOT_FOUND)
		return e;
	e = checkpoint_read_state(r->resume, &state, ei);
	if (e == OK)
		e = put_checkpoint(r, r->resume_step,
				   json_number_value(json_object_get(state, "epoch")), NULL, ei);
	json_decref(state);
	return e;
}

static enum err find_resume(struct run *r, struct errinfo *ei)
{
	free(r->resume);
	r->resume = NULL;
	enum err e = trainer_last_checkpoint(r->dir, &r->resume_step, &r->resume, ei);
	if (e == OK)
		e = drop_lost_rows(r, ei);
	return e == OK && r->resume ? add_lost_row(r, ei) : e;
}

static enum err drop_resume(const struct run *r, const struct errinfo *why, struct errinfo *ei)
{
	log_warn("checkpoint_unusable", "job=%s step=%" PRId64 " error=%s", r->job->id,
		 r->resume_step, log_q(why->msg));
	enum err e = checkpoint_remove(r->dir, r->resume_step, ei);
	return e == OK ? checkpoint_row_delete(r->env->db, r->job->id, r->resume_step, ei) : e;
}

/* --- train --- */

/* A finished model's head knows its labels in their order; with others it is of no use. Of a base
 * model it is kept where it fits, as from_pretrained(num_labels=…) does. */
static bool wants_new_head(const struct run *r)
{
	const struct tokens *t = &r->prepared.tokens;
	json_t *had = r->prepared.base.labels ? column_json(r->prepared.base.labels) : NULL;
	bool same = !had || json_array_size(had) == (size_t)t->n_labels;

	for (int i = 0; had && same && i < t->n_labels; i++)
		same = strcmp(json_string_value(json_array_get(had, (size_t)i)), t->labels[i]) == 0;
	json_decref(had);
	return !same;
}

static enum err open_model(struct run *r, struct errinfo *ei)
{
	const struct tokens *t = &r->prepared.tokens;
	struct bert_open_args args = { .dir = r->resume ? r->resume : r->prepared.base.dir,
				       .num_labels = t->n_labels,
				       .new_head = !r->resume && wants_new_head(r),
				       .labels = (const char *const *)t->labels,
				       .device = r->env->device,
				       .bf16 = r->spec.args.bf16,
				       .train = true,
				       .seed = (uint64_t)r->spec.args.seed,
				       .dropout = -1 };
	return bert_open(&args, &r->model, ei);
}

/* Tells where the weights come from: a checkpoint, or which of them are new. */
static enum err tell_start(const struct run *r, struct errinfo *ei)
{
	json_t *names = json_array();
	struct buf text = { 0 };

	if (r->resume) {
		json_decref(names);
		log_info("job_resumed", "job=%s step=%" PRId64, r->job->id, r->resume_step);
		json_t *from = json_sprintf("checkpoint-%" PRId64, r->resume_step);
		return tell(r, json_pack("{s:s,s:o}", "status", "running", "resumed_from", from),
			    ei);
	}
	for (int i = 0; i < bert_n_initialised(r->model); i++)
		json_array_append_new(names, json_string(bert_initialised(r->model, i)));
	if (json_array_size(names) == 0) {
		json_decref(names);
		return OK;
	}
	json_print(names, &text);
	log_info("weights_initialised", "job=%s names=%s", r->job->id, log_q(text.data));
	buf_clear(&text);
	return tell(r, json_pack("{s:s,s:o}", "status", "running", "newly_initialised", names), ei);
}

static enum err train_once(struct run *r, struct trainer_result *result, struct errinfo *ei)
{
	const struct tokens *t = &r->prepared.tokens;
	struct trainer_run run = {
		.model = r->model,
		.tokenizer = r->prepared.tokenizer,
		.splits = t->splits,
		.labels = (const char *const *)t->labels,
		.num_labels = t->n_labels,
		.max_length = (int)r->spec.max_length,
		.args = &r->spec.args,
		.dir = r->dir,
		.resume = r->resume,
		.hooks = { r, on_record, on_saved, on_removed, on_verdict, on_progress },
	};
	enum err e = tell_start(r, ei);

	return e == OK ? trainer_run(&run, result, ei) : e;
}

/* Whether an attempt to go on failed for what lies in the checkpoint, so that an older one is the
 * next try. */
static bool blames_checkpoint(const struct run *r, enum err e)
{
	return r->resume && !r->accepted &&
	       (e == ERR_INVALID || e == ERR_SYNTAX || e == ERR_NOT_FOUND || e == ERR_TOO_LARGE ||
		e == ERR_UNSUPPORTED);
}

static enum err open_and_train(struct run *r, struct trainer_result *result, struct errinfo *ei)
{
	enum err e = open_model(r, ei);

	if (e == ERR_INVALID || e == ERR_SYNTAX || e == ERR_NOT_FOUND || e == ERR_UNSUPPORTED)
		r->code = "model_invalid";
	if (e == OK)
		e = ask(r, ei);
	return e == OK ? train_once(r, result, ei) : e;
}

static enum err train(struct run *r, struct trainer_result *result, struct errinfo *ei)
{
	enum err e = find_resume(r, ei);

	if (e != OK)
		return e;
	e = open_and_train(r, result, ei);
	while (blames_checkpoint(r, e)) {
		struct errinfo why = *ei;
		bert_close(r->model);
		r->model = NULL;
		r->code = NULL;
		e = drop_resume(r, &why, ei);
		if (e == OK)
			e = find_resume(r, ei);
		if (e == OK)
			e = open_and_train(r, result, ei);
	}
	return e;
}

/* --- the whole --- */

static void run_init(struct run *r, const struct run_env *env, const struct job *job)
{
	json_t *best = NULL;

	*r = (struct run){ .env = env, .job = job, .best = NAN };
	r->dir = places_job_dir(env->places, job->id);
	if (job->best && json_parse(job->best, strlen(job->best), &best, NULL) == OK)
		r->best = json_number_value(json_object_get(best, "value"));
	json_decref(best);
}

static void run_clear(struct run *r)
{
	bert_close(r->model);
	job_spec_clear(&r->spec);
	prepared_clear(&r->prepared);
	free(r->dir);
	free(r->resume);
}

static enum err begin_running(const struct run *r, struct errinfo *ei)
{
	int64_t total =
		trainer_total_steps(&r->spec.args, r->prepared.tokens.splits[SPLIT_TRAIN].n);
	enum err e = unless_cancelled(job_move(r->env->db, r->job->id, JOB_RUNNING, NULL, ei));

	if (e == OK)
		e = job_set_total_steps(r->env->db, r->job->id, total, ei);
	hub_publish(r->env->hub, r->job->id);
	if (r->env->ahead)
		ahead_notify(r->env->ahead);
	return e == OK ? files_make_dirs(r->dir, ei) : e;
}

static enum err publish(const struct run *r, const struct trainer_result *result,
			struct errinfo *ei)
{
	json_t *spec = job_spec_write(&r->spec);
	struct publication p = publication_of(r, spec);

	p.result = result;
	enum err e = unless_cancelled(publish_model(&p, ei));
	if (e == OK)
		publish_trim_checkpoints(&p);
	json_decref(spec);
	return e;
}

enum err run_job(const struct run_env *env, const struct job *job, const char **code,
		 struct errinfo *ei)
{
	struct trainer_result result = { 0 };
	struct run r;

	run_init(&r, env, job);
	enum err e = prepare(&r, ei);
	if (e == OK)
		e = ask(&r, ei);
	if (e == OK)
		e = begin_running(&r, ei);
	if (e == OK)
		e = train(&r, &result, ei);
	if (e == OK)
		e = publish(&r, &result, ei);
	if (e != OK)
		places_redact(env->places, ei);
	*code = r.code;
	trainer_result_clear(&result);
	run_clear(&r);
	return e;
}
