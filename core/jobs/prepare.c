/* What becomes of a job before training: see spec.h. On the worker thread and on the one that
 * prepares submits. */
#include "jobs/spec.h"

#include "jobs/token_cache.h"
#include "model/config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void prepared_clear(struct prepared *p)
{
	model_place_clear(&p->base);
	tokenizer_free(p->tokenizer);
	tokens_close(&p->tokens);
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

/* What can be said of files elsewhere without asking for them: whether all of them may be read. */
static bool check_urls(const struct job_spec *s, const struct places *p, struct faults *faults)
{
	struct errinfo ei;
	bool ok = true;

	for (int i = 0; p->fetch && i < N_SPLITS; i++) {
		char pointer[64];
		const char *file = s->dataset.splits[i].file;
		if (!file || !fetch_is_url(file) || fetch_check_url(p->fetch, file, &ei) == OK)
			continue;
		snprintf(pointer, sizeof(pointer), "#/dataset/%s", split_names[i]);
		faults_add(faults, pointer, "%s", ei.msg);
		ok = false;
	}
	return ok;
}

static enum err prepare_model(const struct job_spec *s, const struct places *p, struct db *db,
			      const struct fetch_how *how, struct prepared *out,
			      struct bert_config *config, struct faults *faults, struct errinfo *ei)
{
	enum err e = places_find_base(p, db, how, s->model, &out->base, ei);

	if (e != OK)
		return to_fault(e, "#/model", p, faults, ei);
	e = bert_config_read(out->base.dir, config, ei);
	if (e != OK)
		return to_fault(e, "#/model", p, faults, ei);
	e = to_fault(tokenizer_open(out->base.dir, &out->tokenizer, ei), "#/model", p, faults, ei);
	check_shape(s, config, out->tokenizer, faults);
	return e;
}

static enum err data_fault(enum err e, const struct places *p, struct faults *faults,
			   struct errinfo *ei)
{
	if (e != OK)
		places_redact(p, ei);
	if (e == ERR_INVALID && !faults_any(faults))
		faults_add(faults, "#/dataset", "%s", ei->msg);
	return e == ERR_INVALID ? OK : e;
}

static enum err prepare_data(const struct job_spec *s, const struct places *p, struct db *db,
			     const struct fetch_how *how, const struct bert_config *config,
			     struct prepared *out, struct faults *faults, struct errinfo *ei)
{
	struct file_source source = { p, db, how };
	struct token_request r = { .data = &s->dataset,
				   .open = places_open_file,
				   .open_ctx = &source,
				   .tokenizer = out->tokenizer,
				   .tokenizer_dir = out->base.dir,
				   .max_length = (int)s->max_length,
				   .model_max_length = (int)config->max_position_embeddings };
	return data_fault(token_cache_get(p, &r, &out->tokens, faults, ei), p, faults, ei);
}

static enum err pass_over(void *ctx, enum split s, int64_t place, const struct example *x,
			  struct errinfo *ei)
{
	(void)ctx, (void)s, (void)place, (void)x, (void)ei;
	return OK;
}

/* Where the model will not do or is not there yet, what is wrong with the data is told as well. */
static enum err check_data(const struct job_spec *s, const struct places *p, struct db *db,
			   const struct fetch_how *how, struct faults *faults, struct errinfo *ei)
{
	struct file_source source = { p, db, how };
	struct dataset *d = NULL;
	char *scratch = places_tmp(p, "");
	enum err e = dataset_open(&s->dataset, &dataset_default_limits, scratch, places_open_file,
				  &source, &d, faults, ei);

	if (e == OK)
		e = dataset_read(d, pass_over, NULL, faults, ei);
	dataset_close(d);
	free(scratch);
	return data_fault(e, p, faults, ei);
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
static enum err prepare_both(const struct job_spec *s, const struct places *p, struct db *db,
			     const struct fetch_how *how, struct prepared *out,
			     struct faults *faults, struct errinfo *ei)
{
	struct bert_config config = { 0 };
	struct errinfo why = { "" };
	bool readable = check_urls(s, p, faults);
	enum err e = prepare_model(s, p, db, how, out, &config, faults, ei);

	if (e == OK && readable && !faults_any(faults))
		e = prepare_data(s, p, db, how, &config, out, faults, ei);
	else if (e == OK && readable)
		e = check_data(s, p, db, how, faults, ei);
	else if (e == ERR_ABSENT && readable)
		(void)check_data(s, p, db, how, faults, &why);
	bert_config_clear(&config);
	return e;
}

enum err job_prepare(const struct job_spec *s, const struct places *p, struct db *db,
		     const struct fetch_how *how, struct prepared *out, struct faults *faults,
		     struct errinfo *ei)
{
	struct prepared made = { 0 };
	enum err e = prepare_both(s, p, db, how, &made, faults, ei);

	if ((e == OK || e == ERR_ABSENT) && faults_any(faults))
		e = first_fault(faults, ei);
	if (e != OK) {
		prepared_clear(&made);
		return e;
	}
	made.report = json_incref(made.tokens.report);
	*out = made;
	return OK;
}
