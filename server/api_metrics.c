/* GET /jobs/{id}/metrics: the records of a job as server-sent events, NDJSON that follows, or one
 * JSON list.
 *
 * The hub only wakes; records always come from the database, so a reader that was cut off, or that
 * reads while the daemon restarts, finds each record once and in order. */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "jobs/event.h"
#include "jobs/job.h"
#include "page.h"

#define HEARTBEAT_SECONDS 15
#define RECORDS_AT_ONCE	  64
#define LIST_MAX	  10000

enum format { FORMAT_NDJSON, FORMAT_SSE, FORMAT_JSON };

struct metrics_stream {
	struct web_stream base;
	struct app *app;
	struct subscription *subscription;
	char job_id[ID_SIZE];
	enum format format;
	bool follow, ended;
	int64_t after; /* seq of the last record that was encoded */
	struct buf out;
	size_t sent;
	double last_write;
};

static void encode(const struct event *e, enum format format, struct buf *out)
{
	if (format == FORMAT_SSE)
		buf_printf(out, "id: %lld\nevent: %s\ndata: ", (long long)e->seq, e->type);
	event_print(e, out);
	buf_puts(out, format == FORMAT_SSE ? "\n\n" : "\n");
}

/* Encodes the next records into st->out; a heartbeat when there were none for a while. */
static enum err fill(struct metrics_stream *st)
{
	struct event *events;
	struct errinfo ei;
	int n;

	buf_reset(&st->out);
	st->sent = 0;
	enum err e =
		event_list(st->app->db, st->job_id, st->after, RECORDS_AT_ONCE, &events, &n, &ei);
	if (e != OK)
		return e;
	for (int i = 0; i < n; i++) {
		encode(&events[i], st->format, &st->out);
		st->after = events[i].seq;
		st->ended |= strcmp(events[i].type, "done") == 0;
		event_clear(&events[i]);
	}
	free(events);
	if (n == 0 && st->format == FORMAT_SSE &&
	    clock_monotonic() - st->last_write > HEARTBEAT_SECONDS)
		buf_puts(&st->out, ": heartbeat\n\n");
	return OK;
}

static ssize_t stream_read(struct web_stream *base, char *out, size_t max)
{
	struct metrics_stream *st = (struct metrics_stream *)base;

	if (st->sent == st->out.len) {
		if (st->ended || fill(st) != OK)
			return -1;
		if (st->out.len == 0)
			return st->follow && !atomic_load(&st->app->draining) ? 0 : -1;
		st->last_write = clock_monotonic();
	}
	size_t n = st->out.len - st->sent < max ? st->out.len - st->sent : max;
	memcpy(out, st->out.data + st->sent, n);
	st->sent += n;
	return (ssize_t)n;
}

static void stream_close(struct web_stream *base)
{
	struct metrics_stream *st = (struct metrics_stream *)base;

	hub_unsubscribe(st->app->hub, st->subscription);
	buf_clear(&st->out);
	free(st);
}

static void woken(void *ctx)
{
	web_stream_wake(ctx);
}

static enum format wanted_format(const struct web_req *rq)
{
	const char *accept = rq->get_header(rq, "Accept");

	if (accept && strstr(accept, "text/event-stream"))
		return FORMAT_SSE;
	if (accept && strstr(accept, "application/json"))
		return FORMAT_JSON;
	return FORMAT_NDJSON;
}

/* The last record the client has: ?after, or what an EventSource says when it reconnects. */
static bool last_seen(const struct web_req *rq, struct web_res *rs, int64_t *after)
{
	const char *id = rq->get_header(rq, "Last-Event-ID");
	char *end;

	*after = 0;
	if (id) {
		long long v = strtoll(id, &end, 10);
		if (*end || end == id || v < 0) {
			web_problem(rq, rs, 400, "last_event_id",
				    "Last-Event-ID must be a seq of this stream");
			return false;
		}
		*after = v;
	}
	return query_int(rq, rs, "after", 0, INT64_MAX, after);
}

static void answer_list(struct app *app, const struct web_req *rq, struct web_res *rs,
			const char *job_id, int64_t after)
{
	struct event *events;
	struct errinfo ei;
	int n;
	enum err e = event_list(app->db, job_id, after, LIST_MAX, &events, &n, &ei);

	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	rs->status = 200;
	rs->content_type = "application/json";
	buf_puts(&rs->body, "{\"object\":\"list\",\"data\":[");
	for (int i = 0; i < n; i++) {
		if (i)
			buf_putc(&rs->body, ',');
		event_print(&events[i], &rs->body);
	}
	buf_printf(&rs->body, "],\"has_more\":%s", n == LIST_MAX ? "true" : "false");
	if (n)
		buf_printf(&rs->body, ",\"first_id\":%lld,\"last_id\":%lld}\n",
			   (long long)events[0].seq, (long long)events[n - 1].seq);
	else
		buf_puts(&rs->body, ",\"first_id\":null,\"last_id\":null}\n");
	for (int i = 0; i < n; i++)
		event_clear(&events[i]);
	free(events);
}

static void start_stream(struct app *app, struct web_res *rs, const char *job_id,
			 enum format format, int64_t after, bool follow)
{
	struct metrics_stream *st = mem_zalloc(1, sizeof(*st));

	st->base.read = stream_read;
	st->base.close = stream_close;
	st->app = app;
	st->format = format;
	st->after = after;
	st->follow = follow;
	st->last_write = clock_monotonic();
	snprintf(st->job_id, sizeof(st->job_id), "%s", job_id);
	st->subscription = hub_subscribe(app->hub, job_id, woken, &st->base);
	rs->stream = &st->base;
	rs->status = 200;
	rs->content_type = format == FORMAT_SSE ? "text/event-stream" : "application/x-ndjson";
	web_header_add(rs, "Cache-Control", "no-cache");
	web_header_add(rs, "X-Accel-Buffering", "no");
}

/* A client that has seen "done" is told with 204 not to come back, as the EventSource specification
 * has it. */
static bool nothing_left(struct app *app, const struct job *j, int64_t after)
{
	struct event *events;
	struct errinfo ei;
	int n;

	if (!job_state_final(j->state) ||
	    event_list(app->db, j->id, after, 1, &events, &n, &ei) != OK)
		return false;
	for (int i = 0; i < n; i++)
		event_clear(&events[i]);
	free(events);
	return n == 0;
}

void jobs_metrics(struct app *app, const struct web_req *rq, struct web_res *rs)
{
	enum format format = wanted_format(rq);
	struct errinfo ei;
	struct job j;
	int64_t after;
	bool follow;

	if (!query_bool(rq, rs, "follow", true, &follow) || !last_seen(rq, rs, &after))
		return;
	enum err e = job_get(app->db, rq->params[0], &j, &ei);
	if (e != OK) {
		web_fail(rq, rs, e, &ei);
		return;
	}
	if (format == FORMAT_JSON) {
		answer_list(app, rq, rs, j.id, after);
	} else if (format == FORMAT_SSE && nothing_left(app, &j, after)) {
		rs->status = 204;
	} else if (hub_count(app->hub) >= app->config->max_streams) {
		web_problem(rq, rs, 503, "too_many_streams",
			    "as many streams are open as the server allows");
		web_header_add(rs, "Retry-After", "5");
	} else {
		start_stream(app, rs, j.id, format, after, follow);
	}
	job_clear(&j);
}
