/* Routes, checks and tickets, with a table of routes of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app.h"
#include "base/mem.h"
#include "keys.h"
#include "uri.h"
#include "web.h"

#define KEY "0123456789abcdef"

/* Answers with its parameters, so that a test sees what arrived. */
static void echo(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	(void)app;
	web_json(rs, 200,
		 json_pack("{s:s?, s:s?}", "a", rq->params[0] ? rq->params[0] : NULL, "b",
			   rq->params[1] ? rq->params[1] : NULL));
}

static void *finish_later(void *ctx)
{
	struct web_later *l = ctx;

	usleep(20000);
	web_json(web_later_res(l), 200, json_pack("{s:s}", "id", web_later_req(l)->request_id));
	web_later_finish(l);
	return NULL;
}

static void later(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	pthread_t thread;

	(void)app;
	(void)rq;
	pthread_create(&thread, NULL, finish_later, web_later_start(rs));
	pthread_detach(thread);
}

static void later_refused(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct web_later *l = web_later_start(rs);

	(void)app;
	web_fail(rq, web_later_res(l), ERR_BUSY, &(struct errinfo){ "full" });
	web_later_finish(l);
}

static const char *const page[] = { "after", "limit", NULL };

const struct web_route web_routes[] = {
	{ "GET", "/", echo, SCOPE_NONE, .where = ON_HTTP },
	{ "GET", "/open", echo, SCOPE_NONE, .where = ON_HTTP },
	{ "GET", "/jobs", echo, SCOPE_READ, .query = page },
	{ "POST", "/jobs", echo, SCOPE_TRAIN, .json = true },
	{ "GET", "/jobs/:id", echo, SCOPE_READ, .where = ON_HTTP },
	{ "DELETE", "/jobs/:id", echo, SCOPE_TRAIN, .where = ON_HTTP },
	{ "GET", "/jobs/:id/metrics/:name", echo, SCOPE_READ, .where = ON_HTTP },
	{ "POST", "/files", echo, SCOPE_TRAIN, .upload = true },
	{ "POST", "/later", later, SCOPE_SERVE, .where = ON_HTTP },
	{ "POST", "/full", later_refused, SCOPE_SERVE, .where = ON_HTTP },
	{ .method = NULL },
};

/* A request in memory: headers is "Name: value\n…". */
struct fake {
	struct web_req rq;
	struct uri_query query;
	const char *headers;
	char value[256];
};

static const char *fake_query(const struct web_req *rq, const char *name)
{
	return uri_query_get(&((const struct fake *)rq->transport)->query, name);
}

static const char *fake_header(const struct web_req *rq, const char *name)
{
	struct fake *f = (struct fake *)rq->transport;
	size_t n = strlen(name);

	for (const char *line = f->headers; line && *line; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, name, n) != 0 || line[n] != ':')
			continue;
		snprintf(f->value, sizeof(f->value), "%.*s", (int)strcspn(line + n + 2, "\n"),
			 line + n + 2);
		return f->value;
	}
	return NULL;
}

static void fake_each(const struct web_req *rq,
		      void (*visit)(void *ctx, const char *name, const char *value), void *ctx)
{
	const struct fake *f = rq->transport;

	for (int i = 0; i < f->query.n; i++)
		visit(ctx, f->query.params[i].name, f->query.params[i].value);
}

static struct app app;

static struct web_res send_to(const char *method, const char *path, const char *query,
			      const char *headers)
{
	struct fake f = { .headers = headers };
	struct web_res rs = { 0 };

	f.rq = (struct web_req){ .method = method,
				 .path = path,
				 .request_id = "r1",
				 .get_query = fake_query,
				 .get_header = fake_header,
				 .each_query = fake_each,
				 .transport = &f };
	assert_true(uri_query_read(query, &f.query));
	web_dispatch_wait(&app, &f.rq, &rs);
	uri_query_clear(&f.query);
	return rs;
}

static int status_of(const char *method, const char *path, const char *query, const char *headers)
{
	struct web_res rs = send_to(method, path, query, headers);
	int status = rs.status;

	web_res_clear(&rs);
	return status;
}

static void routes_are_found_by_method_and_path(void **state)
{
	static const struct {
		const char *method, *path;
		enum err e;
		const char *pattern, *allow;
	} cases[] = {
		{ "GET", "/", OK, "/", "" },
		{ "GET", "/jobs", OK, "/jobs", "" },
		{ "HEAD", "/jobs", OK, "/jobs", "" },
		{ "GET", "/jobs/1", OK, "/jobs/:id", "" },
		{ "DELETE", "/jobs/1", OK, "/jobs/:id", "GET, HEAD" },
		{ "GET", "/%6aobs", OK, "/jobs", "" },
		{ "PUT", "/jobs", ERR_UNSUPPORTED, NULL, "GET, HEAD, POST" },
		{ "get", "/jobs", ERR_UNSUPPORTED, NULL, "GET, HEAD, POST" },
		{ "HEAD", "/later", ERR_UNSUPPORTED, NULL, "POST" },
		{ "GET", "/jobs/", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "/jobs//metrics/x", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "/job", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "/jobs/1/x", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "//", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "jobs", ERR_NOT_FOUND, NULL, "" },
		{ "OPTIONS", "*", ERR_NOT_FOUND, NULL, "" },
		{ "GET", "/jobs/%", ERR_SYNTAX, NULL, "" },
		{ "GET", "/jobs/%zz", ERR_SYNTAX, NULL, "" },
		{ "GET", "/jobs/%4", ERR_SYNTAX, NULL, "" },
		{ "GET", "/jobs/a%00b", ERR_SYNTAX, NULL, "" },
		{ "GET", "/jobs/%ff", ERR_SYNTAX, NULL, "" },
		{ "GET", "/jobs/%c0%af", ERR_SYNTAX, NULL, "" },
	};
	const char *params[WEB_MAX_PARAMS];
	const struct web_route *route;
	char scratch[64], allow[64];
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum err e = web_match(cases[i].method, cases[i].path, scratch, sizeof(scratch),
				       &route, params, allow, sizeof(allow));
		assert_int_equal(e, cases[i].e);
		assert_string_equal(allow, cases[i].allow);
		if (e == OK)
			assert_string_equal(route->path, cases[i].pattern);
		else
			assert_null(route);
	}
}

static void parameters_are_decoded_after_the_path_was_cut(void **state)
{
	struct web_res rs = send_to("GET", "/jobs/a%2Fb%20%C3%A9/metrics/x+y", NULL, NULL);
	(void)state;

	assert_int_equal(rs.status, 200);
	assert_string_equal(rs.body.data, "{\"a\":\"a/b \xc3\xa9\",\"b\":\"x+y\"}\n");
	web_res_clear(&rs);
}

static void wrong_method_names_the_right_ones(void **state)
{
	struct web_res rs = send_to("PATCH", "/jobs", NULL, NULL);
	(void)state;

	assert_int_equal(rs.status, 405);
	assert_string_equal(rs.headers[0].name, "Allow");
	assert_string_equal(rs.headers[0].value, "GET, HEAD, POST");
	web_res_clear(&rs);
}

static void content_type_must_be_json_where_json_is_read(void **state)
{
	static const struct {
		const char *headers;
		int status;
	} cases[] = {
		{ "Content-Type: application/json\n", 200 },
		{ "content-type: Application/JSON; charset=utf-8\n", 200 },
		{ "Content-Type: application/json;charset=UTF-8\n", 200 },
		{ "Content-Type: application/jsonx\n", 415 },
		{ "Content-Type: text/plain\n", 415 },
		{ "Content-Type: \n", 415 },
		{ NULL, 415 },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(status_of("POST", "/jobs", NULL, cases[i].headers),
				 cases[i].status);
}

static void forms_are_refused_for_uploads(void **state)
{
	(void)state;

	assert_int_equal(status_of("POST", "/files", NULL,
				   "Content-Type: multipart/form-data; boundary=x\n"),
			 415);
	assert_int_equal(status_of("POST", "/files", NULL, "Content-Type: text/csv\n"), 200);
}

static void query_parameters_are_known_or_named(void **state)
{
	static const struct {
		const char *query;
		int status;
		const char *words;
	} cases[] = {
		{ "limit=1&after=x", 200, "" },
		{ "", 200, "" },
		{ "limt=1", 422, "did you mean \\\"limit\\\"?" },
		{ "zzzzzzzzzz=1", 422, "?/zzzzzzzzzz" },
		{ "limit=1&limit=2", 422, "is given twice" },
		{ "=1", 422, "unknown query parameter" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_res rs = send_to("GET", "/jobs", cases[i].query, NULL);
		assert_int_equal(rs.status, cases[i].status);
		assert_non_null(strstr(rs.body.data, cases[i].words));
		web_res_clear(&rs);
	}
	assert_int_equal(status_of("GET", "/open", "x=1", NULL), 422);
}

static void queries_are_decoded_or_refused(void **state)
{
	struct uri_query q;
	(void)state;

	assert_true(uri_query_read("a=1+2%2B&&b&c=&%C3%A9=x%3D=y", &q));
	assert_int_equal(q.n, 4);
	assert_string_equal(uri_query_get(&q, "a"), "1 2+");
	assert_string_equal(uri_query_get(&q, "b"), "");
	assert_string_equal(uri_query_get(&q, "c"), "");
	assert_string_equal(uri_query_get(&q, "\xc3\xa9"), "x==y");
	assert_null(uri_query_get(&q, "d"));
	uri_query_clear(&q);
	assert_false(uri_query_read("a=%", &q));
	assert_false(uri_query_read("%00=1", &q));
	assert_false(uri_query_read("a=%ff", &q));
}

static void too_many_query_parameters_are_refused(void **state)
{
	char text[URI_MAX_PARAMS * 4 + 8] = "";
	struct uri_query q;
	(void)state;

	for (int i = 0; i < URI_MAX_PARAMS; i++)
		strcat(text, "a=1&");
	assert_true(uri_query_read(text, &q));
	uri_query_clear(&q);
	strcat(text, "a=1");
	assert_false(uri_query_read(text, &q));
}

static void keys_are_asked_for_but_on_open_routes(void **state)
{
	char path[] = "/tmp/bertd-keys-XXXXXX";
	struct errinfo ei;
	struct keys *keys;
	(void)state;

	dprintf(mkstemp(path), "me:" KEY "\n");
	assert_int_equal(keys_load(path, &keys, &ei), OK);
	app.keys = keys;
	unlink(path);
	assert_int_equal(status_of("GET", "/open", NULL, NULL), 200);
	assert_int_equal(status_of("GET", "/jobs", NULL, NULL), 401);
	assert_int_equal(status_of("GET", "/jobs", NULL, "Authorization: Bearer " KEY "\n"), 200);
	assert_int_equal(status_of("GET", "/jobs", NULL, "X-API-Key: " KEY "\n"), 200);
	assert_int_equal(status_of("GET", "/jobs", NULL, "X-API-Key: wrong\n"), 401);
	/* What exists is not told to strangers. */
	assert_int_equal(status_of("GET", "/nothing", NULL, NULL), 401);
	assert_int_equal(status_of("PUT", "/jobs", NULL, NULL), 401);
	assert_int_equal(status_of("GET", "/nothing", NULL, "X-API-Key: " KEY "\n"), 404);
	app.keys = NULL;
	keys_free(keys);
}

static void ticket_is_waited_for(void **state)
{
	struct web_res rs = send_to("POST", "/later", NULL, NULL);
	(void)state;

	assert_int_equal(rs.status, 200);
	assert_string_equal(rs.body.data, "{\"id\":\"r1\"}\n");
	web_res_clear(&rs);
}

static void ticket_may_be_finished_before_the_handler_returns(void **state)
{
	struct web_res rs = send_to("POST", "/full", NULL, NULL);
	(void)state;

	assert_int_equal(rs.status, 503);
	assert_string_equal(rs.headers[0].name, "Retry-After");
	web_res_clear(&rs);
}

static void overlong_path_is_414(void **state)
{
	char path[5000];
	(void)state;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(status_of("GET", path, NULL, NULL), 414);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_are_found_by_method_and_path),
		cmocka_unit_test(parameters_are_decoded_after_the_path_was_cut),
		cmocka_unit_test(wrong_method_names_the_right_ones),
		cmocka_unit_test(content_type_must_be_json_where_json_is_read),
		cmocka_unit_test(forms_are_refused_for_uploads),
		cmocka_unit_test(query_parameters_are_known_or_named),
		cmocka_unit_test(queries_are_decoded_or_refused),
		cmocka_unit_test(too_many_query_parameters_are_refused),
		cmocka_unit_test(keys_are_asked_for_but_on_open_routes),
		cmocka_unit_test(ticket_is_waited_for),
		cmocka_unit_test(ticket_may_be_finished_before_the_handler_returns),
		cmocka_unit_test(overlong_path_is_414),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
