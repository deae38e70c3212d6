/* One request on its way in: see exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/mem.h"

#define MAX_TARGET 4095 /* bytes of path and query */
/* A refused body up to this size is read and dropped: the client gets the answer and keeps its
 * connection. Above, the answer comes at once and the connection is closed. */
#define SWALLOW_BYTES (1 << 20)
/* Of a body without a length this much is dropped before the connection is cut: MHD cannot answer
 * in the middle of one. */
#define CUT_BYTES (64 << 20)

/* What handlers see of the query */

static const char *get_query(const struct web_req *rq, const char *name)
{
	const struct exchange *ex = rq->transport;

	return uri_query_get(&ex->query, name);
}

static void each_query(const struct web_req *rq,
		       void (*visit)(void *ctx, const char *name, const char *value), void *ctx)
{
	const struct exchange *ex = rq->transport;

	for (int i = 0; i < ex->query.n; i++)
		visit(ctx, ex->query.params[i].name, ex->query.params[i].value);
}

/* The head */

static void set_request_id(struct exchange *ex)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *given = ex->rq.get_header(&ex->rq, "X-Request-Id");
	size_t n = given ? strlen(given) : 0;

	if (n > 0 && n <= 36 && strspn(given, letters) == n)
		memcpy(ex->rq.request_id, given, n + 1);
	else
		ids_new("req_", ex->rq.request_id);
}

/* Cuts the target into path and query; returns the query, or NULL. The absolute form of RFC 9112
 * loses its authority: no host is trusted here. */
static const char *cut_target(struct exchange *ex)
{
	char *path = ex->target;
	char *query = strchr(path, '?');

	if (query)
		*query++ = '\0';
	if (strncasecmp(path, "http://", 7) == 0 || strncasecmp(path, "https://", 8) == 0)
		path = strchr(strstr(path, "//") + 2, '/');
	ex->rq.path = path ? path : "/";
	return query;
}

static int64_t body_length(const struct exchange *ex)
{
	const char *length = ex->rq.get_header(&ex->rq, "Content-Length");

	if (ex->rq.get_header(&ex->rq, "Transfer-Encoding"))
		return -1;
	return length ? strtoll(length, NULL, 10) : 0;
}

/* Ends the reading of the request with a problem. Returns false. */
static bool refuse(struct exchange *ex, enum err e, const struct errinfo *ei)
{
	web_fail(&ex->rq, &ex->rs, e, ei);
	ex->refused = true;
	return false;
}

static bool check_length(struct exchange *ex)
{
	const struct config *c = ex->app->config;
	bool file = web_takes_file(ex->route, &ex->rq);
	int64_t max = file ? c->max_upload_bytes : c->max_body_bytes;
	struct errinfo ei;

	if (ex->length <= max)
		return true;
	return refuse(
		ex,
		err_set(&ei, ERR_TOO_LARGE, "the body is larger than %lld bytes", (long long)max),
		&ei);
}

static bool open_upload(struct exchange *ex)
{
	const struct config *c = ex->app->config;
	struct upload_limits limits = { c->max_upload_bytes, c->min_free_bytes, INT64_MAX };
	char name[ID_SIZE];
	struct errinfo ei;

	if (!web_takes_file(ex->route, &ex->rq))
		return true;
	if (ex->route->open)
		return ex->route->open(ex->app, &ex->rq, &ex->rs, ex->length, &ex->upload);
	ids_new("up_", name);
	enum err e = upload_open(places_tmp(&ex->app->places, name), &limits, &ex->upload, &ei);
	return e == OK || refuse(ex, e, &ei);
}

/* Whether the end of the body can be found, and found by everybody at the same place (RFC
 * 9112, 6.3). */
static bool check_framing(struct exchange *ex)
{
	const char *coding = ex->rq.get_header(&ex->rq, "Transfer-Encoding");

	if (!coding ||
	    (strcasecmp(coding, "chunked") == 0 && !ex->rq.get_header(&ex->rq, "Content-Length")))
		return true;
	web_problem(&ex->rq, &ex->rs, 400, "framing",
		    "Transfer-Encoding must be chunked, and without Content-Length");
	ex->unframed = true;
	return false;
}

/* All checks that need no body. false: rs holds the problem. */
static bool check_head(struct exchange *ex)
{
	bool too_long = strlen(ex->target) > MAX_TARGET;
	const char *query = cut_target(ex);
	size_t size = strlen(ex->rq.path) + 1;

	if (too_long) {
		web_problem(&ex->rq, &ex->rs, 414, "uri_too_long",
			    "path and query are longer than %d bytes", MAX_TARGET);
		return false;
	}
	if (!uri_query_read(query, &ex->query)) {
		web_problem(
			&ex->rq, &ex->rs, 400, "query",
			"the query is not percent-encoded UTF-8, or has more than %d parameters",
			URI_MAX_PARAMS);
		return false;
	}
	ex->scratch = mem_alloc(size);
	return check_framing(ex) &&
	       web_check(ex->app, &ex->rq, &ex->rs, ex->scratch, size, &ex->route) &&
	       check_length(ex) && open_upload(ex);
}

bool exchange_begin(struct exchange *ex, const char *method)
{
	snprintf(ex->method, sizeof(ex->method), "%s", method);
	ex->rq.method = ex->method;
	ex->rq.get_query = get_query;
	ex->rq.each_query = each_query;
	set_request_id(ex);
	ex->length = body_length(ex);
	ex->refused = !check_head(ex);
	return ex->refused && ex->length != 0 &&
	       (ex->unframed || ex->length > SWALLOW_BYTES || ex->rq.get_header(&ex->rq, "Expect"));
}

/* The body */

static enum err keep(struct exchange *ex, const char *data, size_t n, struct errinfo *ei)
{
	int64_t max = ex->app->config->max_body_bytes;

	if (ex->upload)
		return upload_write(ex->upload, data, n, ei);
	if ((int64_t)n > max - (int64_t)ex->body.len)
		return err_set(ei, ERR_TOO_LARGE, "the body is larger than %lld bytes",
			       (long long)max);
	buf_append(&ex->body, data, n);
	return OK;
}

bool exchange_take(struct exchange *ex, const char *data, size_t n)
{
	struct errinfo ei;

	if (!ex->refused) {
		enum err e = keep(ex, data, n, &ei);
		if (e == OK)
			return true;
		refuse(ex, e, &ei);
		buf_clear(&ex->body);
	}
	ex->dropped += (int64_t)n;
	if (ex->length >= 0 || ex->dropped <= CUT_BYTES)
		return true;
	log_debug("http_cut", "request_id=%s dropped=%lld", ex->rq.request_id,
		  (long long)ex->dropped);
	return false;
}

bool exchange_whole(struct exchange *ex)
{
	struct errinfo ei;

	if (ex->refused)
		return false;
	if (ex->upload) {
		enum err e = upload_finish(ex->upload, &ex->rq.upload, &ei);
		return e == OK || refuse(ex, e, &ei);
	}
	ex->rq.body = ex->body.data ? ex->body.data : "";
	ex->rq.body_len = ex->body.len;
	return true;
}

void exchange_close(struct exchange *ex)
{
	upload_free(ex->upload);
	ex->upload = NULL;
	ex->rq.upload = NULL;
}

void exchange_init(struct exchange *ex, struct app *app, const char *target)
{
	*ex = (struct exchange){ .app = app, .target = mem_strdup(target) };
}

void exchange_clear(struct exchange *ex)
{
	web_res_clear(&ex->rs);
	exchange_close(ex);
	uri_query_clear(&ex->query);
	buf_clear(&ex->body);
	free(ex->scratch);
	free(ex->target);
}
