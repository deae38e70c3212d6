/* The table of routes: all that the daemon answers. openapi.yaml is checked against it. */
#include "api.h"

static const char *const page[] = { "after", "limit", NULL };
static const char *const job_page[] = { "status", "after", "limit", NULL };
static const char *const job_new[] = { "dry_run", NULL };
static const char *const records[] = { "after", "follow", NULL };
static const char *const upload[] = { "name", NULL };

const struct web_route web_routes[] = {
	{ "POST", "/jobs", jobs_create, SCOPE_TRAIN, ON_POOL, .json = true, .query = job_new },
	{ "GET", "/jobs", jobs_list, SCOPE_READ, .query = job_page },
	{ "GET", "/jobs/:id", jobs_get, SCOPE_READ },
	{ "DELETE", "/jobs/:id", jobs_delete, SCOPE_TRAIN, ON_POOL },
	{ "POST", "/jobs/:id/cancel", jobs_cancel, SCOPE_TRAIN },
	{ "GET", "/jobs/:id/metrics", jobs_metrics, SCOPE_READ, .query = records },
	{ "GET", "/jobs/:id/checkpoints", jobs_checkpoints, SCOPE_READ },

	{ "POST", "/datasets", datasets_create, SCOPE_TRAIN, ON_POOL, .upload = true,
	  .open = datasets_open, .query = upload },
	{ "GET", "/datasets", datasets_list, SCOPE_READ, .query = page },
	{ "GET", "/datasets/:id", datasets_get, SCOPE_READ },
	{ "PUT", "/datasets/:id", datasets_put, SCOPE_TRAIN, ON_POOL, .upload = true,
	  .open = datasets_open_part, .query = upload },
	{ "DELETE", "/datasets/:id", datasets_delete, SCOPE_TRAIN, ON_POOL },

	{ "POST", "/classify", classify_create, SCOPE_SERVE, .json = true },
	{ "POST", "/tokenize", tokenize_create, SCOPE_SERVE, ON_POOL, .json = true },

	{ "POST", "/models", models_create, SCOPE_TRAIN, ON_POOL, .upload = true, .json = true,
	  .query = upload },
	{ "GET", "/models", models_list, SCOPE_READ, ON_POOL, .query = page },
	{ "GET", "/models/:id", models_get, SCOPE_READ, ON_POOL },
	{ "DELETE", "/models/:id", models_delete, SCOPE_TRAIN, ON_POOL },
	{ "POST", "/models/:id/evaluate", models_evaluate, SCOPE_SERVE, ON_POOL, .json = true },
	{ "GET", "/models/:id/export", models_export, SCOPE_READ, ON_POOL },

	{ "GET", "/livez", livez_get, SCOPE_NONE },
	{ "GET", "/readyz", readyz_get, SCOPE_NONE },
	{ "GET", "/metrics", metrics_get, SCOPE_READ, ON_POOL },
	{ "GET", "/openapi.yaml", openapi_get, SCOPE_NONE },
	{ "GET", "/", root_get, SCOPE_NONE },
	{ 0 },
};
