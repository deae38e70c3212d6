/* http.h without a network, for one test program: it stands in for core/hub/http.c, as the test's
 * own symbols come before the library's. Answers are looked up by a part of the URL, in order; each
 * can be given a number of times. */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "hub/http.h"

struct fake_answer {
	const char *url; /* a part of it */
	int times;	 /* how often; 0: always */
	int status;	 /* 0: the connection breaks before the head */
	const char *body;
	struct http_response head; /* what it says besides status and length */
	size_t cut;		   /* bytes of the body after which it breaks; 0: none */
	int asked;		   /* how often it was given */
};

static struct fake_answer *fake_answers; /* ends with one without a URL */
static pthread_mutex_t fake_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct fake_answer *fake_find(const char *url)
{
	struct fake_answer *a = fake_answers;

	pthread_mutex_lock(&fake_mutex);
	while (a->url && (!strstr(url, a->url) || (a->times && a->asked >= a->times)))
		a++;
	a->asked++;
	pthread_mutex_unlock(&fake_mutex);
	return a->url ? a : NULL;
}

static enum err fake_send(const struct http_request *rq, const char *body, size_t cut,
			  struct errinfo *ei)
{
	enum err e = OK;

	for (size_t i = 0; body[i] && e == OK; i++) {
		if (cut && i == cut)
			return err_set(ei, ERR_NETWORK, "the connection was cut");
		if (rq->cancelled(rq->ctx))
			return err_set(ei, ERR_CANCELLED, "stopped on request");
		e = rq->body(rq->ctx, body + i, 1, ei);
	}
	return e;
}

enum err http_get(const struct http_policy *policy, const struct http_request *rq,
		  struct http_response *out, struct errinfo *ei)
{
	struct fake_answer *a = fake_find(rq->url);
	size_t all = a && a->body ? strlen(a->body) : 0;

	(void)policy;
	if (!a || !a->status)
		return err_set(ei, ERR_NETWORK, "%s: no answer", rq->url);
	*out = a->head;
	out->status = a->status;
	out->content_length = (int64_t)all;
	out->range_from = out->range_total = -1;
	out->linked_size = out->linked_size ? out->linked_size : -1;
	out->retry_after_s = out->retry_after_s ? out->retry_after_s : -1;
	if (rq->range_from && a->status == 200) {
		out->status = 206;
		out->range_from = rq->range_from;
		out->range_total = (int64_t)all;
		out->content_length -= rq->range_from;
	}
	enum err e = rq->begin(rq->ctx, out, ei);
	if (e != OK || a->status != 200)
		return e;
	return fake_send(rq, a->body + rq->range_from, a->cut, ei);
}

enum err http_check_url(const struct http_policy *policy, const char *url,
			char host[HTTP_HOST_SIZE], struct errinfo *ei)
{
	(void)policy;
	if (host)
		snprintf(host, HTTP_HOST_SIZE, "%.*s", (int)strcspn(url + 8, "/"), url + 8);
	return strncmp(url, "https://", 8) == 0 ? OK : err_set(ei, ERR_INVALID, "not https");
}

enum err http_check_policy(const struct http_policy *policy, struct errinfo *ei)
{
	(void)policy;
	(void)ei;
	return OK;
}

#endif
