/* /datasets: upload a table once, use it in many jobs. The id is the SHA-256 of the bytes. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "jobs/rows.h"
#include "page.h"
#include "shared.h"

/* Reads the whole upload once: rows, columns and every fault. */
static enum err probe(const struct web_upload *up, struct dataset_row *row, struct faults *faults,
		      struct errinfo *ei)
{
	struct buf columns = { 0 };
	struct dataset_outline found;
	int fd = open(up->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(ei, "cannot open the upload");
	enum err e = dataset_probe(fd, &dataset_default_limits, &found, faults, ei);
	close(fd);
	if (e != OK)
		return e;
	if (found.rows == 0)
		faults_add(faults, "#", "holds no rows");
	json_print(found.columns, &columns);
	json_decref(found.columns);
	row->rows = found.rows;
	row->columns = buf_take(&columns);
	row->format = mem_strdup(rows_format_name(found.format));
	return OK;
}

/* File first, row second: a crash in between leaves a file that the same upload finds again. */
static enum err keep(struct app *app, const struct web_upload *up, const struct dataset_row *row,
		     bool *existed, struct errinfo *ei)
{
	char *path = places_dataset(&app->places, up->sha256);
	enum err e = OK;

	if (rename(up->path, path) != 0)
		e = err_errno(ei, "cannot keep the upload");
	if (e == OK)
		e = files_sync(path, ei);
	if (e == OK)
		e = dataset_row_put(app->db, row, existed, ei);
	free(path);
	return e;
}

static void answer_upload(struct app *app, const struct web_req *rq, struct web_res *rs,
			  struct dataset_row *row)
{
	struct errinfo ei;
	bool existed = false;
	enum err e = keep(app, rq->upload, row, &existed, &ei);
	struct dataset_row stored = { 0 };

	if (e == OK)
		e = dataset_row_get(app->db, row->id, &stored, &ei);
	if (e == OK) {
		web_header_add(rs, "Location", "/datasets/%s", row->id);
		web_json(rs, existed ? 200 : 201, dataset_row_json(&stored));
		log_info("dataset_stored", "dataset=%s bytes=%lld", row->id, (long long)row->bytes);
	} else {
		web_fail(rq, rs, e, &ei);
	}
	dataset_row_clear(&stored);
}

void datasets_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	const char *name = rq->get_query(rq, "name");
	struct dataset_row row = { .bytes = rq->upload->bytes, .created_ms = clock_now_ms() };
	struct faults faults = { 0 };
	struct errinfo ei = { "" };

	if (!api_accepts_work(app, rq, rs))
		return;
	if (name && (!*name || strlen(name) > 128))
		faults_add(&faults, "?/name", "must be 1 to 128 bytes long");
	row.name = name ? mem_strdup(name) : NULL;
	snprintf(row.id, sizeof(row.id), "ds_%s", rq->upload->sha256);
	enum err e = faults_any(&faults) ? ERR_INVALID : probe(rq->upload, &row, &faults, &ei);
	if (faults_any(&faults))
		web_fail_faults(rq, rs, "the data set is not valid", &faults);
	else if (e != OK)
		web_fail(rq, rs, e, &ei);
	else
		answer_upload(app, rq, rs, &row);
	faults_clear(&faults);
	dataset_row_clear(&row);
}

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

void datasets_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct dataset_row row = { 0 };
	struct errinfo ei;
	enum err e = dataset_row_get(app->db, rq->params[0], &row, &ei);

	if (e == OK)
		web_json(rs, 200, dataset_row_json(&row));
	else
		web_fail(rq, rs, e, &ei);
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
