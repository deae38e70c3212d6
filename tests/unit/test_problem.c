/* Errors as problem+json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "web.h"

static const struct web_req rq = { .method = "GET", .path = "/", .request_id = "req-1" };

static json_t *body_of(struct web_res *rs)
{
	struct errinfo ei;
	json_t *body;

	assert_int_equal(json_parse(rs->body.data, rs->body.len, &body, &ei), OK);
	web_res_clear(rs);
	return body;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static const char *header(const struct web_res *rs, const char *name)
{
	for (int i = 0; i < rs->n_headers; i++)
		if (strcmp(rs->headers[i].name, name) == 0)
			return rs->headers[i].value;
	return NULL;
}

static void every_error_has_its_status(void **state)
{
	static const struct {
		enum err e;
		int status;
		const char *code;
	} cases[] = {
		{ ERR_SYNTAX, 400, "syntax" },	     { ERR_INVALID, 422, "invalid" },
		{ ERR_NOT_FOUND, 404, "not_found" }, { ERR_CONFLICT, 409, "conflict" },
		{ ERR_TOO_LARGE, 413, "too_large" }, { ERR_UNSUPPORTED, 415, "unsupported" },
		{ ERR_BUSY, 503, "busy" },	     { ERR_CANCELLED, 500, "internal" },
		{ ERR_DB, 500, "internal" },	     { ERR_IO, 500, "internal" },
		{ ERR_DISK_FULL, 507, "disk_full" }, { ERR_QUOTA, 507, "quota" },
		{ ERR_MODEL, 500, "internal" },	     { ERR_NETWORK, 502, "network" },
		{ ERR_DENIED, 403, "denied" },	     { ERR_ABSENT, 503, "absent" },
		{ ERR_DEVICE, 500, "internal" },     { ERR_DEVICE_MEMORY, 503, "device_memory" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct web_res rs = { 0 };
		web_fail(&rq, &rs, cases[i].e, &(struct errinfo){ "words" });
		assert_int_equal(rs.status, cases[i].status);
		assert_string_equal(rs.content_type, "application/problem+json");
		assert_int_equal(header(&rs, "Retry-After") != NULL, cases[i].status == 503);
		json_t *body = body_of(&rs);
		assert_string_equal(text(body, "code"), cases[i].code);
		assert_int_equal(json_integer_value(json_object_get(body, "status")),
				 cases[i].status);
		json_decref(body);
	}
}

static void internal_words_stay_out_of_the_body(void **state)
{
	static const enum err internal[] = { ERR_DB, ERR_IO, ERR_MODEL, ERR_DEVICE, ERR_DISK_FULL };
	(void)state;

	for (size_t i = 0; i < sizeof(internal) / sizeof(internal[0]); i++) {
		struct web_res rs = { 0 };
		web_fail(&rq, &rs, internal[i], &(struct errinfo){ "SELECT secret /data/x" });
		assert_null(strstr(rs.body.data, "secret"));
		assert_null(strstr(rs.body.data, "/data/x"));
		assert_non_null(strstr(rs.body.data, "req-1"));
		web_res_clear(&rs);
	}
}

static void problem_holds_the_members_of_both_worlds(void **state)
{
	struct web_res rs = { 0 };
	(void)state;

	web_fail(&rq, &rs, ERR_NOT_FOUND, &(struct errinfo){ "no job \"x\"" });
	json_t *body = body_of(&rs);
	assert_string_equal(text(body, "type"), "urn:bertd:problem:not_found");
	assert_string_equal(text(body, "title"), "Not Found");
	assert_string_equal(text(body, "detail"), "no job \"x\"");
	assert_string_equal(text(body, "request_id"), "req-1");
	json_t *error = json_object_get(body, "error");
	assert_string_equal(text(error, "message"), "no job \"x\"");
	assert_string_equal(text(error, "type"), "not_found_error");
	assert_string_equal(text(error, "code"), "not_found");
	assert_true(json_is_null(json_object_get(error, "param")));
	json_decref(body);
}

static void faults_are_listed_and_the_first_names_the_param(void **state)
{
	struct faults faults = { 0 };
	struct web_res rs = { 0 };
	(void)state;

	faults_add(&faults, "#/args/seed", "must be a whole number");
	faults_add(&faults, "#/model", "is required");
	web_fail_faults(&rq, &rs, "the request is not valid", &faults);
	faults_clear(&faults);
	assert_int_equal(rs.status, 422);
	json_t *body = body_of(&rs);
	json_t *errors = json_object_get(body, "errors");
	assert_int_equal(json_array_size(errors), 2);
	assert_string_equal(text(json_array_get(errors, 1), "pointer"), "#/model");
	assert_string_equal(text(json_object_get(body, "error"), "param"), "args.seed");
	json_decref(body);
}

static void problem_replaces_what_the_handler_had_begun(void **state)
{
	struct web_res rs = { 0 };
	(void)state;

	web_header_add(&rs, "Location", "/jobs/1");
	web_json(&rs, 201, json_pack("{s:i}", "half", 1));
	web_problem(&rq, &rs, 401, "unauthorized", "key %s", "missing");
	assert_int_equal(rs.status, 401);
	assert_null(header(&rs, "Location"));
	assert_string_equal(header(&rs, "WWW-Authenticate"), "Bearer");
	assert_null(strstr(rs.body.data, "half"));
	assert_non_null(strstr(rs.body.data, "key missing"));
	web_res_clear(&rs);
}

static void words_that_are_not_utf8_still_make_json(void **state)
{
	struct web_res rs = { 0 };
	(void)state;

	web_fail(&rq, &rs, ERR_INVALID, &(struct errinfo){ "name \xff\xfe here" });
	json_t *body = body_of(&rs);
	assert_string_equal(text(body, "detail"), "name ?? here");
	json_decref(body);
}

static void header_of_the_same_name_is_replaced(void **state)
{
	struct web_res rs = { 0 };
	(void)state;

	web_problem(&rq, &rs, 503, "draining", "stopping");
	web_header_add(&rs, "Retry-After", "%d", 30);
	assert_int_equal(rs.n_headers, 1);
	assert_string_equal(header(&rs, "Retry-After"), "30");
	web_res_clear(&rs);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_status),
		cmocka_unit_test(internal_words_stay_out_of_the_body),
		cmocka_unit_test(problem_holds_the_members_of_both_worlds),
		cmocka_unit_test(faults_are_listed_and_the_first_names_the_param),
		cmocka_unit_test(problem_replaces_what_the_handler_had_begun),
		cmocka_unit_test(words_that_are_not_utf8_still_make_json),
		cmocka_unit_test(header_of_the_same_name_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
