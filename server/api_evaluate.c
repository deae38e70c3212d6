/* POST /models/{id}/evaluate: a model on a labelled data set, as trainer.evaluate(test).
 *
 * The handler's pool thread reads the rows and waits for the batcher; so only some may do that at
 * once, and a client that has left, a stop or a long time ends it. */
#include "api.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "model/config.h"
#include "page.h"
#include "serve/trial.h"
#include "shared.h"

#define EVALUATIONS_MAX 2 /* at once, of the pool's threads */
#define ROWS_MAX	1000000
#define SECONDS_MAX	3600
#define BATCH_MAX	1024

static atomic_int n_running;

struct body {
	json_t *dataset;
	int64_t max_length; /* 0: as the model was trained */
	int64_t per_device_eval_batch_size;
};

static const struct field fields[] = {
	{ "dataset", F_OBJECT, offsetof(struct body, dataset), .required = true,
	  .help = "The labelled rows: test and the names of the columns." },
	{ "max_length", F_INT, offsetof(struct body, max_length), 2, 32768, .nullable = true,
	  .help = "Tokens that are kept of a text; absent: as the model's job, else what the model "
		  "takes." },
	{ "per_device_eval_batch_size", F_INT, offsetof(struct body, per_device_eval_batch_size), 1,
	  BATCH_MAX, .help = "Texts that are sent to the model together." },
	{ 0 },
};

/* What one evaluation works with. */
struct evaluating {
	struct app *app;
	const struct web_req *rq;
	struct model_place place;
	struct body body;
	struct dataset_spec spec;
	struct faults faults;
	double until; /* clock_monotonic() */
};

static bool go_on(void *ctx)
{
	const struct evaluating *x = ctx;

	return !atomic_load(&x->app->draining) && clock_monotonic() < x->until &&
	       !(x->rq->is_gone && x->rq->is_gone(x->rq));
}

static bool must_end(void *ctx)
{
	return !go_on(ctx);
}

/* --- the model --- */

static enum err find_job(struct app *app, const struct model_place *place, struct job *out,
			 struct errinfo *ei)
{
	const char *slash = strchr(place->id, '/');
	struct model_row m = { 0 };
	char id[ID_SIZE] = "";
	enum err e = OK;

	if (slash) {
		snprintf(id, sizeof(id), "%.*s", (int)(slash - place->id), place->id);
	} else {
		e = model_row_get(app->db, place->id, &m, ei);
		snprintf(id, sizeof(id), "%s", m.job_id);
		model_row_clear(&m);
	}
	return e == OK ? job_get(app->db, id, out, ei) : e;
}

/* The max_length of the job that made it; 0: it has none, and the model's own bound counts. */
static int64_t trained_max_length(struct app *app, const struct model_place *place)
{
	struct job j = { 0 };
	json_t *spec = NULL;
	int64_t n = 0;

	if (!place->base && find_job(app, place, &j, NULL) == OK &&
	    json_parse(j.spec, strlen(j.spec), &spec, NULL) == OK)
		n = json_integer_value(json_object_get(spec, "max_length"));
	json_decref(spec);
	job_clear(&j);
	return n;
}

/* The classes of the data set are the model's, whatever the rows have. */
static enum err take_labels(struct evaluating *x, struct errinfo *ei)
{
	struct bert_config c = { 0 };
	enum err e = bert_config_read(x->place.dir, &c, ei);
	int most = dataset_default_limits.max_labels;

	if (e == OK && (c.num_labels < 2 || c.num_labels > most))
		e = err_set(ei, ERR_INVALID,
			    "the model has %d labels; from 2 to %d can be evaluated", c.num_labels,
			    most);
	if (e == OK) {
		x->spec.labels = c.labels;
		x->spec.n_labels = c.num_labels;
		c.labels = NULL;
		c.num_labels = 0;
	}
	bert_config_clear(&c);
	return e;
}

/* --- the run --- */

static enum err run_on(struct evaluating *x, struct dataset *d, json_t **metrics,
		       struct errinfo *ei)
{
	struct trial t = { .serve = x->app->serve,
			   .model_id = x->place.id,
			   .dir = x->place.dir,
			   .data = d,
			   .batch_size = x->body.per_device_eval_batch_size,
			   .max_length = (int)x->body.max_length,
			   .go_on = go_on,
			   .ctx = x };

	if (dataset_n(d, SPLIT_TEST) > ROWS_MAX)
		return err_set(ei, ERR_TOO_LARGE,
			       "the data has %lld rows; at most %d are evaluated at once",
			       (long long)dataset_n(d, SPLIT_TEST), ROWS_MAX);
	return trial_run(&t, metrics, &x->faults, ei);
}

static enum err run(struct evaluating *x, json_t **metrics, int64_t *rows, struct errinfo *ei)
{
	struct fetch_how how = { .cancelled = must_end, .ctx = x };
	struct file_source source = { &x->app->places, x->app->db, &how };
	char *scratch = places_tmp(&x->app->places, "");
	struct dataset *d = NULL;
	enum err e = dataset_open(&x->spec, &dataset_default_limits, scratch, places_open_file,
				  &source, &d, &x->faults, ei);

	if (e == OK) {
		*rows = dataset_n(d, SPLIT_TEST);
		e = run_on(x, d, metrics, ei);
	}
	dataset_close(d);
	free(scratch);
	return e;
}

static void answer_stopped(const struct evaluating *x, struct web_res *rs)
{
	if (atomic_load(&x->app->draining))
		web_problem(x->rq, rs, 503, "draining", "the server is stopping");
	else if (clock_monotonic() >= x->until)
		web_problem(x->rq, rs, 422, "too_long",
			    "the evaluation took longer than %d s: take fewer rows", SECONDS_MAX);
	else
		web_problem(x->rq, rs, 499, "client_gone", "the client has left"); /* for the log */
}

static void evaluate_model(struct evaluating *x, struct web_res *rs)
{
	struct errinfo ei = { "" };
	json_t *metrics = NULL;
	int64_t rows = 0;
	enum err e = take_labels(x, &ei);

	if (!x->body.max_length)
		x->body.max_length = trained_max_length(x->app, &x->place);
	if (e == OK)
		e = run(x, &metrics, &rows, &ei);
	places_redact(&x->app->places, &ei);
	if (e == OK)
		web_json(rs, 200,
			 json_pack("{s:s, s:s, s:I, s:o}", "object", "evaluation", "model",
				   x->place.id, "rows", (json_int_t)rows, "metrics", metrics));
	else if (faults_any(&x->faults))
		web_fail_faults(x->rq, rs, "the data cannot be evaluated", &x->faults);
	else if (e == ERR_CANCELLED)
		answer_stopped(x, rs);
	else
		web_fail(x->rq, rs, e, &ei);
}

static void read_and_evaluate(struct evaluating *x, const json_t *json, struct web_res *rs)
{
	fields_read(fields, json, "#", &x->body, &x->faults);
	if (x->body.dataset)
		dataset_spec_read_test(x->body.dataset, "#/dataset", &x->spec, &x->faults);
	if (faults_any(&x->faults))
		web_fail_faults(x->rq, rs, "the request is not valid", &x->faults);
	else if (api_find_model(x->app, x->rq, rs, x->rq->params[0], &x->place))
		evaluate_model(x, rs);
}

void models_evaluate(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct evaluating x = { .app = app,
				.rq = rq,
				.body.per_device_eval_batch_size = 8,
				.until = clock_monotonic() + SECONDS_MAX };
	json_t *json = body_json(rq, rs);

	if (!json)
		return;
	if (atomic_fetch_add(&n_running, 1) < EVALUATIONS_MAX) {
		read_and_evaluate(&x, json, rs);
	} else {
		web_problem(rq, rs, 503, "too_many_evaluations",
			    "as many evaluations are under way as the server allows");
		web_header_add(rs, "Retry-After", "10");
	}
	atomic_fetch_sub(&n_running, 1);
	model_place_clear(&x.place);
	dataset_spec_clear(&x.spec);
	fields_clear(fields, &x.body);
	faults_clear(&x.faults);
	json_decref(json);
}
