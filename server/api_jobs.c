/* /jobs: queue a fine-tune, look at it, cancel it, delete it. */
#include "api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/json.h"
#include "base/log.h"
#include "jobs/job.h"
#include "jobs/rows.h"
#include "jobs/spec.h"
#include "page.h"
#include "shared.h"

/* The resource; for the job that trains right now the progress is the live one, not the last
 * record's. */
static json_t *job_resource(struct app *app, const struct job *j)
{
	json_t *o = job_json(j);
	struct trainer_progress p;

	if (app->downloads) {
		json_t *download = downloads_json(app->downloads, j->id);
		json_object_set_new(o, "download", download ? download : json_null());
	}
	if (!app->worker || !worker_progress(app->worker, j->id, &p))
		return o;
	json_t *left = p.seconds_remaining < 0 ? json_null() : json_real(p.seconds_remaining);
	json_object_set_new(o, "progress",
			    json_pack("{s:f, s:I, s:I, s:o, s:f}", "epoch", p.epoch, "step",
				      (json_int_t)p.step, "total_steps", (json_int_t)p.total_steps,
				      "seconds_remaining", left, "samples_per_second",
				      p.samples_per_second));
	return o;
}

/* Answers with the job, or with the error, and clears it. */
static void answer(struct app *app, const struct web_req *rq, struct web_res *rs, int status,
		   enum err e, struct job *j, const struct errinfo *ei)
{
	if (e != OK) {
		web_fail(rq, rs, e, ei);
		return;
	}
	web_json(rs, status, job_resource(app, j));
	job_clear(j);
}

/* 1 to 255 visible ASCII characters, or absent (NULL). */
static bool idempotency_key(const struct web_req *rq, struct web_res *rs, const char **out)
{
	const char *key = rq->get_header(rq, "Idempotency-Key");
	size_t n = 0;

	*out = key;
	while (key && isgraph((unsigned char)key[n]))
		n++;
	if (!key || (n > 0 && n <= 255 && key[n] == '\0'))
		return true;
	web_problem(rq, rs, 400, "idempotency_key",
		    "Idempotency-Key must be 1 to 255 visible ASCII characters");
	return false;
}

/* What can be said of a job whose model or data is not there yet. */
static void dry_run_unchecked(struct web_res *rs, const struct job_spec *spec,
			      const struct errinfo *why)
{
	json_t *o = job_spec_write(spec);

	json_object_set_new(o, "object", json_string("job.dry_run"));
	json_object_set_new(o, "valid", json_null());
	json_object_set_new(o, "unchecked", json_string(why->msg));
	json_object_set_new(o, "total_steps", json_null());
	json_object_set_new(o, "data_report", json_null());
	web_json(rs, 200, o);
}

static void dry_run_answer(struct web_res *rs, const struct job_spec *spec,
			   const struct prepared *prepared)
{
	json_t *o = job_spec_write(spec);

	json_object_set_new(o, "object", json_string("job.dry_run"));
	json_object_set_new(o, "valid", json_true());
	json_object_set_new(o, "total_steps",
			    json_integer(trainer_total_steps(
				    &spec->args, prepared->tokens.splits[SPLIT_TRAIN].n)));
	json_object_set(o, "data_report", prepared->report);
	web_json(rs, 200, o);
}

/* prepared NULL: the job waits for downloads, and is checked when they are there. */
static void queue(struct app *app, const struct web_req *rq, struct web_res *rs,
		  const struct job_spec *spec, const struct prepared *prepared, const char *key)
{
	struct buf spec_text = { 0 }, report_text = { 0 };
	char sha256[SHA256_HEX_SIZE];
	struct errinfo ei;
	struct job j;
	bool repeated = false;

	json_t *resolved = job_spec_write(spec);
	json_print(resolved, &spec_text);
	json_decref(resolved);
	if (prepared)
		json_print(prepared->report, &report_text);
	else
		buf_puts(&report_text, JOB_NO_REPORT);
	hash_hex(rq->body, rq->body_len, sha256);
	enum err e = job_create(app->db,
				&(struct job_new){ .name = spec->name,
						   .spec = spec_text.data,
						   .report = report_text.data,
						   .idempotency_key = key,
						   .body_sha256 = sha256,
						   .max_queued = app->config->max_queued_jobs },
				&j, &repeated, &ei);
	if (e == OK) {
		web_header_add(rs, "Location", "/jobs/%s", j.id);
		if (repeated)
			web_header_add(rs, "Idempotent-Replayed", "true");
		else
			log_info("job_queued", "job=%s request_id=%s", j.id, rq->request_id);
		hub_publish(app->hub, j.id);
		if (app->worker)
			worker_notify(app->worker);
		if (app->ahead)
			ahead_notify(app->ahead);
	}
	answer(app, rq, rs, 201, e, &j, &ei);
	buf_clear(&spec_text);
	buf_clear(&report_text);
}

/* Checks the data of a valid request, then reports (dry run) or queues. Nothing is downloaded while
 * the client waits. */
static void prepare_and_queue(struct app *app, const struct web_req *rq, struct web_res *rs,
			      const struct job_spec *spec, const char *key, bool dry_run)
{
	struct faults faults = { 0 };
	struct prepared prepared = { 0 };
	static const struct fetch_how cached = { .cached_only = true };
	struct errinfo ei = { "" };
	struct prepare_env env = { &app->places, app->db, &cached, app->config->device };
	enum err e = job_prepare(spec, &env, &prepared, &faults, &ei);

	if (faults_any(&faults))
		web_fail_faults(rq, rs, "the job cannot be run as asked", &faults);
	else if (e == ERR_ABSENT && dry_run)
		dry_run_unchecked(rs, spec, &ei);
	else if (e == ERR_ABSENT)
		queue(app, rq, rs, spec, NULL, key);
	else if (e != OK)
		web_fail(rq, rs, e, &ei);
	else if (dry_run)
		dry_run_answer(rs, spec, &prepared);
	else
		queue(app, rq, rs, spec, &prepared, key);
	prepared_clear(&prepared);
	faults_clear(&faults);
}

/* A repeat of a known Idempotency-Key is answered before the data is looked at: it may be gone
 * since. */
static bool answered_before(struct app *app, const struct web_req *rq, struct web_res *rs,
			    const char *key)
{
	char sha256[SHA256_HEX_SIZE];
	struct errinfo ei;
	struct job j;

	if (!key)
		return false;
	hash_hex(rq->body, rq->body_len, sha256);
	enum err e = job_find_repeat(app->db, key, sha256, &j, &ei);
	if (e == ERR_NOT_FOUND)
		return false;
	if (e == OK) {
		web_header_add(rs, "Location", "/jobs/%s", j.id);
		web_header_add(rs, "Idempotent-Replayed", "true");
	}
	answer(app, rq, rs, 201, e, &j, &ei);
	return true;
}

void jobs_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct faults faults = { 0 };
	struct job_spec spec;
	const char *key;
	bool dry_run;

	if (!query_bool(rq, rs, "dry_run", false, &dry_run) || !idempotency_key(rq, rs, &key) ||
	    !api_accepts_work(app, rq, rs))
		return;
	json_t *body = body_json(rq, rs);
	if (!body)
		return;
	if (!job_spec_read(body, &spec, &faults))
		web_fail_faults(rq, rs, "the job is not valid", &faults);
	else if (!answered_before(app, rq, rs, dry_run ? NULL : key))
		prepare_and_queue(app, rq, rs, &spec, key, dry_run);
	job_spec_clear(&spec);
	faults_clear(&faults);
	json_decref(body);
}

static bool state_query(const struct web_req *rq, struct web_res *rs, int *out)
{
	const char *text = rq->get_query(rq, "status");
	struct faults faults = { 0 };
	enum job_state state;

	*out = -1;
	if (!text)
		return true;
	if (job_state_parse(text, &state)) {
		*out = (int)state;
		return true;
	}
	faults_add(&faults, "?/status", "must be a status of a job");
	web_fail_faults(rq, rs, "a query parameter is not valid", &faults);
	faults_clear(&faults);
	return false;
}

void jobs_list(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	struct page page;
	struct job *jobs;
	int state, n;
	bool more;

	if (!page_read(rq, rs, &page) || !state_query(rq, rs, &state))
		return;
	enum err e = job_list(
		app->db,
		&(struct job_page){ .state = state, .after = page.after, .limit = page.limit },
		&jobs, &n, &more, &ei);
	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	json_t *data = json_array();
	for (int i = 0; i < n; i++) {
		json_array_append_new(data, job_resource(app, &jobs[i]));
		job_clear(&jobs[i]);
	}
	free(jobs);
	web_json(rs, 200, page_json(data, more));
}

void jobs_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	struct job j;
	enum err e = job_get(app->db, rq->params[0], &j, &ei);

	answer(app, rq, rs, 200, e, &j, &ei);
}

void jobs_cancel(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	struct job j;
	enum err e = job_cancel(app->db, rq->params[0], &j, &ei);

	if (e == OK) {
		hub_publish(app->hub, j.id);
		if (app->worker)
			worker_notify(app->worker);
	}
	answer(app, rq, rs, 202, e, &j, &ei);
}

/* Rows first: what a crash leaves behind then is folders without a row, which the start sweeps. */
void jobs_delete(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	struct job j;
	enum err e = job_get(app->db, rq->params[0], &j, &ei);

	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	e = job_delete(app->db, j.id, &ei);
	if (e == OK) {
		char *dir = places_job_dir(&app->places, j.id);
		api_remove_tree(rq, dir);
		if (j.model_id[0])
			api_forget_model(app, rq, j.model_id);
		free(dir);
		rs->status = 204;
	} else {
		web_fail(rq, rs, e, &ei);
	}
	job_clear(&j);
}

void jobs_checkpoints(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	struct job j;
	json_t *data;
	enum err e = job_get(app->db, rq->params[0], &j, &ei);

	if (e == OK) {
		e = checkpoint_rows_json(app->db, j.id, &data, &ei);
		job_clear(&j);
	}
	if (e == OK)
		web_json(rs, 200, page_json(data, false));
	else
		web_fail(rq, rs, e, &ei);
}
