/* What becomes of a job before training: see spec.h. On the worker thread and on the one that
 * prepares submits. */
#include "jobs/spec.h"

#include "base/log.h"
#include "jobs/token_cache.h"
#include "model/bert.h"
#include "model/config.h"
#include "train/estimate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct preparation {
	const struct job_spec *spec;
	const struct prepare_env *env;
	struct faults *faults;
	struct bert_config config;
	struct prepared made;
};

void prepared_clear(struct prepared *p)
{
	model_place_clear(&p->base);
	tokenizer_free(p->tokenizer);
	tokens_close(&p->tokens);
	json_decref(p->report);
	memset(p, 0, sizeof(*p));
}

/* --- the model --- */

/* Whether the user can mend it by asking for something else. */
static bool is_users(enum err e)
{
	return e == ERR_NOT_FOUND || e == ERR_INVALID || e == ERR_SYNTAX || e == ERR_UNSUPPORTED ||
	       e == ERR_CONFLICT || e == ERR_TOO_LARGE;
}

/* Turns what the user can mend into a fault of the model and OK; the rest stays what it is. */
static enum err model_fault(struct preparation *p, enum err e, struct errinfo *ei)
{
	if (e == OK)
		return OK;
	places_redact(p->env->places, ei);
	if (!is_users(e))
		return e;
	faults_add(p->faults, "#/model", "%s", ei->msg);
	return OK;
}

static void check_shape(const struct preparation *p)
{
	const struct job_spec *s = p->spec;
	const struct bert_config *c = &p->config;
	const struct tokenizer *t = p->made.tokenizer;

	if (s->max_length > c->max_position_embeddings)
		faults_add(p->faults, "#/max_length",
			   "must be at most %" PRId64 ", the positions of the model",
			   c->max_position_embeddings);
	if (s->dataset.text_pair_column && c->type_vocab_size < 2)
		faults_add(p->faults, "#/dataset/text_pair_column",
			   "the model has no token types for pairs of texts");
	if (t && tokenizer_vocab_size(t) > c->vocab_size)
		faults_add(p->faults, "#/model",
			   "its vocabulary has %d tokens, but its weights only %" PRId64,
			   tokenizer_vocab_size(t), c->vocab_size);
}

static enum err prepare_model(struct preparation *p, struct errinfo *ei)
{
	struct prepared *m = &p->made;
	enum err e = places_find_base(p->env->places, p->env->db, p->env->how, p->spec->model,
				      &m->base, ei);

	if (e != OK)
		return model_fault(p, e, ei);
	e = bert_config_read(m->base.dir, &p->config, ei);
	if (e != OK)
		return model_fault(p, e, ei);
	e = model_fault(p, tokenizer_open(m->base.dir, &m->tokenizer, ei), ei);
	check_shape(p);
	return e;
}

/* --- the data --- */

/* What can be said of files elsewhere without asking for them: whether all of them may be read. */
static bool check_urls(const struct preparation *p)
{
	const struct fetch *fetch = p->env->places->fetch;
	struct errinfo ei;
	bool ok = true;

	for (int i = 0; fetch && i < N_SPLITS; i++) {
		char pointer[64];
		const char *file = p->spec->dataset.splits[i].file;
		if (!file || !fetch_is_url(file) || fetch_check_url(fetch, file, &ei) == OK)
			continue;
		snprintf(pointer, sizeof(pointer), "#/dataset/%s", split_names[i]);
		faults_add(p->faults, pointer, "%s", ei.msg);
		ok = false;
	}
	return ok;
}

static enum err data_fault(struct preparation *p, enum err e, struct errinfo *ei)
{
	if (e != OK)
		places_redact(p->env->places, ei);
	if (e == ERR_INVALID && !faults_any(p->faults))
		faults_add(p->faults, "#/dataset", "%s", ei->msg);
	return e == ERR_INVALID ? OK : e;
}

static enum err prepare_data(struct preparation *p, struct errinfo *ei)
{
	struct file_source source = { p->env->places, p->env->db, p->env->how };
	struct token_request r = { .data = &p->spec->dataset,
				   .open = places_open_file,
				   .open_ctx = &source,
				   .cancelled = p->env->how->cancelled,
				   .cancelled_ctx = p->env->how->ctx,
				   .tokenizer = p->made.tokenizer,
				   .tokenizer_dir = p->made.base.dir,
				   .max_length = (int)p->spec->max_length,
				   .model_max_length = (int)p->config.max_position_embeddings };
	enum err e = token_cache_get(p->env->places, &r, &p->made.tokens, p->faults, ei);

	return data_fault(p, e, ei);
}

static enum err pass_over(void *ctx, enum split s, int64_t place, const struct example *x,
			  struct errinfo *ei)
{
	(void)ctx, (void)s, (void)place, (void)x, (void)ei;
	return OK;
}

/* Where the model will not do or is not there yet, what is wrong with the data is told as well. */
static enum err check_data(struct preparation *p, struct errinfo *ei)
{
	struct file_source source = { p->env->places, p->env->db, p->env->how };
	struct dataset *d = NULL;
	char *scratch = places_tmp(p->env->places, "");
	enum err e = dataset_open(&p->spec->dataset, &dataset_default_limits, scratch,
				  places_open_file, &source, &d, p->faults, ei);

	if (e == OK)
		e = dataset_read(d, pass_over, NULL, p->faults, ei);
	dataset_close(d);
	free(scratch);
	return data_fault(p, e, ei);
}

/* --- the report --- */

/* What the job will take, or NULL where the device does not answer. */
static json_t *estimate(const struct preparation *p)
{
	const struct train_args *a = &p->spec->args;
	const struct tokens *t = &p->made.tokens;
	struct bert_config config = p->config;
	struct estimate_input in = { .config = &config,
				     .args = a,
				     .max_length = (int)p->spec->max_length,
				     .cuda = strncmp(p->env->device, "cuda", 4) == 0 };
	struct errinfo ei;

	config.num_labels = t->n_labels;
	if (bert_device_speed(p->env->device, a->bf16, &in.speed, &ei) != OK) {
		log_warn("no_estimate", "device=%s error=%s", p->env->device, log_q(ei.msg));
		return NULL;
	}
	for (int s = 0; s < N_SPLITS; s++)
		in.splits[s] = estimate_split_of(t->facts[s], t->splits[s].n,
						 s == SPLIT_TRAIN ? a->per_device_train_batch_size
								  : a->per_device_eval_batch_size);
	return estimate_job(&in);
}

static void complete_report(struct preparation *p)
{
	json_t *guess = p->env->device ? estimate(p) : NULL;

	p->made.report = json_incref(p->made.tokens.report);
	if (guess)
		json_object_set_new(p->made.report, "estimate", guess);
}

static enum err first_fault(const struct faults *faults, struct errinfo *ei)
{
	const json_t *fault = json_array_get(faults->list, 0);

	return err_set(ei, ERR_INVALID, "%s: %s",
		       json_string_value(json_object_get(fault, "pointer")),
		       json_string_value(json_object_get(fault, "detail")));
}

/* Finds the model and the data; where faults were found, or the model is absent, the data is only
 * checked. */
static enum err prepare_both(struct preparation *p, struct errinfo *ei)
{
	struct errinfo why = { "" };
	bool readable = check_urls(p);
	enum err e = prepare_model(p, ei);

	if (e == OK && readable && !faults_any(p->faults))
		e = prepare_data(p, ei);
	else if (e == OK && readable)
		e = check_data(p, ei);
	else if (e == ERR_ABSENT && readable)
		(void)check_data(p, &why);
	if ((e == OK || e == ERR_ABSENT) && faults_any(p->faults))
		e = first_fault(p->faults, ei);
	return e;
}

enum err job_prepare(const struct job_spec *s, const struct prepare_env *env, struct prepared *out,
		     struct faults *faults, struct errinfo *ei)
{
	struct preparation p = { .spec = s, .env = env, .faults = faults };
	enum err e = prepare_both(&p, ei);

	if (e == OK) {
		complete_report(&p);
		*out = p.made;
	} else {
		prepared_clear(&p.made);
	}
	bert_config_clear(&p.config);
	return e;
}
