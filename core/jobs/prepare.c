/* What becomes of a job before training: see spec.h. On the worker thread and on the one that
 * prepares submits. */
#include "jobs/spec.h"

#include "model/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void prepared_clear(struct prepared *p)
{
	model_place_clear(&p->base);
	tokenizer_free(p->tokenizer);
	loaded_clear(&p->dataset);
	for (int i = 0; i < N_SPLITS; i++)
		examples_clear(&p->encoded[i]);
	json_decref(p->report);
	memset(p, 0, sizeof(*p));
}

/* Whether the user can mend it by asking for something else. */
static bool is_users(enum err e)
{
	return e == ERR_NOT_FOUND || e == ERR_INVALID || e == ERR_SYNTAX || e == ERR_UNSUPPORTED ||
	       e == ERR_CONFLICT || e == ERR_TOO_LARGE;
}

/* Turns what the user can mend into a fault and OK; the rest stays what it is. */
static enum err to_fault(enum err e, const char *pointer, const struct places *p,
			 struct faults *faults, struct errinfo *ei)
{
	if (e == OK)
		return OK;
	places_redact(p, ei);
	if (!is_users(e))
		return e;
	faults_add(faults, pointer, "%s", ei->msg);
	return OK;
}

static void check_shape(const struct job_spec *s, const struct bert_config *c,
			const struct tokenizer *t, struct faults *faults)
{
	if (s->max_length > c->max_position_embeddings)
		faults_add(faults, "#/max_length",
			   "must be at most %" PRId64 ", the positions of the model",
			   c->max_position_embeddings);
	if (s->dataset.text_pair_column && c->type_vocab_size < 2)
		faults_add(faults, "#/dataset/text_pair_column",
			   "the model has no token types for pairs of texts");
	if (t && tokenizer_vocab_size(t) > c->vocab_size)
		faults_add(faults, "#/model",
			   "its vocabulary has %d tokens, but its weights only %" PRId64,
			   tokenizer_vocab_size(t), c->vocab_size);
}

static enum err prepare_model(const struct job_spec *s, const struct places *p, struct db *db,
			      struct prepared *out, struct faults *faults, struct errinfo *ei)
{
	struct bert_config config = { 0 };
	enum err e = places_find_base(p, db, s->model, &out->base, ei);

	if (e != OK)
		return to_fault(e, "#/model", p, faults, ei);
	e = bert_config_read(out->base.dir, &config, ei);
	if (e != OK)
		return to_fault(e, "#/model", p, faults, ei);
	e = to_fault(tokenizer_open(out->base.dir, &out->tokenizer, ei), "#/model", p, faults, ei);
	check_shape(s, &config, out->tokenizer, faults);
	bert_config_clear(&config);
	return e;
}

static enum err prepare_data(const struct job_spec *s, const struct places *p, struct db *db,
			     struct prepared *out, struct faults *faults, struct errinfo *ei)
{
	struct file_source source = { p, db };
	enum err e = dataset_load(&s->dataset, &dataset_default_limits, places_open_file, &source,
				  &out->dataset, faults, ei);

	if (e != OK)
		places_redact(p, ei);
	if (e == ERR_INVALID && !faults_any(faults))
		faults_add(faults, "#/dataset", "%s", ei->msg);
	return e == ERR_INVALID ? OK : e;
}

static enum err encode(const struct job_spec *s, const struct places *p, struct prepared *out,
		       struct faults *faults, struct errinfo *ei)
{
	enum err e = OK;

	for (int i = 0; e == OK && i < N_SPLITS; i++) {
		char pointer[64];
		snprintf(pointer, sizeof(pointer), "#/dataset/%s", split_names[i]);
		e = examples_encode(out->tokenizer, out->dataset.examples[i], out->dataset.n[i],
				    (int)s->max_length, &out->encoded[i], ei);
		e = to_fault(e, pointer, p, faults, ei);
	}
	return e;
}

static enum err first_fault(const struct faults *faults, struct errinfo *ei)
{
	const json_t *fault = json_array_get(faults->list, 0);

	return err_set(ei, ERR_INVALID, "%s: %s",
		       json_string_value(json_object_get(fault, "pointer")),
		       json_string_value(json_object_get(fault, "detail")));
}

enum err job_prepare(const struct job_spec *s, const struct places *p, struct db *db,
		     struct prepared *out, struct faults *faults, struct errinfo *ei)
{
	struct prepared made = { 0 };
	enum err e = prepare_model(s, p, db, &made, faults, ei);

	if (e == OK)
		e = prepare_data(s, p, db, &made, faults, ei);
	if (e == OK && !faults_any(faults))
		e = encode(s, p, &made, faults, ei);
	if (e == OK && faults_any(faults))
		e = first_fault(faults, ei);
	if (e != OK) {
		prepared_clear(&made);
		return e;
	}
	made.report = report_of_examples(&made.dataset, made.encoded, (int)s->max_length);
	*out = made;
	return OK;
}
