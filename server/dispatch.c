/* From a request to its handler: routes, checks, tickets and the small helpers of responses. Knows
 * no socket; the transport (http_visit.c) and the unit tests call it the same way. */
#include "web.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app.h"
#include "keys.h"
#include "uri.h"

#define MAX_PATH  4096
#define MAX_ALLOW 64

/* Routes */

struct segment {
	const char *text;
	size_t len;
};

/* The part of *path up to the next slash; moves *path behind it. false: the path ended before. */
static bool next_segment(const char **path, struct segment *out)
{
	if (**path != '/')
		return false;
	const char *end = strchrnul(*path + 1, '/');
	*out = (struct segment){ *path + 1, (size_t)(end - *path - 1) };
	*path = end;
	return true;
}

/* Whether pattern and path agree. Parameters are decoded into scratch, one behind the other. */
static bool match_path(const char *pattern, const char *path, char *scratch, const char **params)
{
	struct segment want, have;
	int n = 0;

	while (next_segment(&pattern, &want)) {
		if (!next_segment(&path, &have))
			return false;
		long len = uri_decode(have.text, have.len, false, scratch);
		if (want.len && want.text[0] == ':') {
			if (len == 0)
				return false;
			params[n++] = scratch;
			scratch += len + 1;
		} else if ((size_t)len != want.len || memcmp(scratch, want.text, want.len) != 0) {
			return false;
		}
	}
	return *path == '\0';
}

static bool method_fits(const char *route, const char *method)
{
	return strcmp(route, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route, "GET") == 0);
}

static void allow_add(char *allow, size_t size, const char *method)
{
	size_t n = strlen(allow);
	const char *head = strcmp(method, "GET") == 0 ? ", HEAD" : "";

	snprintf(allow + n, size - n, "%s%s%s", n ? ", " : "", method, head);
}

enum err web_match(const char *method, const char *path, char *scratch, size_t size,
		   const struct web_route **route, const char **params, char *allow,
		   size_t allow_size)
{
	size_t n = strlen(path);

	BUG_ON(n >= size);
	allow[0] = '\0';
	if (uri_decode(path, n, false, scratch) < 0)
		return ERR_SYNTAX;
	for (*route = web_routes; (*route)->method; (*route)++) {
		if (!match_path((*route)->path, path, scratch, params))
			continue;
		if (method_fits((*route)->method, method))
			return OK;
		allow_add(allow, allow_size, (*route)->method);
	}
	*route = NULL;
	return allow[0] ? ERR_UNSUPPORTED : ERR_NOT_FOUND;
}

/* Checks */

static const char *header(const struct web_req *rq, const char *name)
{
	return rq->get_header ? rq->get_header(rq, name) : NULL;
}

static bool check_key(struct app *app, struct web_req *rq, struct web_res *rs)
{
	if (!app->keys ||
	    keys_check(app->keys, header(rq, "Authorization"), header(rq, "X-API-Key")))
		return true;
	web_problem(
		rq, rs, 401, "unauthorized",
		"this server asks for an API key: Authorization: Bearer KEY, or X-API-Key: KEY");
	return false;
}

static bool check_found(const struct web_req *rq, struct web_res *rs, enum err found,
			const char *allow)
{
	if (found == OK)
		return true;
	if (found == ERR_SYNTAX) {
		web_problem(rq, rs, 400, "path", "the path is not percent-encoded UTF-8");
	} else if (found == ERR_NOT_FOUND) {
		web_problem(rq, rs, 404, "no_route", "there is nothing at this path");
	} else {
		web_problem(rq, rs, 405, "method_not_allowed", "this path knows %s", allow);
		web_header_add(rs, "Allow", "%s", allow);
	}
	return false;
}

bool web_has_type(const struct web_req *rq, const char *type)
{
	const char *value = header(rq, "Content-Type");
	size_t n = strlen(type);

	if (!value)
		return false;
	value += strspn(value, " \t");
	return strncasecmp(value, type, n) == 0 && strchr("; \t", value[n]);
}

bool web_takes_file(const struct web_route *route, const struct web_req *rq)
{
	return route->upload && !(route->json && web_has_type(rq, "application/json"));
}

static bool check_type(const struct web_req *rq, struct web_res *rs, const struct web_route *route)
{
	if (route->json && !route->upload && !web_has_type(rq, "application/json")) {
		web_problem(rq, rs, 415, "unsupported",
			    "the body must be JSON, with Content-Type: application/json");
		return false;
	}
	if (route->upload && web_has_type(rq, "multipart/form-data")) {
		web_problem(
			rq, rs, 415, "unsupported",
			"send the file itself as the body, not a form (curl --data-binary @FILE)");
		return false;
	}
	return true;
}

#define MAX_QUERY_NAMES 8

struct query_check {
	struct field known[MAX_QUERY_NAMES + 1]; /* as a table of fields, for the nearest name */
	bool seen[MAX_QUERY_NAMES];
	struct faults faults;
};

static void visit_query(void *ctx, const char *name, const char *value)
{
	char pointer[FIELDS_POINTER_SIZE];
	struct query_check *check = ctx;
	const struct field *row = fields_find(check->known, name);

	(void)value;
	fields_pointer("?", name, pointer);
	if (row) {
		if (check->seen[row - check->known])
			faults_add(&check->faults, pointer, "is given twice");
		check->seen[row - check->known] = true;
		return;
	}
	const char *near = fields_nearest(check->known, name);
	if (near)
		faults_add(&check->faults, pointer, "unknown query parameter; did you mean \"%s\"?",
			   near);
	else
		faults_add(&check->faults, pointer, "unknown query parameter");
}

static bool check_query(const struct web_req *rq, struct web_res *rs, const struct web_route *route)
{
	struct query_check check = { 0 };

	if (!rq->each_query)
		return true;
	for (int i = 0; route->query && route->query[i]; i++) {
		BUG_ON(i == MAX_QUERY_NAMES);
		check.known[i].name = route->query[i];
	}
	rq->each_query(rq, visit_query, &check);
	bool ok = !faults_any(&check.faults);
	if (!ok)
		web_fail_faults(rq, rs, "the query is not valid", &check.faults);
	faults_clear(&check.faults);
	return ok;
}

bool web_check(struct app *app, struct web_req *rq, struct web_res *rs, char *scratch, size_t size,
	       const struct web_route **route)
{
	char allow[MAX_ALLOW];
	enum err found = web_match(rq->method, rq->path, scratch, size, route, rq->params, allow,
				   sizeof(allow));

	/* Without a key only the open routes are told from what does not exist. */
	if ((found != OK || (*route)->scope != SCOPE_NONE) && !check_key(app, rq, rs))
		return false;
	return check_found(rq, rs, found, allow) && check_type(rq, rs, *route) &&
	       check_query(rq, rs, *route);
}

void web_run(struct app *app, const struct web_route *route, const struct web_req *rq,
	     struct web_res *rs)
{
	rs->rq = rq;
	route->handler(app, rq, rs);
	BUG_ON(!rs->status && !rs->later);
}

void web_dispatch(struct app *app, struct web_req *rq, struct web_res *rs)
{
	const struct web_route *route;
	char scratch[MAX_PATH];

	if (strlen(rq->path) >= sizeof(scratch))
		web_problem(rq, rs, 414, "uri_too_long", "the path is too long");
	else if (web_check(app, rq, rs, scratch, sizeof(scratch), &route))
		web_run(app, route, rq, rs);
}

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
};

static void waiter_done(void *ctx)
{
	struct waiter *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

void web_dispatch_wait(struct app *app, struct web_req *rq, struct web_res *rs)
{
	struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };

	web_dispatch(app, rq, rs);
	if (!rs->later)
		return;
	struct web_later *later = rs->later;
	if (web_later_watch(later, waiter_done, &w)) {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.cond, &w.lock);
		pthread_mutex_unlock(&w.lock);
	}
	web_later_take(later, rs);
}
