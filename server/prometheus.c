/* GET /metrics: see prometheus.h. Requests, serving, and the page as a whole. */
#include "prometheus.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "app.h"
#include "base/log.h"
#include "exposition.h"
#include "jobs/token_cache.h"

#define MAX_ROUTES 64 /* one more row is for requests without a route */

static const int codes[] = { 200, 201, 202, 204, 400, 401, 404, 405, 409, 413,
			     414, 415, 422, 429, 499, 500, 503, 507, 0 };
#define N_CODES (sizeof(codes) / sizeof(codes[0])) /* 0: any other */

struct route_count {
	int64_t by_code[N_CODES];
	struct histogram seconds;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of requests */
static struct route_count requests[MAX_ROUTES + 1];

void prometheus_observe(const struct web_route *route, int status, double seconds)
{
	size_t row = route ? (size_t)(route - web_routes) : MAX_ROUTES, code = 0;

	BUG_ON(row > MAX_ROUTES);
	while (code < N_CODES - 1 && codes[code] != status)
		code++;
	pthread_mutex_lock(&lock);
	requests[row].by_code[code]++;
	histogram_observe(&requests[row].seconds, &histogram_seconds, seconds);
	pthread_mutex_unlock(&lock);
}

/* Requests */

static void route_labels(struct buf *out, size_t row)
{
	bool other = row == MAX_ROUTES;

	exposition_label(out, "method", other ? "other" : web_routes[row].method);
	buf_putc(out, ',');
	exposition_label(out, "route", other ? "other" : web_routes[row].path);
}

static void write_codes(struct buf *out, const char *labels, const struct route_count *r)
{
	for (size_t i = 0; i < N_CODES; i++) {
		if (!r->by_code[i])
			continue;
		buf_printf(out, "bertd_http_requests_total{%s,code=\"", labels);
		if (codes[i])
			buf_printf(out, "%d\"} %lld\n", codes[i], (long long)r->by_code[i]);
		else
			buf_printf(out, "other\"} %lld\n", (long long)r->by_code[i]);
	}
}

static void write_seconds(struct buf *out, const char *labels, const struct route_count *r)
{
	exposition_histogram(out, "bertd_http_request_duration_seconds", labels, &r->seconds,
			     &histogram_seconds);
}

/* Calls write for each row that has counted something. */
static void each_route(struct buf *out, void (*write)(struct buf *out, const char *labels,
						      const struct route_count *r))
{
	for (size_t i = 0; i <= MAX_ROUTES; i++) {
		pthread_mutex_lock(&lock);
		struct route_count r = requests[i];
		pthread_mutex_unlock(&lock);
		struct buf labels = { 0 };
		if (!r.seconds.count)
			continue;
		route_labels(&labels, i);
		write(out, labels.data, &r);
		buf_clear(&labels);
	}
}

static void write_requests(struct buf *out)
{
	exposition_describe(
		out, "bertd_http_requests_total", "counter",
		"Requests by route and status; 499: the client left before its answer.");
	each_route(out, write_codes);
	exposition_describe(
		out, "bertd_http_request_duration_seconds", "histogram",
		"From the request line to the end of the answer; streams count as long as they "
		"are open.");
	each_route(out, write_seconds);
}

/* Serving */

#define S(member) offsetof(struct serve_stats, member)

static const struct {
	const char *name, *type, *help;
	size_t offset; /* of an int64_t */
} serve_table[] = {
	{ "bertd_serve_requests_total", "counter", "Requests that inference took.", S(requests) },
	{ "bertd_serve_texts_total", "counter", "Texts that were classified.", S(texts) },
	{ "bertd_serve_tokens_total", "counter", "Tokens of those texts.", S(tokens) },
	{ "bertd_serve_batches_total", "counter", "Forward passes.", S(batches) },
	{ "bertd_serve_model_loads_total", "counter", "Models loaded.", S(loads) },
	{ "bertd_serve_model_evictions_total", "counter", "Models unloaded to make room.",
	  S(evictions) },
	{ "bertd_serve_queued_texts", "gauge", "Texts that wait for inference.", S(queued_texts) },
	{ "bertd_serve_loaded_models", "gauge", "Models in memory.", S(loaded_models) },
	{ "bertd_serve_loaded_bytes", "gauge", "Their weights.", S(loaded_bytes) },
};

static const struct {
	const char *name, *help;
	size_t offset; /* of a struct histogram */
	const struct histogram_bounds *bounds;
} serve_histograms[] = {
	{ "bertd_serve_tokenize_seconds", "Time in the tokenizer of each request.",
	  S(tokenize_seconds), &histogram_seconds },
	{ "bertd_serve_queue_seconds", "Time that each request waited for its first pass.",
	  S(queue_seconds), &histogram_seconds },
	{ "bertd_serve_inference_seconds", "Time of each batch in the model.", S(inference_seconds),
	  &histogram_seconds },
	{ "bertd_serve_batch_texts", "Texts of each batch.", S(batch_texts), &histogram_texts },
	{ "bertd_serve_batch_tokens", "Tokens of each batch.", S(batch_tokens), &histogram_tokens },
};

static void write_rejected(struct buf *out, const struct serve_stats *stats)
{
	exposition_describe(out, "bertd_serve_rejected_total", "counter",
			    "Requests that were not queued, by reason.");
	for (int i = 0; i < N_SERVE_REJECTIONS; i++)
		buf_printf(out, "bertd_serve_rejected_total{reason=\"%s\"} %lld\n",
			   serve_rejections[i], (long long)stats->rejected[i]);
}

static void write_serve(struct app *app, struct buf *out)
{
	struct serve_stats stats;
	const char *base = (const char *)&stats;

	if (!app->serve)
		return;
	serve_get_stats(app->serve, &stats);
	for (size_t i = 0; i < sizeof(serve_table) / sizeof(serve_table[0]); i++) {
		exposition_describe(out, serve_table[i].name, serve_table[i].type,
				    serve_table[i].help);
		buf_printf(out, "%s %lld\n", serve_table[i].name,
			   (long long)*(const int64_t *)(base + serve_table[i].offset));
	}
	write_rejected(out, &stats);
	for (size_t i = 0; i < sizeof(serve_histograms) / sizeof(serve_histograms[0]); i++) {
		exposition_describe(out, serve_histograms[i].name, "histogram",
				    serve_histograms[i].help);
		exposition_histogram(out, serve_histograms[i].name, "",
				     (const struct histogram *)(base + serve_histograms[i].offset),
				     serve_histograms[i].bounds);
	}
}

static void write_tokens(struct app *app, struct buf *out)
{
	if (!app->places.tokens)
		return;
	struct token_cache_counts n = token_cache_counts(app->places.tokens);
	exposition_describe(out, "bertd_token_cache_hits_total", "counter",
			    "Data sets whose encoded rows were there already.");
	buf_printf(out, "bertd_token_cache_hits_total %lld\n", (long long)n.found);
	exposition_describe(out, "bertd_token_cache_misses_total", "counter",
			    "Data sets that were read and encoded.");
	buf_printf(out, "bertd_token_cache_misses_total %lld\n", (long long)n.made);
}

void metrics_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;

	prometheus_process(app, &rs->body);
	write_requests(&rs->body);
	exposition_gauge(&rs->body, "bertd_streams", "Open metrics streams.", hub_count(app->hub));
	write_serve(app, &rs->body);
	write_tokens(app, &rs->body);
	/* Half a scrape is worth more than none: the process' own numbers say that it lives. */
	if (prometheus_jobs(app, &rs->body, &ei) != OK)
		log_warn("metrics_incomplete", "request_id=%s detail=%s", rq->request_id,
			 log_q(ei.msg));
	rs->status = 200;
	rs->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
