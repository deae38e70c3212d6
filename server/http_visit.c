/* Connections, requests and their answers: see http_impl.h. On the HTTP threads; handlers of some
 * routes on the pool's. */
#include "http_impl.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "prometheus.h"

#define STREAM_BLOCK (16 << 10)

/* Gates */

/* Between enter and leave app is used, and connections may be suspended. */
static bool enter(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	bool open = !h->closed;
	if (open)
		h->n_inside++;
	pthread_mutex_unlock(&h->lock);
	return open;
}

static void leave(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	h->n_inside--;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

static void suspend_locked(struct visit *v)
{
	v->suspended = true;
	v->http->n_suspended++;
	MHD_suspend_connection(v->connection);
}

void visit_resume_locked(struct visit *v)
{
	if (!v->suspended)
		return;
	v->suspended = false;
	v->http->n_suspended--;
	pthread_cond_broadcast(&v->http->changed);
	MHD_resume_connection(v->connection);
}

/* Requests */

static const char *get_header(const struct web_req *rq, const char *name)
{
	const struct visit *v = rq->transport;

	return MHD_lookup_connection_value(v->connection, MHD_HEADER_KIND, name);
}

/* A suspended connection is not looked at by MHD. */
static bool is_gone(const struct web_req *rq)
{
	const struct visit *v = rq->transport;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(v->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd p = { .fd = info->connect_fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

/* Streams */

void web_stream_wake(struct web_stream *st)
{
	struct visit *v = __atomic_load_n((struct visit **)&st->transport, __ATOMIC_ACQUIRE);

	if (!v)
		return;
	struct http *h = v->http;
	pthread_mutex_lock(&h->lock);
	v->woken = true;
	visit_resume_locked(v);
	pthread_mutex_unlock(&h->lock);
}

/* One read, without our lock; whether the stream has to be asked again at once is decided under it.
 */
static ssize_t read_once(struct visit *v, char *out, size_t max, bool *again)
{
	struct http *h = v->http;

	pthread_mutex_lock(&h->lock);
	v->woken = false;
	pthread_mutex_unlock(&h->lock);
	ssize_t n = v->x.rs.stream->read(v->x.rs.stream, out, max);
	*again = false;
	if (n != 0)
		return n;
	pthread_mutex_lock(&h->lock);
	*again = v->woken && !h->draining;
	if (h->draining)
		n = -1;
	else if (!*again)
		suspend_locked(v);
	pthread_mutex_unlock(&h->lock);
	return n;
}

static ssize_t on_stream(void *cls, uint64_t pos, char *out, size_t max)
{
	struct visit *v = cls;
	struct http *h = v->http;
	bool again = true;
	ssize_t n = -1;

	(void)pos;
	if (!enter(h))
		return MHD_CONTENT_READER_END_OF_STREAM;
	while (again)
		n = read_once(v, out, max, &again);
	leave(h);
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	v->sent += n;
	return n;
}

static struct MHD_Response *stream_response(struct visit *v)
{
	struct http *h = v->http;

	/* HEAD: nothing is ever read; the stream is closed with the exchange. */
	if (strcmp(v->x.method, "HEAD") != 0) {
		pthread_mutex_lock(&h->lock);
		v->next = h->streams;
		v->behind = &h->streams;
		if (v->next)
			v->next->behind = &v->next;
		h->streams = v;
		pthread_mutex_unlock(&h->lock);
		__atomic_store_n((struct visit **)&v->x.rs.stream->transport, v, __ATOMIC_RELEASE);
	}
	uint64_t length =
		v->x.rs.stream->length > 0 ? (uint64_t)v->x.rs.stream->length : MHD_SIZE_UNKNOWN;
	return MHD_create_response_from_callback(length, STREAM_BLOCK, on_stream, v, NULL);
}

/* Answers */

static struct MHD_Response *body_response(struct visit *v)
{
	size_t n = v->x.rs.body.len;

	v->sent = strcmp(v->x.method, "HEAD") == 0 ? 0 : (int64_t)n;
	return MHD_create_response_from_buffer(n, buf_take(&v->x.rs.body), MHD_RESPMEM_MUST_FREE);
}

static void add_headers(struct visit *v, struct MHD_Response *r)
{
	const char *type = v->x.rs.content_type;
	bool stored = false;

	for (int i = 0; i < v->x.rs.n_headers; i++) {
		stored |= strcasecmp(v->x.rs.headers[i].name, "Cache-Control") == 0;
		MHD_add_response_header(r, v->x.rs.headers[i].name, v->x.rs.headers[i].value);
	}
	if (type)
		MHD_add_response_header(r, "Content-Type", type);
	if (type && strstr(type, "json") && !stored)
		MHD_add_response_header(r, "Cache-Control", "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "X-Request-Id", v->x.rq.request_id);
	pthread_mutex_lock(&v->http->lock);
	bool close = v->http->draining;
	pthread_mutex_unlock(&v->http->lock);
	if (close)
		MHD_add_response_header(r, "Connection", "close");
}

static enum MHD_Result answer(struct visit *v)
{
	if (v->x.rs.later)
		web_later_take(v->x.rs.later, &v->x.rs);
	exchange_close(&v->x);
	struct MHD_Response *r = v->x.rs.stream ? stream_response(v) : body_response(v);
	BUG_ON(!r);
	add_headers(v, r);
	v->phase = PHASE_SENT;
	enum MHD_Result ok = MHD_queue_response(v->connection, (unsigned)v->x.rs.status, r);
	MHD_destroy_response(r);
	return ok;
}

/* Handlers */

/* The response is complete. v belongs to the HTTP thread from here on. */
static void ready(void *ctx)
{
	struct visit *v = ctx;
	struct http *h = v->http;

	pthread_mutex_lock(&h->lock);
	v->phase = PHASE_READY;
	visit_resume_locked(v);
	pthread_mutex_unlock(&h->lock);
}

static void refuse_stopping(struct visit *v)
{
	web_problem(&v->x.rq, &v->x.rs, 503, "draining", "the server is stopping");
}

static void run_handler(struct visit *v)
{
	web_run(v->http->app, v->x.route, &v->x.rq, &v->x.rs);
	if (!v->x.rs.later || !web_later_watch(v->x.rs.later, ready, v))
		ready(v);
}

static void run_on_pool(void *ctx)
{
	struct visit *v = ctx;
	struct http *h = v->http;

	if (enter(h)) {
		run_handler(v);
		leave(h);
	} else {
		refuse_stopping(v);
		ready(v);
	}
}

/* The request is whole: starts its handler. */
static void work(struct visit *v)
{
	v->phase = PHASE_WORK;
	if (v->x.route->where == ON_HTTP) {
		run_handler(v);
	} else if (!pool_submit(v->http->pool, run_on_pool, v)) {
		web_problem(&v->x.rq, &v->x.rs, 503, "busy", "too many requests wait for a thread");
		ready(v);
	}
}

/* Suspends the connection while somebody works on it; else answers. */
static enum MHD_Result wait_or_answer(struct visit *v)
{
	struct http *h = v->http;

	pthread_mutex_lock(&h->lock);
	bool pending = v->phase == PHASE_WORK;
	if (pending)
		suspend_locked(v);
	pthread_mutex_unlock(&h->lock);
	return pending ? MHD_YES : answer(v);
}

/* What MHD calls */

static enum MHD_Result whole(struct visit *v)
{
	struct http *h = v->http;

	pthread_mutex_lock(&h->lock);
	v->whole = true;
	h->n_whole++;
	pthread_mutex_unlock(&h->lock);
	if (!exchange_whole(&v->x))
		return answer(v);
	if (!enter(h)) {
		refuse_stopping(v);
		return answer(v);
	}
	work(v);
	enum MHD_Result ok = wait_or_answer(v);
	leave(h);
	return ok;
}

/* The answer to a request without a body waits for the next call: an early one would close the
 * connection. */
static enum MHD_Result begin(struct visit *v, const char *method)
{
	v->phase = PHASE_BODY;
	v->x.rq.transport = v;
	v->x.rq.get_header = get_header;
	v->x.rq.is_gone = is_gone;
	return exchange_begin(&v->x, method) ? answer(v) : MHD_YES;
}

void visit_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			 enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;

	(void)connection;
	pthread_mutex_lock(&h->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = mem_zalloc(1, sizeof(struct guest));
		h->n_visits++;
	} else {
		struct guest *guest = *socket_context;
		h->n_visits -= !guest->asked;
		free(guest);
		pthread_cond_broadcast(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
}

void *visit_on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http *h = cls;
	struct visit *v = mem_zalloc(1, sizeof(*v));
	struct guest *guest;

	exchange_init(&v->x, h->app, uri ? uri : "");
	v->http = h;
	v->connection = connection;
	v->start = clock_monotonic();
	guest = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			->socket_context;
	pthread_mutex_lock(&h->lock);
	h->n_visits += guest->asked;
	guest->asked = true;
	pthread_mutex_unlock(&h->lock);
	return v;
}

enum MHD_Result visit_on_request(void *cls, struct MHD_Connection *connection, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *n, void **con_cls)
{
	struct visit *v = *con_cls;

	(void)cls;
	(void)connection;
	(void)url;
	(void)version;
	if (v->phase == PHASE_HEADERS)
		return begin(v, method);
	if (*n) {
		size_t got = *n;
		*n = 0;
		return exchange_take(&v->x, data, got) ? MHD_YES : MHD_NO;
	}
	return v->phase == PHASE_BODY ? whole(v) : wait_or_answer(v);
}

/* The job that the path names, or the one that was made; NULL: none. */
static const char *job_of(const struct visit *v)
{
	static const char prefix[] = "/jobs/:id", made[] = "/jobs/";

	if (v->x.route && strncmp(v->x.route->path, prefix, sizeof(prefix) - 1) == 0)
		return v->x.rq.params[0];
	for (int i = 0; i < v->x.rs.n_headers; i++) {
		const struct web_header *h = &v->x.rs.headers[i];
		if (strcmp(h->name, "Location") == 0 &&
		    strncmp(h->value, made, sizeof(made) - 1) == 0)
			return h->value + sizeof(made) - 1;
	}
	return NULL;
}

static void log_access(const struct visit *v, int status, double seconds, bool cut)
{
	const char *job = job_of(v);

	log_info("http", "request_id=%s method=%s path=%s status=%d bytes=%lld ms=%.1f%s%s%s",
		 v->x.rq.request_id, v->x.method, log_q(v->x.rq.path), status, (long long)v->sent,
		 seconds * 1e3, cut ? " cut=yes" : "", job ? " job=" : "", job ? log_q(job) : "");
}

void visit_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			enum MHD_RequestTerminationCode code)
{
	struct http *h = cls;
	struct visit *v = *con_cls;

	(void)connection;
	if (!v)
		return;
	*con_cls = NULL;
	pthread_mutex_lock(&h->lock);
	if (v->behind) {
		*v->behind = v->next;
		if (v->next)
			v->next->behind = v->behind;
	}
	pthread_mutex_unlock(&h->lock);
	if (v->x.rs.later)
		web_later_take(v->x.rs.later, &v->x.rs);
	/* 499 as others log a client that left before its answer. */
	int status = v->phase == PHASE_SENT ? v->x.rs.status : 499;
	double seconds = clock_monotonic() - v->start;
	if (v->x.rq.path) {
		log_access(v, status, seconds, code != MHD_REQUEST_TERMINATED_COMPLETED_OK);
		prometheus_observe(v->x.route, status, seconds);
	}
	bool was_whole = v->whole;
	exchange_clear(&v->x);
	free(v);
	pthread_mutex_lock(&h->lock);
	h->n_visits--;
	h->n_whole -= was_whole;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}
