/* The small helpers of responses and tickets: see web.h. */
#include "web.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"

void web_res_clear(struct web_res *rs)
{
	if (rs->stream)
		rs->stream->close(rs->stream);
	for (int i = 0; i < rs->n_headers; i++)
		free(rs->headers[i].value);
	buf_clear(&rs->body);
	*rs = (struct web_res){ 0 };
}

void web_header_add(struct web_res *rs, const char *name, const char *fmt, ...)
{
	char *value;
	va_list ap;
	int i = 0;

	va_start(ap, fmt);
	BUG_ON(vasprintf(&value, fmt, ap) < 0);
	va_end(ap);
	while (i < rs->n_headers && strcasecmp(rs->headers[i].name, name) != 0)
		i++;
	BUG_ON(i == WEB_MAX_HEADERS);
	if (i == rs->n_headers)
		rs->n_headers++;
	else
		free(rs->headers[i].value);
	rs->headers[i] = (struct web_header){ name, value };
}

void web_json(struct web_res *rs, int status, json_t *body)
{
	BUG_ON(!body);
	rs->status = status;
	rs->content_type = "application/json";
	buf_reset(&rs->body);
	json_print(body, &rs->body);
	buf_putc(&rs->body, '\n');
	json_decref(body);
}

/* Tickets */

struct web_later {
	struct web_res rs;
	struct web_req rq;
	pthread_mutex_t lock;
	bool finished;
	void (*done)(void *ctx);
	void *ctx;
};

static const char *no_value(const struct web_req *rq, const char *name)
{
	(void)rq;
	(void)name;
	return NULL;
}

static void no_queries(const struct web_req *rq,
		       void (*visit)(void *ctx, const char *name, const char *value), void *ctx)
{
	(void)rq;
	(void)visit;
	(void)ctx;
}

struct web_later *web_later_start(struct web_res *rs)
{
	struct web_later *l = mem_zalloc(1, sizeof(*l));

	l->rq.method = l->rq.path = "";
	l->rq.get_query = l->rq.get_header = no_value;
	l->rq.each_query = no_queries;
	if (rs->rq)
		memcpy(l->rq.request_id, rs->rq->request_id, sizeof(l->rq.request_id));
	l->rs.rq = &l->rq;
	pthread_mutex_init(&l->lock, NULL);
	rs->later = l;
	return l;
}

struct web_res *web_later_res(struct web_later *l)
{
	return &l->rs;
}

const struct web_req *web_later_req(struct web_later *l)
{
	return &l->rq;
}

void web_later_finish(struct web_later *l)
{
	BUG_ON(!l->rs.status);
	pthread_mutex_lock(&l->lock);
	void (*done)(void *ctx) = l->done;
	void *ctx = l->ctx;
	l->finished = true;
	pthread_mutex_unlock(&l->lock);
	/* Without a watcher the ticket may be taken, and be gone, from here on. */
	if (done)
		done(ctx);
}

bool web_later_watch(struct web_later *l, void (*done)(void *ctx), void *ctx)
{
	pthread_mutex_lock(&l->lock);
	bool pending = !l->finished;
	l->done = done;
	l->ctx = ctx;
	pthread_mutex_unlock(&l->lock);
	return pending;
}

void web_later_take(struct web_later *l, struct web_res *rs)
{
	BUG_ON(!l->finished);
	web_res_clear(rs);
	*rs = l->rs;
	rs->later = NULL;
	rs->rq = NULL;
	pthread_mutex_destroy(&l->lock);
	free(l);
}
