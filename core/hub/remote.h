/* Asking another server, and again when it may help: 429, 5xx, and what the network broke. From any
 * thread; blocks. */
#ifndef BERTD_HUB_REMOTE_H
#define BERTD_HUB_REMOTE_H

#include "base/buf.h"
#include "hub/fetch.h"
#include "hub/http.h"

#define REMOTE_TRIES	       5
#define REMOTE_MAX_WAIT_S      30 /* between two tries, unless the server says */
#define REMOTE_MAX_RETRY_AFTER 60 /* a server that says more is not waited for */

/* Where one file, or one answer, comes from. */
struct remote_source {
	const char *url;
	const char *token;				 /* or NULL */
	bool (*allow_host)(void *ctx, const char *host); /* or NULL */
	/* What a status other than 2xx means that is no reason to try again. Never OK. */
	enum err (*refused)(void *ctx, const struct http_response *res, struct errinfo *ei);
	void *ctx;
};

/* How it is asked. */
struct remote {
	const struct http_policy *policy;
	void (*sleep_ms)(int ms); /* or NULL */
	const struct fetch_how *how;
	bool once; /* what is in the cache will do instead: no second try */
};

/* What receives a response: as in struct http_request. */
struct remote_sink {
	enum err (*begin)(void *ctx, const struct http_response *head, struct errinfo *ei);
	enum err (*body)(void *ctx, const void *data, size_t n, struct errinfo *ei);
	void *ctx;
};

/* Which part is asked for, and on what condition. All zero: all of it. */
struct remote_part {
	int64_t from;
	const char *if_range; /* an ETag or NULL */
	const char *if_none_match;
};

/* One try, with whatever came of it. */
enum err remote_try(const struct remote *r, const struct remote_source *s,
		    const struct remote_part *part, int64_t max_bytes,
		    const struct remote_sink *sink, struct http_response *res,
		    struct errinfo *ei) MUST_USE;

/* Whether the same request may go better later. Pure. */
bool remote_status_passes(int status);

/* Seconds before try number tries + 1: what Retry-After says (-1: nothing), else 1, 2, 4, … up to
 * REMOTE_MAX_WAIT_S; -1 when it is not worth it. Pure. */
int remote_wait_s(int tries, int64_t retry_after_s);

/* After a try that failed in a way that may pass; *tries counts it. OK: ask again, the time has
 * been waited. ERR_NETWORK: enough, with the words that are in ei; ERR_CANCELLED. */
enum err remote_again(const struct remote *r, int *tries, int64_t retry_after_s,
		      struct errinfo *ei) MUST_USE;

/* The whole answer, of at most max bytes, instead of what out holds. */
enum err remote_read(const struct remote *r, const struct remote_source *s, int64_t max,
		     struct buf *out, struct errinfo *ei) MUST_USE;

/* The head of the answer only: what there is, how large and of what hash. known: an ETag or NULL;
 * head->status is 304 when it is still that of what is there. */
enum err remote_look(const struct remote *r, const struct remote_source *s, const char *known,
		     struct http_response *head, struct errinfo *ei) MUST_USE;

#endif
