/* What several resources do alike: see shared.h. */
#include "shared.h"

#include <stdlib.h>

#include "app.h"
#include "base/files.h"
#include "base/log.h"

bool api_accepts_work(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	if (atomic_load(&app->draining)) {
		web_problem(rq, rs, 503, "draining", "the server is stopping");
		web_header_add(rs, "Retry-After", "10");
		return false;
	}
	int64_t left = files_free_bytes(app->places.data_dir);
	if (left >= 0 && left < app->config->min_free_bytes) {
		web_problem(rq, rs, 507, "disk_full",
			    "the disk of the server has too little room left");
		return false;
	}
	return true;
}

bool api_find_model(struct app *app, const struct web_req *rq, struct web_res *rs, const char *name,
		    struct model_place *out)
{
	struct faults faults = { 0 };
	struct errinfo ei;

	if (!name)
		name = app->config->default_model;
	if (!name) {
		faults_add(&faults, "#/model", "is required: the server has no default model");
		web_fail_faults(rq, rs, "the request is not valid", &faults);
		faults_clear(&faults);
		return false;
	}
	enum err e = places_find_model(&app->places, app->db, name, out, &ei);
	if (e != OK)
		web_fail(rq, rs, e, &ei);
	return e == OK;
}

void api_forget_model(struct app *app, const struct web_req *rq, const char *model_id)
{
	char *dir = places_model_dir(&app->places, model_id);

	if (app->serve)
		serve_drop(app->serve, model_id);
	api_remove_tree(rq, dir);
	free(dir);
}

void api_remove_tree(const struct web_req *rq, const char *path)
{
	struct errinfo ei;

	if (files_remove(path, &ei) != OK)
		log_warn("files_left", "request_id=%s error=%s", rq->request_id, log_q(ei.msg));
}
