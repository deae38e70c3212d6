/* Probes, Prometheus metrics and the contract, through the real table of routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "prometheus.h"
#include "web.h"

static char cpu[] = "cpu";
static struct config config = { .device = cpu };
static struct app app;

static int open_app(void **state)
{
	struct errinfo ei;

	(void)state;
	app = (struct app){ .config = &config, .places.data_dir = "/tmp", .started_ms = 5500 };
	snprintf(app.device.name, sizeof(app.device.name), "odd \"name\" \\ here");
	config.min_free_bytes = 0;
	app.hub = hub_new();
	assert_int_equal(db_open(":memory:", &app.db, &ei), OK);
	return 0;
}

static int close_app(void **state)
{
	(void)state;
	db_close(app.db);
	hub_free(app.hub);
	return 0;
}

static struct web_res get(const char *path)
{
	struct web_req rq = { .method = "GET", .path = path, .request_id = "r" };
	struct web_res rs = { 0 };

	web_dispatch(&app, &rq, &rs);
	return rs;
}

static bool holds(const struct web_res *rs, const char *text)
{
	return strstr(rs->body.data, text) != NULL;
}

static void livez_is_200_whatever_happens(void **state)
{
	(void)state;

	atomic_store(&app.draining, true);
	struct web_res rs = get("/livez");
	assert_int_equal(rs.status, 200);
	assert_string_equal(rs.body.data, "{\"status\":\"ok\"}\n");
	web_res_clear(&rs);
}

static void readyz_names_what_is_wrong(void **state)
{
	(void)state;

	atomic_store(&app.draining, true);
	config.min_free_bytes = INT64_MAX;
	struct web_res rs = get("/readyz");
	assert_int_equal(rs.status, 503);
	assert_string_equal(rs.headers[0].name, "Retry-After");
	assert_true(holds(&rs, "\"status\":\"unavailable\""));
	assert_true(holds(&rs, "\"draining\":\"the server is stopping\""));
	assert_true(holds(&rs, "\"database\":\"ok\""));
	assert_true(holds(&rs, "\"disk\":\"less than min_free_bytes"));
	assert_true(holds(&rs, "\"worker\":\"the worker thread"));
	web_res_clear(&rs);
}

static void contract_and_front_page_are_served(void **state)
{
	struct web_res rs = get("/openapi.yaml");
	(void)state;

	assert_int_equal(rs.status, 200);
	assert_memory_equal(rs.body.data, "openapi: 3.1", 12);
	web_res_clear(&rs);
	rs = get("/");
	assert_int_equal(rs.status, 200);
	assert_true(holds(&rs, "\"contract\":\"/openapi.yaml\""));
	web_res_clear(&rs);
}

static void metrics_show_process_jobs_and_escaped_labels(void **state)
{
	struct web_res rs = get("/metrics");
	(void)state;

	assert_int_equal(rs.status, 200);
	assert_string_equal(rs.content_type, "text/plain; version=0.0.4; charset=utf-8");
	assert_true(holds(&rs, "device=\"odd \\\"name\\\" \\\\ here\"} 1\n"));
	assert_true(holds(&rs, "\nprocess_start_time_seconds 5.5\n"));
	assert_true(holds(&rs, "\nbertd_jobs{state=\"queued\"} 0\n"));
	assert_true(holds(&rs, "\nbertd_streams 0\n"));
	web_res_clear(&rs);
}

/* Routes are counted for the life of the process: a row that nothing else in this file uses. */
static const struct web_route *classify_route(void)
{
	const struct web_route *r = web_routes;

	while (strcmp(r->path, "/classify") != 0)
		r++;
	return r;
}

static void requests_are_counted_by_route_code_and_cumulative_bucket(void **state)
{
	(void)state;

	prometheus_observe(classify_route(), 200, 0.0005);
	prometheus_observe(classify_route(), 200, 0.02);
	prometheus_observe(classify_route(), 418, 100);
	prometheus_observe(NULL, 404, 0.001);
	struct web_res rs = get("/metrics");
#define L "{method=\"POST\",route=\"/classify\","
#define H "\nbertd_http_request_duration_seconds"
	assert_true(holds(&rs, "\nbertd_http_requests_total" L "code=\"200\"} 2\n"));
	assert_true(holds(&rs, "\nbertd_http_requests_total" L "code=\"other\"} 1\n"));
	assert_true(holds(&rs, H "_bucket" L "le=\"0.001\"} 1\n"));
	assert_true(holds(&rs, H "_bucket" L "le=\"0.01\"} 1\n"));
	assert_true(holds(&rs, H "_bucket" L "le=\"0.025\"} 2\n"));
	assert_true(holds(&rs, H "_bucket" L "le=\"10\"} 2\n"));
	assert_true(holds(&rs, H "_bucket" L "le=\"+Inf\"} 3\n"));
	assert_true(holds(&rs, H "_sum{method=\"POST\",route=\"/classify\"} 100.0205"));
	assert_true(holds(&rs, H "_count{method=\"POST\",route=\"/classify\"} 3\n"));
	assert_true(holds(&rs, "{method=\"other\",route=\"other\",code=\"404\"} 1\n"));
	web_res_clear(&rs);
}

static void every_metric_is_described_once_before_its_values(void **state)
{
	struct web_res rs = get("/metrics");
	char *text = rs.body.data, name[128], kind[32], current[128] = "";
	(void)state;

	for (char *line; (line = strsep(&text, "\n")) && *line;) {
		if (sscanf(line, "# TYPE %127s %31s", name, kind) == 2)
			strcpy(current, name);
		else if (*line != '#')
			assert_memory_equal(line, current, strlen(current));
	}
	assert_null(text); /* no empty line before the end */
	web_res_clear(&rs);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_app, close_app)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(livez_is_200_whatever_happens),
		TEST(readyz_names_what_is_wrong),
		TEST(contract_and_front_page_are_served),
		TEST(metrics_show_process_jobs_and_escaped_labels),
		TEST(requests_are_counted_by_route_code_and_cumulative_bucket),
		TEST(every_metric_is_described_once_before_its_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
