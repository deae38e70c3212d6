/* POST /models: a tar archive becomes a model (application/x-tar), or a model is named that jobs
 * are to start from (application/json). */
#include "api.h"

#include <stddef.h>
#include <stdlib.h>

#include "app.h"
#include "base/log.h"
#include "hub/names.h"
#include "jobs/import.h"
#include "jobs/spec.h"
#include "page.h"
#include "shared.h"

static void answer_import(struct app *app, const struct web_req *rq, struct web_res *rs,
			  const char *name)
{
	struct import in = { .path = rq->upload->path,
			     .bytes = rq->upload->bytes,
			     .sha256 = rq->upload->sha256,
			     .name = name };
	struct model_row m = { 0 };
	struct errinfo ei;
	bool existed;
	enum err e = import_model(&app->places, app->db, &in, &m, &existed, &ei);

	if (e == OK) {
		web_header_add(rs, "Location", "/models/%s", m.id);
		web_json(rs, existed ? 200 : 201,
			 model_row_json(&m, app->serve && serve_loaded(app->serve, m.id)));
		log_info("model_imported", "model=%s bytes=%lld existed=%s", m.id,
			 (long long)m.bytes, existed ? "yes" : "no");
	} else {
		web_fail(rq, rs, e, &ei);
	}
	model_row_clear(&m);
}

static void import(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	const char *name = rq->get_query(rq, "name");
	const char *fault = name ? job_name_fault(name) : NULL;
	struct faults faults = { 0 };

	if (!web_has_type(rq, "application/x-tar") && !web_has_type(rq, "application/tar")) {
		web_problem(rq, rs, 415, "unsupported",
			    "send a tar archive with Content-Type: application/x-tar, or JSON");
		return;
	}
	if (fault) {
		faults_add(&faults, "?/name", "%s", fault);
		web_fail_faults(rq, rs, "the request is not valid", &faults);
		faults_clear(&faults);
		return;
	}
	answer_import(app, rq, rs, name);
}

struct named {
	char *model;
};

static const struct field fields[] = {
	{ "model", F_STRING, offsetof(struct named, model), 1, 160, .required = true,
	  .help = "The model that jobs are to start from." },
	{ 0 },
};

/* The model is to be downloaded, by the thread that works ahead. */
static void answer_later(struct app *app, const struct web_req *rq, struct web_res *rs,
			 const char *name)
{
	struct errinfo ei;
	struct buf path = { 0 };
	enum err e = ahead_fetch(app->ahead, name, &ei);
	json_t *o = e == OK ? ahead_model_json(app->ahead, name) : NULL;

	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	names_encode(name, false, &path);
	web_header_add(rs, "Location", "/models/%s", path.data);
	/* It may have come in between: then a look at it shows the model. */
	web_json(rs, 202, o ? o : json_pack("{s:s, s:s}", "id", name, "object", "model"));
	log_info("model_wanted", "model=%s request_id=%s", log_q(name), rq->request_id);
	buf_clear(&path);
}

static void answer_named(struct app *app, const struct web_req *rq, struct web_res *rs,
			 const char *name)
{
	static const struct fetch_how cached = { .cached_only = true };
	struct model_place place = { 0 };
	struct errinfo ei;
	json_t *o = NULL;
	enum err e = places_find_base(&app->places, app->db, &cached, name, &place, &ei);

	if (e == OK)
		e = api_model_json(app, &place, &o, &ei);
	if (e == OK)
		web_json(rs, 200, o);
	else if (e == ERR_ABSENT && app->ahead)
		answer_later(app, rq, rs, name);
	else
		web_fail(rq, rs, e, &ei);
	model_place_clear(&place);
}

static void by_name(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct faults faults = { 0 };
	struct named named = { 0 };
	json_t *body = body_json(rq, rs);

	if (!body)
		return;
	if (fields_read(fields, body, "#", &named, &faults))
		answer_named(app, rq, rs, named.model);
	else
		web_fail_faults(rq, rs, "the request is not valid", &faults);
	fields_clear(fields, &named);
	faults_clear(&faults);
	json_decref(body);
}

void models_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	if (!api_accepts_work(app, rq, rs))
		return;
	if (rq->upload)
		import(app, rq, rs);
	else
		by_name(app, rq, rs);
}
