/* The transport: sockets and HTTP by libmicrohttpd, connections that wait, bodies that stream.
 *
 * A request runs on an HTTP thread up to its handler. ON_POOL handlers and tickets leave the
 * connection suspended until somebody has filled the response; streams are suspended whenever they
 * have nothing to say. */
#ifndef BERTD_SERVER_HTTP_H
#define BERTD_SERVER_HTTP_H

#include <stdbool.h>

#include "base/err.h"

struct app;
struct http;

/* Listens on the address of app->config and serves web_routes. ERR_INVALID (listen), ERR_IO (the
 * address is taken …). */
enum err http_start(struct app *app, struct http **out, struct errinfo *ei) MUST_USE;
/* The port that is listened on. */
int http_port(const struct http *h);

/* First half of the clean stop: accepts no more, ends the streams, and waits a bounded time for the
 * requests in flight. Afterwards no handler and no stream reads anything of app any more; tickets
 * that are open may still be finished. false: a handler is still at work, so that nothing of app
 * may be taken apart. */
bool http_drain(struct http *h);
/* Second half, when nobody holds a ticket any more: sends what is left, ends the threads and frees.
 * false: somebody still waits, and h stays as it is. Drains first where that was not done. */
bool http_stop(struct http *h);

#endif
