/* Requests and responses as the handlers see them: no socket, no libmicrohttpd.
 *
 * A handler maps a request to a response and never blocks on training or inference. It fills rs
 * now, or starts a ticket (web_later_start) that somebody else finishes, or names a stream. Only
 * the transport (http_impl.h) knows MHD; unit tests call web_dispatch() with a string and an
 * in-memory database. */
#ifndef BERTD_SERVER_WEB_H
#define BERTD_SERVER_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fields.h"
#include "base/hash.h"

struct app;

#define WEB_MAX_PARAMS	4
#define WEB_MAX_HEADERS 12

enum web_scope {
	SCOPE_NONE,  /* no key is asked for */
	SCOPE_READ,  /* look at jobs, models, metrics */
	SCOPE_SERVE, /* classify, tokenize */
	SCOPE_TRAIN, /* everything that changes something */
};

/* A body that was streamed to a file while it arrived (routes with .upload). */
struct web_upload {
	char *path; /* in tmp/; the handler may rename it away, else it is removed. Or a part: it
		       stays until the handler renames or removes it */
	char sha256[SHA256_HEX_SIZE]; /* "" for a part that was there before */
	int64_t bytes;
};

struct web_req {
	const char *method, *path; /* path as it was sent, without the query; params are decoded */
	const char *params[WEB_MAX_PARAMS]; /* values of the ":name" parts of the route, in order */
	const char *body;		    /* NULL for upload routes */
	size_t body_len;
	const struct web_upload *upload;
	char request_id[40];
	const char *(*get_query)(const struct web_req *rq, const char *name); /* NULL: absent */
	const char *(*get_header)(const struct web_req *rq,
				  const char *name); /* NULL: absent; any case */
	/* Calls visit for each query parameter, so that unknown ones can be refused. */
	void (*each_query)(const struct web_req *rq,
			   void (*visit)(void *ctx, const char *name, const char *value),
			   void *ctx);
	/* Whether the client has closed its side while the request is worked on, so that nobody
	 * waits for the answer; NULL: cannot be known. On a pool thread. */
	bool (*is_gone)(const struct web_req *rq);
	const void *transport; /* of get_query and get_header */
};

/* A response that arrives while the client waits: NDJSON, SSE, big files. Owned by the transport
 * once named in rs. */
struct web_stream {
	/* Writes up to max bytes to out: the number written; 0 when there is nothing now (the
	 * transport calls again after web_stream_wake, and every few seconds for the heartbeat); -1
	 * at the end. On an HTTP thread; must not block. */
	ssize_t (*read)(struct web_stream *st, char *out, size_t max);
	/* The connection is gone or the end was reached; frees st. After it, web_stream_wake is not
	 * called any more. */
	void (*close)(struct web_stream *st);
	int64_t length;	 /* bytes in all, sent as Content-Length: an end before that cuts the
			    connection. 0: not known */
	void *transport; /* set by the transport; NULL before */
};
/* There is something to read. From any thread, also under other locks; never blocks. Harmless
 * before the transport took the stream and after its end. */
void web_stream_wake(struct web_stream *st);

struct web_header {
	const char *name; /* static text */
	char *value;	  /* owned */
};

struct web_later;
struct web_res {
	int status;		  /* 0 until a handler sets it */
	const char *content_type; /* static text */
	struct buf body;
	struct web_header headers[WEB_MAX_HEADERS];
	int n_headers;
	struct web_stream *stream; /* or NULL: body */
	struct web_later *later;   /* or NULL: rs is complete when the handler returns */
	const struct web_req *rq;  /* set before the handler runs; for web_later_start */
};
void web_res_clear(struct web_res *rs);
/* Adds a header; name static, value formatted. */
void web_header_add(struct web_res *rs, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Status and a JSON body; takes the reference. */
void web_json(struct web_res *rs, int status, json_t *body);

/* problem.c: errors as application/problem+json (RFC 9457) with type, title, status, detail, code,
 * request_id, errors
 * [{pointer, detail}] and an OpenAI-style error {message, type, param, code}. The HTTP status of an
 * enum err stands in the one switch without default there. */
void web_fail(const struct web_req *rq, struct web_res *rs, enum err e, const struct errinfo *ei);
void web_fail_faults(const struct web_req *rq, struct web_res *rs, const char *detail,
		     const struct faults *faults);
/* A problem with a status and code of its own (405, 415, 401, 503 draining …). */
void web_problem(const struct web_req *rq, struct web_res *rs, int status, const char *code,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);

/* Tickets: the handler returns, the client goes on waiting, somebody finishes. */
struct web_later *web_later_start(struct web_res *rs); /* sets rs->later */
/* The response to fill, from any thread, until web_later_finish. */
struct web_res *web_later_res(struct web_later *l);
/* A copy of what problem.c needs of the request, valid until web_later_finish. */
const struct web_req *web_later_req(struct web_later *l);
/* Sends it. The ticket is gone afterwards. Once, from any thread; never blocks. */
void web_later_finish(struct web_later *l);

typedef void web_handler(struct app *app, const struct web_req *rq, struct web_res *rs);

enum web_where {
	ON_HTTP, /* short: reads rows, tokenizes a text */
	ON_POOL, /* reads files or much data: runs on a pool thread while the connection is
		    suspended */
};

struct upload;
/* Of a route with .upload: opens the file for the body (upload.h) before that comes. length: of the
 * body, -1 when it is not known. false: rs holds the answer, and the body is dropped. HTTP thread.
 */
typedef bool web_opener(struct app *app, const struct web_req *rq, struct web_res *rs,
			int64_t length, struct upload **out);

struct web_route {
	const char *method, *path; /* "/jobs/:id/metrics" */
	web_handler *handler;
	enum web_scope scope;
	enum web_where where;
	bool upload;	  /* the body is streamed to a file; with json: unless it is JSON */
	web_opener *open; /* NULL: to one in tmp/ of at most max_upload_bytes */
	const char *const
		*query; /* NULL-terminated names of the query parameters it knows; NULL: none */
	bool json;	/* a JSON body is required (with upload: possible): Content-Type checked,
			   parsed by the handler */
};
extern const struct web_route web_routes[]; /* routes.c; a row with a NULL method ends it */

/* Finds the route of a path as it was sent: OK, ERR_SYNTAX (not percent-encoded UTF-8, or U+0000),
 * ERR_NOT_FOUND (no such path) or ERR_UNSUPPORTED (path known, method not; *allow gets the methods,
 * "GET, HEAD, POST"). The path is cut at its slashes before it is decoded, so that a parameter may
 * hold an encoded one. params point into scratch, which is longer than the path. HEAD is served by
 * GET routes. Pure. */
enum err web_match(const char *method, const char *path, char *scratch, size_t size,
		   const struct web_route **route, const char **params, char *allow,
		   size_t allow_size);

/* Whether the Content-Type is that media type, whatever parameters it has. */
bool web_has_type(const struct web_req *rq, const char *type);
/* Whether the body of this request to the route goes to a file. */
bool web_takes_file(const struct web_route *route, const struct web_req *rq);

/* Everything between transport and handler: key check, route, method, content type, unknown query
 * parameters, then the handler, on this thread. Used by http_visit.c (which takes the route first
 * to choose the thread) and by tests. A ticket is waited for only by web_dispatch_wait. */
void web_dispatch(struct app *app, struct web_req *rq, struct web_res *rs);
void web_dispatch_wait(struct app *app, struct web_req *rq, struct web_res *rs);

/* The halves of web_dispatch, for the transport. web_check says all that can be said before the
 * body is there: false and rs filled, or true, *route and rq->params, which point into scratch
 * (longer than the path, alive as long as rq). */
bool web_check(struct app *app, struct web_req *rq, struct web_res *rs, char *scratch, size_t size,
	       const struct web_route **route);
void web_run(struct app *app, const struct web_route *route, const struct web_req *rq,
	     struct web_res *rs);

/* The transport's side of a ticket. web_later_watch: true, and done will be called once, from the
 * finishing thread, with no lock of the ticket held; false: it is finished already and done is not
 * called. */
bool web_later_watch(struct web_later *l, void (*done)(void *ctx), void *ctx);
/* After it is finished: moves the response into rs and frees the ticket. */
void web_later_take(struct web_later *l, struct web_res *rs);

#endif
