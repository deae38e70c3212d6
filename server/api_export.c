/* GET /models/{id}/export: a model as a tar archive, whole or in part.
 *
 * The archive's bytes and digest are known before the first is sent, so that a download that broke
 * goes on with Range and If-Range. Its files are open while it is sent: each read is one from the
 * page cache or the disk, never a wait for anybody else. */
#include "api.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/mem.h"
#include "jobs/export.h"
#include "range.h"

#define EXPORTS_MAX 64 /* at once: each holds the descriptors of its files */

static atomic_int n_open;

struct export_stream {
	struct web_stream base;
	struct export export;
	int64_t at, end; /* in the archive */
};

static ssize_t stream_read(struct web_stream *base, char *out, size_t max)
{
	struct export_stream *st = (struct export_stream *)base;

	if ((int64_t)max > st->end - st->at)
		max = (size_t)(st->end - st->at);
	ssize_t n = max ? tar_read(st->export.tar, st->at, out, max) : -1;
	if (n > 0)
		st->at += n;
	return n > 0 ? n : -1;
}

static void stream_close(struct web_stream *base)
{
	struct export_stream *st = (struct export_stream *)base;

	export_close(&st->export);
	atomic_fetch_sub(&n_open, 1);
	free(st);
}

/* Takes the export; sends the bytes [first, last]. */
static void send_bytes(struct web_res *rs, struct export *x, int64_t first, int64_t last)
{
	struct export_stream *st = mem_zalloc(1, sizeof(*st));

	st->base.read = stream_read;
	st->base.close = stream_close;
	st->base.length = last + 1 - first;
	st->export = *x;
	st->at = first;
	st->end = last + 1;
	rs->stream = &st->base;
	rs->content_type = "application/x-tar";
	web_header_add(rs, "Content-Disposition", "attachment; filename=\"%s.tar\"", x->name);
}

/* Fills rs. Whether it took the export. */
static bool answer(const struct web_req *rq, struct web_res *rs, struct export *x)
{
	int64_t bytes = tar_bytes(x->tar), first = 0, last = bytes - 1;
	char etag[SHA256_HEX_SIZE + 2];
	enum range range = RANGE_ALL;

	snprintf(etag, sizeof(etag), "\"%s\"", x->sha256);
	web_header_add(rs, "ETag", "%s", etag);
	web_header_add(rs, "Accept-Ranges", "bytes");
	web_header_add(rs, "Cache-Control", "no-cache");
	if (range_none_match(rq->get_header(rq, "If-None-Match"), etag)) {
		rs->status = 304;
		return false;
	}
	if (strcmp(rq->method, "GET") == 0 && range_if_range(rq->get_header(rq, "If-Range"), etag))
		range = range_read(rq->get_header(rq, "Range"), bytes, &first, &last);
	if (range == RANGE_NONE) {
		web_problem(rq, rs, 416, "range", "the archive has %lld bytes", (long long)bytes);
		web_header_add(rs, "Content-Range", "bytes */%lld", (long long)bytes);
		return false;
	}
	if (range == RANGE_PART)
		web_header_add(rs, "Content-Range", "bytes %lld-%lld/%lld", (long long)first,
			       (long long)last, (long long)bytes);
	else
		first = 0, last = bytes - 1;
	rs->status = range == RANGE_PART ? 206 : 200;
	send_bytes(rs, x, first, last);
	return true;
}

void models_export(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct export x;
	struct errinfo ei;
	bool taken = false;

	if (atomic_fetch_add(&n_open, 1) >= EXPORTS_MAX) {
		web_problem(rq, rs, 503, "too_many_exports",
			    "as many exports are under way as the server allows");
		web_header_add(rs, "Retry-After", "5");
	} else {
		enum err e = export_open(&app->places, app->db, rq->params[0], &x, &ei);
		if (e != OK)
			web_fail(rq, rs, e, &ei);
		else
			taken = answer(rq, rs, &x);
		if (e == OK && !taken)
			export_close(&x);
	}
	if (!taken)
		atomic_fetch_sub(&n_open, 1);
}
