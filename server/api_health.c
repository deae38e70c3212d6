/* GET /livez, /readyz, /openapi.yaml and /: what probes and newcomers ask first. */
#include "api.h"

#include <string.h>

#include "app.h"
#include "base/embedded.h"
#include "base/files.h"
#include "version.h"

void livez_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	(void)app;
	(void)rq;
	web_json(rs, 200, json_pack("{s:s}", "status", "ok"));
}

/* The checks of /readyz. Each says whether all is well; the names are part of the answer. */

static bool is_serving(struct app *app)
{
	return !atomic_load(&app->draining);
}

static bool has_database(struct app *app)
{
	return db_writable(app->db);
}

static bool has_room(struct app *app)
{
	int64_t room = files_free_bytes(app->places.data_dir);

	return room >= app->config->min_free_bytes;
}

static bool has_worker(struct app *app)
{
	return app->worker && worker_alive(app->worker);
}

static bool has_inference(struct app *app)
{
	return app->serve && serve_healthy(app->serve);
}

static const struct {
	const char *name;
	bool (*ok)(struct app *app);
	const char *fault;
} checks[] = {
	{ "draining", is_serving, "the server is stopping" },
	{ "database", has_database, "the database cannot be written" },
	{ "disk", has_room, "less than min_free_bytes is left on the disk" },
	{ "worker", has_worker, "the worker thread or its device does not work" },
	{ "inference", has_inference, "the device of the inference thread does not work" },
};

void readyz_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	json_t *results = json_object();
	bool ready = true;

	(void)rq;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		bool ok = checks[i].ok(app);
		json_object_set_new(results, checks[i].name,
				    json_string(ok ? "ok" : checks[i].fault));
		ready &= ok;
	}
	web_json(
		rs, ready ? 200 : 503,
		json_pack("{s:s, s:o}", "status", ready ? "ok" : "unavailable", "checks", results));
	if (!ready)
		web_header_add(rs, "Retry-After", "5");
}

void openapi_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	const struct embedded *file = embedded_files;

	(void)app;
	(void)rq;
	while (strcmp(file->path, "openapi.yaml") != 0)
		file++;
	rs->status = 200;
	rs->content_type = "application/yaml";
	buf_append(&rs->body, file->data, file->len);
}

void root_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	(void)app;
	(void)rq;
	web_json(rs, 200,
		 json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:s}}", "name", "bertd",
			   "version", bertd_version, "description",
			   "Fine-tunes BERT text classifiers and serves them.", "links", "contract",
			   "/openapi.yaml", "jobs", "/jobs", "models", "/models", "datasets",
			   "/datasets", "health", "/readyz", "metrics", "/metrics"));
}
