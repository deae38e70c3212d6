/* Asking again: see remote.h. */
#include "hub/remote.h"

#include "base/log.h"

#include <string.h>
#include <time.h>

#define SLICE_MS 100 /* how long a cancellation waits for us */

struct exchange {
	const struct remote *remote;
	const struct remote_source *source;
	const struct remote_sink *sink;
};

static enum err on_begin(void *ctx, const struct http_response *head, struct errinfo *ei)
{
	const struct exchange *x = ctx;

	return x->sink->begin ? x->sink->begin(x->sink->ctx, head, ei) : OK;
}

static enum err on_body(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	const struct exchange *x = ctx;

	return x->sink->body ? x->sink->body(x->sink->ctx, data, n, ei) : OK;
}

static bool on_host(void *ctx, const char *host)
{
	const struct exchange *x = ctx;

	return x->source->allow_host(x->source->ctx, host);
}

static bool cancelled(const struct remote *r)
{
	return r->how->cancelled && r->how->cancelled(r->how->ctx);
}

static bool on_cancelled(void *ctx)
{
	const struct exchange *x = ctx;

	return cancelled(x->remote);
}

enum err remote_try(const struct remote *r, const struct remote_source *s,
		    const struct remote_part *part, int64_t max_bytes,
		    const struct remote_sink *sink, struct http_response *res, struct errinfo *ei)
{
	struct exchange x = { r, s, sink };
	struct http_request rq = {
		.url = s->url,
		.token = s->token,
		.range_from = part->from,
		.if_range = part->if_range,
		.if_none_match = part->if_none_match,
		.max_bytes = max_bytes,
		.allow_host = s->allow_host ? on_host : NULL,
		.begin = on_begin,
		.body = on_body,
		.cancelled = on_cancelled,
		.ctx = &x,
	};

	return http_get(r->policy, &rq, res, ei);
}

bool remote_status_passes(int status)
{
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

int remote_wait_s(int tries, int64_t retry_after_s)
{
	if (tries >= REMOTE_TRIES || retry_after_s > REMOTE_MAX_RETRY_AFTER)
		return -1;
	if (retry_after_s >= 0)
		return (int)retry_after_s;
	int wait = 1 << (tries > 0 ? tries - 1 : 0);
	return wait < REMOTE_MAX_WAIT_S ? wait : REMOTE_MAX_WAIT_S;
}

static void sleep_really(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static enum err wait_s(const struct remote *r, int seconds, struct errinfo *ei)
{
	for (int left = seconds * 1000; left > 0; left -= SLICE_MS) {
		if (cancelled(r))
			return err_set(ei, ERR_CANCELLED, "stopped on request");
		(r->sleep_ms ? r->sleep_ms : sleep_really)(SLICE_MS);
	}
	return OK;
}

enum err remote_again(const struct remote *r, int *tries, int64_t retry_after_s, struct errinfo *ei)
{
	int wait = remote_wait_s(++*tries, retry_after_s);

	if (wait < 0 || r->once)
		return ERR_NETWORK;
	log_info("fetch_again", "try=%d wait_s=%d reason=%s", *tries + 1, wait, log_q(ei->msg));
	return wait_s(r, wait, ei);
}

/* OK: the try is to be repeated. */
static enum err judge(const struct remote *r, const struct remote_source *s, enum err e,
		      const struct http_response *res, int *tries, struct errinfo *ei)
{
	if (e == ERR_NETWORK)
		return remote_again(r, tries, -1, ei);
	if (e != OK)
		return e;
	if (!remote_status_passes(res->status))
		return s->refused(s->ctx, res, ei);
	err_set(ei, ERR_NETWORK, "the server answered with status %d", res->status);
	return remote_again(r, tries, res->retry_after_s, ei);
}

static bool is_success(enum err e, const struct http_response *res)
{
	return e == OK && res->status >= 200 && res->status < 300;
}

static enum err append(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	(void)ei;
	buf_append(ctx, data, n);
	return OK;
}

enum err remote_read(const struct remote *r, const struct remote_source *s, int64_t max,
		     struct buf *out, struct errinfo *ei)
{
	struct remote_sink sink = { .body = append, .ctx = out };

	for (int tries = 0;;) {
		struct http_response res = { 0 };
		buf_reset(out);
		enum err e = remote_try(r, s, &(struct remote_part){ 0 }, max, &sink, &res, ei);
		if (is_success(e, &res))
			return OK;
		e = judge(r, s, e, &res, &tries, ei);
		if (e != OK)
			return e;
	}
}

/* A response's head is enough: the transfer is ended by an error that nothing else gives. */
#define ENOUGH ERR_CONFLICT

static enum err keep_head(void *ctx, const struct http_response *head, struct errinfo *ei)
{
	*(struct http_response *)ctx = *head;
	return is_success(OK, head) ? err_set(ei, ENOUGH, "the head was enough") : OK;
}

enum err remote_look(const struct remote *r, const struct remote_source *s, const char *known,
		     struct http_response *head, struct errinfo *ei)
{
	struct remote_sink sink = { keep_head, NULL, head };
	struct remote_part part = { .if_none_match = known };

	for (int tries = 0;;) {
		struct http_response res = { 0 };
		enum err e = remote_try(r, s, &part, INT64_MAX, &sink, &res, ei);
		if (e == ENOUGH || (known && e == OK && res.status == 304))
			return OK;
		e = judge(r, s, e, &res, &tries, ei);
		if (e != OK)
			return e;
	}
}
