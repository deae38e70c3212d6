/* The transport's parts: its start and stop (http.c) and what becomes of a connection
 * (http_visit.c). The only microhttpd.h.
 *
 * Each request is a visit, made when its first line is read and freed when MHD says that it is
 * over. While a pool thread or a ticket works on it the connection is suspended, and MHD touches
 * neither. One lock orders "finished" against "suspended": whoever comes second does the right
 * thing, and after the visit is resumed only the HTTP thread may touch it. Lock order: hub, then
 * ours, then MHD's own; handlers and streams are called without ours. */
#ifndef BERTD_SERVER_HTTP_IMPL_H
#define BERTD_SERVER_HTTP_IMPL_H

#include <microhttpd.h>
#include <pthread.h>

#include "app.h"
#include "exchange.h"
#include "http.h"
#include "pool.h"

enum phase {
	PHASE_HEADERS, /* nothing was checked yet */
	PHASE_BODY,
	PHASE_WORK,  /* a pool thread or a ticket has it */
	PHASE_READY, /* rs is complete */
	PHASE_SENT,
};

/* An exchange with its connection. */
struct visit {
	struct exchange x; /* first: rq.transport is the visit */
	struct http *http;
	struct MHD_Connection *connection;
	enum phase phase; /* from PHASE_WORK on under the lock, as are the next ones */
	bool suspended;
	bool whole;	       /* counted in n_whole */
	bool woken;	       /* the stream has news */
	struct visit **behind; /* of http->streams: what points here; NULL: not in the list */
	struct visit *next;
	int64_t sent;
	double start;
};

/* A connection: who was let in gets an answer to the first request. */
struct guest {
	bool asked;
};

struct http {
	struct app *app;
	struct MHD_Daemon *mhd;
	int listen_fd, port;
	struct pool *pool;
	pthread_t ticker;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a count below went down */
	pthread_cond_t ticks;	/* ended was set */
	struct visit *streams;
	int n_visits;	 /* requests that have begun, and guests that have not asked yet */
	int n_whole;	 /* of these, such that were read to their end */
	int n_inside;	 /* calls into app */
	int n_suspended; /* connections */
	bool draining;	 /* streams end, connections are not kept */
	bool closed;	 /* nothing of app is called any more */
	bool ended;	 /* the ticker leaves */
};

/* Under the lock: the connection goes on, if it is suspended. */
void visit_resume_locked(struct visit *v);

/* What MHD calls; cls is the struct http. */
void visit_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			 enum MHD_ConnectionNotificationCode code);
void *visit_on_target(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result visit_on_request(void *cls, struct MHD_Connection *connection, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *size, void **con_cls);
void visit_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			enum MHD_RequestTerminationCode code);

#endif
