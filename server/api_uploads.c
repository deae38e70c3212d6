/* Data sets on their way in: POST /datasets, and PUT /datasets/{id}, which can be gone on with
 * after a break. The id is the SHA-256 of the bytes. */
#include "api.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "jobs/rows.h"
#include "jobs/uploads.h"
#include "shared.h"
#include "upload.h"

/* Before the body */

static bool check_name(const struct web_req *rq, struct web_res *rs)
{
	const char *name = rq->get_query(rq, "name");
	struct faults faults = { 0 };

	if (!name || (*name && strlen(name) <= 128))
		return true;
	faults_add(&faults, "?/name", "must be 1 to 128 bytes long");
	web_fail_faults(rq, rs, "the data set is not valid", &faults);
	faults_clear(&faults);
	return false;
}

static struct upload_limits limits_now(struct app *app)
{
	const struct config *c = app->config;

	return (struct upload_limits){ .max_bytes = c->max_upload_bytes,
				       .min_free = c->min_free_bytes,
				       .quota = c->max_datasets_bytes -
						uploads_bytes(&app->places) };
}

/* false: a body of that length (-1: unknown) behind `there` bytes is too long; rs says so. */
static bool check_room(const struct web_req *rq, struct web_res *rs,
		       const struct upload_limits *limits, int64_t there, int64_t length)
{
	struct errinfo ei;
	enum err e = OK;

	if (length > limits->max_bytes - there)
		e = err_set(&ei, ERR_TOO_LARGE, "the file is larger than %lld bytes",
			    (long long)limits->max_bytes);
	else if (length > limits->quota || limits->quota < 0)
		e = err_set(&ei, ERR_QUOTA, "there is no room for it: delete other data sets");
	if (e != OK)
		web_fail(rq, rs, e, &ei);
	return e == OK;
}

bool datasets_open(struct app *app, const struct web_req *rq, struct web_res *rs, int64_t length,
		   struct upload **out)
{
	struct upload_limits limits = limits_now(app);
	char name[ID_SIZE];
	struct errinfo ei;

	if (!check_name(rq, rs) || !api_accepts_work(app, rq, rs) ||
	    !check_room(rq, rs, &limits, 0, length))
		return false;
	ids_new(UPLOADS_PREFIX, name);
	enum err e = upload_open(places_tmp(&app->places, name), &limits, out, &ei);
	if (e != OK)
		web_fail(rq, rs, e, &ei);
	return e == OK;
}

/* "ds_" and 64 lower-case digits. */
static bool check_id(const struct web_req *rq, struct web_res *rs)
{
	if (places_is_dataset(rq->params[0]))
		return true;
	web_fail(rq, rs, ERR_INVALID,
		 &(struct errinfo){ "the id must be ds_ and the SHA-256 of the file in lower-case "
				    "hexadecimal digits" });
	return false;
}

/* Upload-Offset of the IETF's "Resumable Uploads for HTTP": 0 when it is not given. */
static bool read_offset(const struct web_req *rq, struct web_res *rs, int64_t *out)
{
	const char *text = rq->get_header(rq, "Upload-Offset");
	size_t n = text ? strlen(text) : 0;

	*out = 0;
	if (!text)
		return true;
	if (n > 0 && n <= 18 && strspn(text, "0123456789") == n) {
		*out = atoll(text);
		return true;
	}
	web_problem(rq, rs, 400, "upload_offset", "Upload-Offset must be a number of bytes");
	return false;
}

/* Upload-Complete of the same: whether the file ends with this body. */
static bool read_complete(const struct web_req *rq, struct web_res *rs, bool *out)
{
	const char *text = rq->get_header(rq, "Upload-Complete");

	*out = !text || strcmp(text, "?1") == 0;
	if (*out || strcmp(text, "?0") == 0)
		return true;
	web_problem(rq, rs, 400, "upload_complete", "Upload-Complete must be ?1 or ?0");
	return false;
}

/* The data set is there already: answers with it, whatever the body is. */
static bool is_stored(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct dataset_row row = { 0 };
	struct errinfo ei;
	enum err e = dataset_row_get(app->db, rq->params[0], &row, &ei);

	if (e == OK)
		web_json(rs, 200, dataset_row_json(&row));
	else if (e != ERR_NOT_FOUND)
		web_fail(rq, rs, e, &ei);
	dataset_row_clear(&row);
	return e != ERR_NOT_FOUND;
}

bool datasets_open_part(struct app *app, const struct web_req *rq, struct web_res *rs,
			int64_t length, struct upload **out)
{
	struct errinfo ei;
	int64_t offset, size = 0;
	bool complete;

	if (!check_id(rq, rs) || !check_name(rq, rs) || !read_offset(rq, rs, &offset) ||
	    !read_complete(rq, rs, &complete) || is_stored(app, rq, rs) ||
	    !api_accepts_work(app, rq, rs))
		return false;
	const char *sha256 = rq->params[0] + strlen("ds_");
	struct upload_limits limits = limits_now(app);
	int64_t there = uploads_part_bytes(&app->places, sha256);
	if (offset == 0 && there > 0)
		limits.quota += there; /* what starts over makes its own room */
	if (!check_room(rq, rs, &limits, offset, length))
		return false;
	enum err e = upload_open_part(places_upload(&app->places, sha256), offset, &limits, out,
				      &size, &ei);
	if (e == OK)
		return true;
	web_fail(rq, rs, e, &ei);
	if (e == ERR_CONFLICT)
		web_header_add(rs, "Upload-Offset", "%lld", (long long)size);
	return false;
}

/* Behind the body */

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

/* Also while others are on their way, so that nobody's arrival makes it too much. */
static enum err check_quota(struct app *app, const char *id, struct errinfo *ei)
{
	struct dataset_row row = { 0 };
	enum err e = dataset_row_get(app->db, id, &row, ei);

	dataset_row_clear(&row);
	if (e != ERR_NOT_FOUND)
		return e;
	if (uploads_bytes(&app->places) > app->config->max_datasets_bytes)
		return err_set(ei, ERR_QUOTA, "there is no room for it: delete other data sets");
	return OK;
}

/* File first, row second: a crash in between leaves a file that the same upload finds again. */
static enum err keep(struct app *app, const struct web_upload *up, const struct dataset_row *row,
		     bool *existed, struct errinfo *ei)
{
	char *path = places_dataset(&app->places, row->id + strlen("ds_"));
	enum err e = check_quota(app, row->id, ei);

	if (e == OK && rename(up->path, path) != 0)
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

/* Checks the upload and keeps it. A file that no data set can be made of is no part to go on with.
 */
static void store(struct app *app, const struct web_req *rq, struct web_res *rs, const char *sha256)
{
	const char *name = rq->get_query(rq, "name");
	struct dataset_row row = { .bytes = rq->upload->bytes, .created_ms = clock_now_ms() };
	struct faults faults = { 0 };
	struct errinfo ei = { "" };

	if (!api_accepts_work(app, rq, rs))
		return;
	row.name = name ? mem_strdup(name) : NULL;
	snprintf(row.id, sizeof(row.id), "ds_%s", sha256);
	enum err e = probe(rq->upload, &row, &faults, &ei);
	if (faults_any(&faults)) {
		api_remove_tree(rq, rq->upload->path);
		web_fail_faults(rq, rs, "the data set is not valid", &faults);
	} else if (e != OK) {
		web_fail(rq, rs, e, &ei);
	} else {
		answer_upload(app, rq, rs, &row);
	}
	faults_clear(&faults);
	dataset_row_clear(&row);
}

void datasets_create(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	store(app, rq, rs, rq->upload->sha256);
}

/* OK when the file has the SHA-256 of its id; else it is removed. */
static enum err check_digest(const struct web_req *rq, const char *want, struct errinfo *ei)
{
	char sha256[SHA256_HEX_SIZE];
	enum err e = OK;

	if (*rq->upload->sha256)
		memcpy(sha256, rq->upload->sha256, sizeof(sha256));
	else
		e = hash_file(rq->upload->path, sha256, ei);
	if (e != OK || strcmp(sha256, want) == 0)
		return e;
	api_remove_tree(rq, rq->upload->path);
	return err_set(ei, ERR_INVALID, "the %lld bytes that came have the SHA-256 %s",
		       (long long)rq->upload->bytes, sha256);
}

void datasets_put(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	const char *sha256 = rq->params[0] + strlen("ds_");
	struct errinfo ei;
	bool complete;

	if (!read_complete(rq, rs, &complete))
		return;
	if (!complete) {
		web_header_add(rs, "Upload-Offset", "%lld", (long long)rq->upload->bytes);
		rs->status = 204;
		return;
	}
	enum err e = check_digest(rq, sha256, &ei);
	if (e == OK)
		store(app, rq, rs, sha256);
	else
		web_fail(rq, rs, e, &ei);
}
