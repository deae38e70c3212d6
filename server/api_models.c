/* /models: what a job can start from (base models) and what jobs have made. */
#include "api.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "base/mem.h"
#include "jobs/rows.h"
#include "model/config.h"
#include "page.h"
#include "shared.h"

#define BASE_MODELS_MAX 200

/* The resource of a base model, or NULL when the folder holds no BERT that can be read. */
static json_t *base_json(struct app *app, const char *id, const char *dir)
{
	struct bert_config c;

	if (bert_config_read(dir, &c, NULL) != OK)
		return NULL;
	char *weights = mem_printf("%s/model.safetensors", dir);
	struct stat st;
	json_int_t bytes = stat(weights, &st) == 0 ? (json_int_t)st.st_size : 0;
	free(weights);
	json_t *o =
		json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:b}", "id", id, "object", "model",
			  "base", 1, "bytes", bytes, "hidden_size", (json_int_t)c.hidden_size,
			  "num_hidden_layers", (json_int_t)c.num_hidden_layers,
			  "max_position_embeddings", (json_int_t)c.max_position_embeddings,
			  "loaded", app->serve && serve_loaded(app->serve, id));
	bert_config_clear(&c);
	return o;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "id")),
		      json_string_value(json_object_get(*(json_t *const *)b, "id")));
}

/* Adds the models in dir to found; a folder without config.json may be an owner: OWNER/NAME, one
 * level only. */
static int scan(struct app *app, const char *dir, const char *owner, json_t **found, int n)
{
	DIR *d = opendir(dir);
	struct dirent *ent;

	if (!d)
		return n;
	while (n < BASE_MODELS_MAX && (ent = readdir(d))) {
		if (ent->d_name[0] == '.')
			continue;
		char *path = mem_printf("%s/%s", dir, ent->d_name);
		char *id =
			owner ? mem_printf("%s/%s", owner, ent->d_name) : mem_strdup(ent->d_name);
		json_t *o = base_json(app, id, path);
		if (o)
			found[n++] = o;
		else if (!owner && ent->d_type == DT_DIR)
			n = scan(app, path, ent->d_name, found, n);
		free(path);
		free(id);
	}
	closedir(d);
	return n;
}

struct snapshots {
	struct app *app;
	json_t **found;
	int n;
};

static bool add_snapshot(void *ctx, const char *name, const char *dir)
{
	struct snapshots *s = ctx;
	json_t *o = base_json(s->app, name, dir);

	if (o)
		s->found[s->n++] = o;
	return s->n < BASE_MODELS_MAX;
}

/* Those of model_dir, also where that is a cache of huggingface_hub, and the downloaded ones. */
static void add_base_models(struct app *app, json_t *data)
{
	json_t *found[BASE_MODELS_MAX];
	const char *model_dir = app->places.model_dir;
	char *downloads = mem_printf("%s/hub", app->places.data_dir);
	struct snapshots s = { app, found, model_dir ? scan(app, model_dir, NULL, found, 0) : 0 };

	if (model_dir && s.n < BASE_MODELS_MAX)
		fetch_each_snapshot(model_dir, add_snapshot, &s);
	if (s.n < BASE_MODELS_MAX)
		fetch_each_snapshot(downloads, add_snapshot, &s);
	free(downloads);
	int n = s.n;
	qsort(found, (size_t)n, sizeof(*found), by_id);
	for (int i = 0; i < n; i++)
		json_array_append_new(data, found[i]);
}

/* The first page starts with the base models, which are few and not counted by limit. */
void models_list(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct model_row *rows;
	struct errinfo ei;
	struct page page;
	bool more;
	int n;

	if (!page_read(rq, rs, &page))
		return;
	enum err e = model_row_list(app->db, page.after, page.limit, &rows, &n, &more, &ei);
	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	json_t *data = json_array();
	if (!page.after)
		add_base_models(app, data);
	for (int i = 0; i < n; i++) {
		json_array_append_new(
			data, model_row_json(&rows[i],
					     app->serve && serve_loaded(app->serve, rows[i].id)));
		model_row_clear(&rows[i]);
	}
	free(rows);
	web_json(rs, 200, page_json(data, more));
}

static enum err finished_json(struct app *app, const char *id, json_t **out, struct errinfo *ei)
{
	struct model_row row = { 0 };
	enum err e = model_row_get(app->db, id, &row, ei);

	if (e == OK)
		*out = model_row_json(&row, app->serve && serve_loaded(app->serve, row.id));
	model_row_clear(&row);
	return e;
}

enum err api_model_json(struct app *app, const struct model_place *place, json_t **out,
			struct errinfo *ei)
{
	if (!place->base)
		return finished_json(app, place->id, out, ei);
	*out = base_json(app, place->id, place->dir);
	return *out ? OK : err_set(ei, ERR_NOT_FOUND, "there is no model \"%s\"", place->id);
}

void models_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct model_place place = { 0 };
	struct errinfo ei;
	json_t *o = NULL;
	enum err e = places_find_model(&app->places, app->db, rq->params[0], &place, &ei);

	if (e == OK)
		e = api_model_json(app, &place, &o, &ei);
	else if (e == ERR_NOT_FOUND && app->ahead)
		o = ahead_model_json(app->ahead, rq->params[0]);
	if (o)
		web_json(rs, 200, o);
	else
		web_fail(rq, rs, e, &ei);
	model_place_clear(&place);
}

void models_delete(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct model_row row = { 0 };
	struct errinfo ei;
	enum err e = model_row_get(app->db, rq->params[0], &row, &ei);

	if (e == OK)
		e = model_row_delete(app->db, row.id, &ei);
	if (e == OK) {
		api_forget_model(app, rq, row.id);
		rs->status = 204;
	} else {
		web_fail(rq, rs, e, &ei);
	}
	model_row_clear(&row);
}
