/* /datasets: what was uploaded (api_uploads.c) and can be used in many jobs. */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "jobs/rows.h"
#include "jobs/uploads.h"
#include "page.h"
#include "shared.h"

void datasets_list(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct dataset_row *rows;
	struct errinfo ei;
	struct page page;
	bool more;
	int n;

	if (!page_read(rq, rs, &page))
		return;
	enum err e = dataset_row_list(app->db, page.after, page.limit, &rows, &n, &more, &ei);
	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	json_t *data = json_array();
	for (int i = 0; i < n; i++) {
		json_array_append_new(data, dataset_row_json(&rows[i]));
		dataset_row_clear(&rows[i]);
	}
	free(rows);
	web_json(rs, 200, page_json(data, more));
}

/* Of what is on its way only the size is told: where a PUT goes on. */
static void fail_get(struct app *app, const struct web_req *rq, struct web_res *rs, enum err e,
		     const struct errinfo *ei)
{
	const char *id = rq->params[0];
	int64_t bytes = -1;

	web_fail(rq, rs, e, ei);
	if (e == ERR_NOT_FOUND && places_is_dataset(id))
		bytes = uploads_part_bytes(&app->places, id + strlen("ds_"));
	if (bytes >= 0)
		web_header_add(rs, "Upload-Offset", "%lld", (long long)bytes);
}

void datasets_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct dataset_row row = { 0 };
	struct errinfo ei;
	enum err e = dataset_row_get(app->db, rq->params[0], &row, &ei);

	if (e == OK)
		web_json(rs, 200, dataset_row_json(&row));
	else
		fail_get(app, rq, rs, e, &ei);
	dataset_row_clear(&row);
}

void datasets_delete(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;
	enum err e = dataset_row_delete(app->db, rq->params[0], &ei);

	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	char *path = places_dataset(&app->places, rq->params[0] + strlen("ds_"));
	api_remove_tree(rq, path);
	free(path);
	rs->status = 204;
}
