/* The transport's start and stop: see http.h and http_impl.h. */
#include "http_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "listener.h"

#define POOL_THREADS	  4
#define POOL_QUEUE	  64
#define TICK_SECONDS	  2	     /* suspended streams are asked again: heartbeats */
#define HALF_SECONDS	  1	     /* http_drain waits for requests that are still arriving */
#define DRAIN_SECONDS	  2	     /* then for those that were read */
#define LAST_SECONDS	  2	     /* and then for handlers; http_stop for the last answers */
#define CONNECTION_MEMORY (64 << 10) /* headers and buffers of one connection */

/* Waiting */

static void wake_streams_locked(struct http *h)
{
	for (struct visit *v = h->streams; v; v = v->next) {
		v->woken = true;
		visit_resume_locked(v);
	}
}

static struct timespec seconds_from_now(int seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	return t;
}

/* Waits until *count is 0. Returns whether it is. */
static bool wait_locked(struct http *h, const int *count, int seconds)
{
	struct timespec until = seconds_from_now(seconds);

	while (*count && pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0)
		;
	return *count == 0;
}

static void *tick(void *ctx)
{
	struct http *h = ctx;

	pthread_mutex_lock(&h->lock);
	while (!h->ended) {
		struct timespec until = seconds_from_now(TICK_SECONDS);
		while (!h->ended && pthread_cond_timedwait(&h->ticks, &h->lock, &until) == 0)
			;
		wake_streams_locked(h);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* What MHD is told */

static void on_log(void *cls, const char *fmt, va_list ap)
{
	char line[256];

	(void)cls;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("mhd", "text=%s", log_q(line));
}

/* Paths and queries are decoded by uri.c, which also says what is wrong with them. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls;
	(void)connection;
	return strlen(s);
}

/* Start and stop */

static enum err start_mhd(struct http *h, struct errinfo *ei)
{
	const struct config *c = h->app->config;
	unsigned flags =
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem pool[] = {
		{ MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)c->http_threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	/* MHD wants no pool option for a single thread. */
	if (c->http_threads == 1)
		pool[0] = pool[1];
	h->mhd = MHD_start_daemon(
		flags, 0, NULL, NULL, visit_on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)h->listen_fd, MHD_OPTION_URI_LOG_CALLBACK,
		visit_on_target, h, MHD_OPTION_NOTIFY_CONNECTION, visit_on_connection, h,
		MHD_OPTION_NOTIFY_COMPLETED, visit_on_completed, h, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)c->max_connections,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)c->idle_timeout,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	return h->mhd ? OK : err_set(ei, ERR_IO, "cannot start the HTTP threads");
}

static void free_http(struct http *h)
{
	pool_free(h->pool);
	if (h->listen_fd >= 0)
		close(h->listen_fd);
	pthread_cond_destroy(&h->changed);
	pthread_cond_destroy(&h->ticks);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

enum err http_start(struct app *app, struct http **out, struct errinfo *ei)
{
	struct http *h = mem_zalloc(1, sizeof(*h));
	pthread_condattr_t attr;

	h->app = app;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->changed, &attr);
	pthread_cond_init(&h->ticks, &attr);
	pthread_condattr_destroy(&attr);
	enum err e = listener_open(app->config->listen, &h->listen_fd, &h->port, ei);
	if (e == OK) {
		h->pool = pool_new(POOL_THREADS, POOL_QUEUE);
		e = start_mhd(h, ei);
	}
	if (e != OK) {
		free_http(h);
		return e;
	}
	BUG_ON(pthread_create(&h->ticker, NULL, tick, h) != 0);
	*out = h;
	return OK;
}

int http_port(const struct http *h)
{
	return h->port;
}

bool http_drain(struct http *h)
{
	pthread_mutex_lock(&h->lock);
	h->draining = true;
	wake_streams_locked(h);
	pthread_mutex_unlock(&h->lock);
	/* Not MHD_quiesce_daemon: it and MHD's threads may both take the socket from the epoll set,
	 * and MHD aborts the process when the second one fails. */
	listener_refuse(h->listen_fd);
	pthread_mutex_lock(&h->lock);
	wait_locked(h, &h->n_visits, HALF_SECONDS);
	wait_locked(h, &h->n_whole, DRAIN_SECONDS);
	h->closed = true;
	wake_streams_locked(h);
	bool idle = wait_locked(h, &h->n_inside, LAST_SECONDS);
	pthread_mutex_unlock(&h->lock);
	return idle;
}

bool http_stop(struct http *h)
{
	if (!h->draining && !http_drain(h))
		return false;
	pool_close(h->pool);
	pthread_mutex_lock(&h->lock);
	wait_locked(h, &h->n_whole, LAST_SECONDS);
	bool nobody = h->n_suspended == 0;
	h->ended = nobody;
	pthread_cond_signal(&h->ticks);
	pthread_mutex_unlock(&h->lock);
	if (!nobody)
		return false;
	pthread_join(h->ticker, NULL);
	MHD_stop_daemon(h->mhd);
	h->listen_fd = -1; /* MHD has closed it */
	free_http(h);
	return true;
}
