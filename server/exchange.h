/* One request on its way in, without a socket: its target, the checks of its head, and its body.
 *
 * http_visit.c feeds it and answers. On an HTTP thread, but while a handler works on it. */
#ifndef BERTD_SERVER_EXCHANGE_H
#define BERTD_SERVER_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "upload.h"
#include "uri.h"
#include "web.h"

struct exchange {
	struct app *app;
	struct web_req rq; /* get_header is the transport's; rq.transport is what holds this as its
			      first member */
	struct web_res rs;
	const struct web_route *route; /* NULL: none was found */
	bool refused; /* rs holds the problem; what still comes of the body is dropped */

	/* the exchange's own: */
	char method[32];
	char *target;  /* path, and behind its end the query */
	char *scratch; /* what rq.params point into */
	struct uri_query query;
	struct buf body;
	struct upload *upload;
	int64_t length;	 /* Content-Length; -1: chunked; 0: no body */
	int64_t dropped; /* bytes */
	bool unframed;	 /* where the body ends cannot be known */
};

/* Zeroes and keeps a copy of the target as it was sent. */
void exchange_init(struct exchange *ex, struct app *app, const char *target);
void exchange_clear(struct exchange *ex);

/* The head is there: does all checks that need no body, and opens the file of an upload.
 * rq.get_header is set. Returns whether the answer must go out at once, because the body is not
 * worth waiting for. */
bool exchange_begin(struct exchange *ex, const char *method);
/* The next bytes of the body. false: too many came after it was refused; the connection is to be
 * cut. */
bool exchange_take(struct exchange *ex, const char *data, size_t n);
/* The body is complete: true when the handler can run; false: rs holds the problem. */
bool exchange_whole(struct exchange *ex);
/* rs is complete and goes out next: closes the upload, so that who has the answer finds it closed.
 */
void exchange_close(struct exchange *ex);

#endif
