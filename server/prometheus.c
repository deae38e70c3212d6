/* GET /metrics: the counters and gauges of the daemon in Prometheus' text format 0.0.4.
 *
 * The tables below hold every name with its help; docs are made of them. Requests are counted with
 * atomics, everything else is asked from its owner at the scrape. */
#include "prometheus.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api.h"
#include "app.h"
#include "base/files.h"
#include "base/log.h"
#include "jobs/job.h"
#include "version.h"

#define MAX_ROUTES 64 /* one more row is for requests without a route */

static const int codes[] = { 200, 201, 202, 204, 400, 401, 404, 405, 409, 413,
			     414, 415, 422, 429, 499, 500, 503, 507, 0 };
#define N_CODES (sizeof(codes) / sizeof(codes[0])) /* 0: any other */

/* Seconds; the text is what Prometheus gets as le. */
static const struct {
	double seconds;
	const char *le;
} buckets[] = {
	{ 0.001, "0.001" }, { 0.0025, "0.0025" }, { 0.005, "0.005" }, { 0.01, "0.01" },
	{ 0.025, "0.025" }, { 0.05, "0.05" },	  { 0.1, "0.1" },     { 0.25, "0.25" },
	{ 0.5, "0.5" },	    { 1, "1" },		  { 2.5, "2.5" },     { 5, "5" },
	{ 10, "10" },
};
#define N_BUCKETS (sizeof(buckets) / sizeof(buckets[0]))

static struct {
	atomic_llong by_code[N_CODES];
	atomic_llong by_bucket[N_BUCKETS]; /* not cumulative here */
	atomic_llong count, microseconds;
} requests[MAX_ROUTES + 1];

static size_t row_of(const struct web_route *route)
{
	size_t i = route ? (size_t)(route - web_routes) : MAX_ROUTES;

	BUG_ON(i > MAX_ROUTES);
	return i;
}

void prometheus_observe(const struct web_route *route, int status, double seconds)
{
	size_t row = row_of(route), code = 0, bucket = 0;

	while (code < N_CODES - 1 && codes[code] != status)
		code++;
	while (bucket < N_BUCKETS && seconds > buckets[bucket].seconds)
		bucket++;
	atomic_fetch_add(&requests[row].by_code[code], 1);
	if (bucket < N_BUCKETS)
		atomic_fetch_add(&requests[row].by_bucket[bucket], 1);
	atomic_fetch_add(&requests[row].count, 1);
	atomic_fetch_add(&requests[row].microseconds, (long long)(seconds * 1e6));
}

/* Text */

static void describe(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct buf *out, const char *name, const char *help, double v)
{
	describe(out, name, "gauge", help);
	buf_printf(out, "%s %.15g\n", name, v);
}

/* A label's value, with what the format escapes. */
static void label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\n') {
			buf_puts(out, "\\n");
			continue;
		}
		if (*value == '"' || *value == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *value);
	}
	buf_putc(out, '"');
}

/* Requests */

static void route_labels(struct buf *out, size_t row)
{
	bool other = row == MAX_ROUTES;

	label(out, "method", other ? "other" : web_routes[row].method);
	buf_putc(out, ',');
	label(out, "route", other ? "other" : web_routes[row].path);
}

static void write_codes(struct buf *out, size_t row)
{
	for (size_t i = 0; i < N_CODES; i++) {
		long long n = atomic_load(&requests[row].by_code[i]);
		if (!n)
			continue;
		buf_puts(out, "bertd_http_requests_total{");
		route_labels(out, row);
		if (codes[i])
			buf_printf(out, ",code=\"%d\"} %lld\n", codes[i], n);
		else
			buf_printf(out, ",code=\"other\"} %lld\n", n);
	}
}

static void write_histogram(struct buf *out, size_t row)
{
	static const char name[] = "bertd_http_request_duration_seconds";
	/* Read first: what is counted meanwhile must not make a bucket larger than the sum. */
	long long below = 0, count = atomic_load(&requests[row].count);

	if (!count)
		return;
	for (size_t i = 0; i <= N_BUCKETS; i++) {
		if (i < N_BUCKETS)
			below += atomic_load(&requests[row].by_bucket[i]);
		long long n = i < N_BUCKETS && below < count ? below : count;
		buf_printf(out, "%s_bucket{", name);
		route_labels(out, row);
		buf_printf(out, ",le=\"%s\"} %lld\n", i < N_BUCKETS ? buckets[i].le : "+Inf", n);
	}
	buf_printf(out, "%s_sum{", name);
	route_labels(out, row);
	buf_printf(out, "} %.6f\n%s_count{", (double)atomic_load(&requests[row].microseconds) / 1e6,
		   name);
	route_labels(out, row);
	buf_printf(out, "} %lld\n", count);
}

static void each_route(struct buf *out, void (*write)(struct buf *out, size_t row))
{
	for (size_t i = 0; web_routes[i].method; i++)
		write(out, i);
	write(out, MAX_ROUTES);
}

static void write_requests(struct buf *out)
{
	describe(out, "bertd_http_requests_total", "counter",
		 "Requests by route and status; 499: the client left before its answer.");
	each_route(out, write_codes);
	describe(out, "bertd_http_request_duration_seconds", "histogram",
		 "From the request line to the end of the answer; streams count as long as they "
		 "are open.");
	each_route(out, write_histogram);
}

/* Serving */

#define S(member) offsetof(struct serve_stats, member)

static const struct {
	const char *name, *type, *help;
	size_t offset;
	bool real; /* double, else int64_t */
} serve_table[] = {
	{ "bertd_serve_requests_total", "counter", "Requests that inference took.", S(requests),
	  false },
	{ "bertd_serve_texts_total", "counter", "Texts that were classified.", S(texts), false },
	{ "bertd_serve_tokens_total", "counter", "Tokens of those texts.", S(tokens), false },
	{ "bertd_serve_batches_total", "counter", "Forward passes.", S(batches), false },
	{ "bertd_serve_rejected_total", "counter", "Requests refused because the queue was full.",
	  S(rejected), false },
	{ "bertd_serve_model_loads_total", "counter", "Models loaded.", S(loads), false },
	{ "bertd_serve_model_evictions_total", "counter", "Models unloaded to make room.",
	  S(evictions), false },
	{ "bertd_serve_queued_texts", "gauge", "Texts that wait for inference.", S(queued_texts),
	  false },
	{ "bertd_serve_loaded_models", "gauge", "Models in memory.", S(loaded_models), false },
	{ "bertd_serve_loaded_bytes", "gauge", "Their weights.", S(loaded_bytes), false },
	{ "bertd_serve_inference_seconds_total", "counter", "Time in forward passes.",
	  S(seconds_inference), true },
	{ "bertd_serve_queue_seconds_total", "counter", "Time that requests waited, summed.",
	  S(seconds_queued), true },
	{ "bertd_serve_tokenize_seconds_total", "counter", "Time in the tokenizer.",
	  S(seconds_tokenize), true },
};

static void write_serve(struct app *app, struct buf *out)
{
	struct serve_stats stats;

	if (!app->serve)
		return;
	serve_get_stats(app->serve, &stats);
	for (size_t i = 0; i < sizeof(serve_table) / sizeof(serve_table[0]); i++) {
		const char *at = (const char *)&stats + serve_table[i].offset;
		describe(out, serve_table[i].name, serve_table[i].type, serve_table[i].help);
		if (serve_table[i].real)
			buf_printf(out, "%s %.6f\n", serve_table[i].name, *(const double *)at);
		else
			buf_printf(out, "%s %lld\n", serve_table[i].name,
				   (long long)*(const int64_t *)at);
	}
}

/* Jobs */

static enum err write_jobs(struct app *app, struct buf *out, struct errinfo *ei)
{
	int64_t counts[N_JOB_STATES];
	enum err e = job_counts(app->db, counts, ei);

	if (e != OK)
		return e;
	describe(out, "bertd_jobs", "gauge", "Jobs by state.");
	for (int i = 0; i < N_JOB_STATES; i++)
		buf_printf(out, "bertd_jobs{state=\"%s\"} %lld\n",
			   job_state_name((enum job_state)i), (long long)counts[i]);
	return OK;
}

static void write_progress(struct buf *out, const struct trainer_progress *p)
{
	gauge(out, "bertd_job_epoch", "Epochs done by the running job.", p->epoch);
	gauge(out, "bertd_job_step", "Optimizer steps done by the running job.", (double)p->step);
	gauge(out, "bertd_job_total_steps", "Optimizer steps of the running job in all.",
	      (double)p->total_steps);
	gauge(out, "bertd_job_samples_per_second", "Training speed of the running job.",
	      p->samples_per_second);
}

/* The job that is running, if there is one. */
static enum err write_running(struct app *app, struct buf *out, struct errinfo *ei)
{
	struct job_page page = { .state = JOB_RUNNING, .limit = 1 };
	struct trainer_progress progress;
	struct job *jobs;
	bool more;
	int n;
	enum err e = job_list(app->db, &page, &jobs, &n, &more, ei);

	if (e != OK)
		return e;
	if (n && app->worker && worker_progress(app->worker, jobs[0].id, &progress))
		write_progress(out, &progress);
	for (int i = 0; i < n; i++)
		job_clear(&jobs[i]);
	free(jobs);
	return OK;
}

/* The process */

static double resident_bytes(void)
{
	struct errinfo ei;
	struct buf text = { 0 };
	long long pages = 0;

	if (files_read("/proc/self/statm", 4096, &text, &ei) != OK ||
	    sscanf(text.data, "%*d %lld", &pages) != 1)
		pages = 0;
	buf_clear(&text);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void write_process(const struct app *app, struct buf *out)
{
	struct rusage use;

	describe(out, "bertd_build_info", "gauge", "1; the labels say what runs.");
	buf_puts(out, "bertd_build_info{");
	label(out, "version", BERTD_VERSION);
	buf_putc(out, ',');
	label(out, "commit", BERTD_COMMIT);
	buf_putc(out, ',');
	label(out, "libtorch", app->device.libtorch);
	buf_putc(out, ',');
	label(out, "device", app->device.name);
	buf_puts(out, "} 1\n");
	gauge(out, "process_start_time_seconds", "Unix time of the start.",
	      (double)app->started_ms / 1e3);
	getrusage(RUSAGE_SELF, &use);
	describe(out, "process_cpu_seconds_total", "counter", "CPU time of the process.");
	buf_printf(out, "process_cpu_seconds_total %.2f\n",
		   (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
			   (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
	gauge(out, "process_resident_memory_bytes", "Memory in use.", resident_bytes());
	gauge(out, "bertd_disk_free_bytes", "Room left on the disk of data_dir.",
	      (double)files_free_bytes(app->places.data_dir));
	gauge(out, "bertd_draining", "1 while the daemon stops.", atomic_load(&app->draining));
}

void metrics_get(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	struct errinfo ei;

	write_process(app, &rs->body);
	write_requests(&rs->body);
	gauge(&rs->body, "bertd_streams", "Open metrics streams.", hub_count(app->hub));
	write_serve(app, &rs->body);
	enum err e = write_jobs(app, &rs->body, &ei);
	if (e == OK)
		e = write_running(app, &rs->body, &ei);
	/* Half a scrape is worth more than none: the process' own numbers say that it lives. */
	if (e != OK)
		log_warn("metrics_incomplete", "request_id=%s detail=%s", rq->request_id,
			 log_q(ei.msg));
	rs->status = 200;
	rs->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
