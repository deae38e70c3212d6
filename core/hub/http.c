/* One download over HTTP: see http.h. */
#include "hub/http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "hub/head.h"
#include "hub/url.h"

#define POLL_MS	    100
#define BUFFER_SIZE (128 << 10)

struct transfer {
	const struct http_policy *policy;
	const struct http_request *rq;
	struct http_response *out;
	struct errinfo *ei;
	CURLM *multi;
	CURL *easy;
	double deadline;

	/* of the hop */
	const struct url *url;
	bool with_token;
	struct head head;
	enum err verdict; /* what a callback of ours ended it with */
	bool stopped;	  /* ended by us because the head says all */
	bool refused;	  /* an address was */
	bool hurry;	  /* curl has the next address to try, and nothing to wait for */
	int64_t body_bytes;
	int64_t window_bytes; /* since window_start */
	double window_start;
	char curl_words[CURL_ERROR_SIZE];
};

static void start_curl(void)
{
	BUG_ON(curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK);
}

/* Called by curl */

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transfer *t = arg;

	(void)purpose;
	if (!url_by_proxy(t->policy) && !address_is_public(&a->addr) &&
	    !networks_contain(t->policy->private_networks, &a->addr)) {
		t->refused = t->hurry = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void open_window(struct transfer *t)
{
	t->window_bytes = 0;
	t->window_start = clock_monotonic();
}

static void copy_once(char *out, size_t size, const char *from)
{
	if (!*out)
		memcpy(out, from, size);
}

/* What the hop's head says, beside what earlier hops have said. */
static void learn(struct transfer *t)
{
	struct http_response r = t->head.r, *was = t->out;

	copy_once(was->commit, sizeof(was->commit), r.commit);
	copy_once(was->linked_etag, sizeof(was->linked_etag), r.linked_etag);
	memcpy(r.commit, was->commit, sizeof(r.commit));
	memcpy(r.linked_etag, was->linked_etag, sizeof(r.linked_etag));
	if (was->linked_size >= 0)
		r.linked_size = was->linked_size;
	*was = r;
}

static enum err judge_body(struct transfer *t)
{
	const struct http_response *r = &t->head.r;
	const char *host = t->url->host;

	if (t->head.encoded)
		return err_set(t->ei, ERR_UNSUPPORTED, "%s sent a compressed body", host);
	if (r->status == 206 && (t->rq->range_from <= 0 || r->range_from != t->rq->range_from))
		return err_set(t->ei, ERR_NETWORK, "%s sent another range than was asked for",
			       host);
	if (r->content_length > t->rq->max_bytes)
		return err_set(t->ei, ERR_TOO_LARGE,
			       "%s announced %" PRId64 " bytes, the limit is %" PRId64, host,
			       r->content_length, t->rq->max_bytes);
	return OK;
}

static enum err end_head(struct transfer *t)
{
	bool good = t->head.r.status >= 200 && t->head.r.status < 300;
	enum err e = good ? judge_body(t) : OK;

	learn(t);
	open_window(t);
	t->stopped = !good;
	if (e != OK || head_redirects(&t->head) || !t->rq->begin)
		return e;
	return t->rq->begin(t->rq->ctx, t->out, t->ei);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	bool was_complete = t->head.complete;
	struct errinfo why;

	t->window_bytes += (int64_t)(size * n);
	t->verdict = head_line(&t->head, line, size * n, &why);
	if (t->verdict != OK)
		err_set(t->ei, t->verdict, "%s: %s", t->url->host, why.msg);
	else if (t->head.complete && !was_complete)
		t->verdict = end_head(t);
	return t->verdict == OK && !t->stopped ? size * n : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	n *= size;
	t->window_bytes += (int64_t)n;
	t->body_bytes += (int64_t)n;
	if (!t->head.complete) /* what follows a 101 */
		t->verdict = err_set(t->ei, ERR_NETWORK, "%s sent what is not HTTP", t->url->host);
	else if (t->body_bytes > t->rq->max_bytes)
		t->verdict = err_set(t->ei, ERR_TOO_LARGE,
				     "%s sent more than the limit of %" PRId64 " bytes",
				     t->url->host, t->rq->max_bytes);
	else if (t->rq->body && n)
		t->verdict = t->rq->body(t->rq->ctx, data, n, t->ei);
	return t->verdict == OK ? n : CURL_WRITEFUNC_ERROR;
}

/* One hop */

static void add_header(struct curl_slist **list, char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	BUG_ON(!longer);
	*list = longer;
	free(text);
}

static struct curl_slist *write_headers(const struct transfer *t)
{
	const struct http_request *rq = t->rq;
	struct curl_slist *list = NULL;

	add_header(&list, mem_strdup("Accept-Encoding: identity"));
	if (t->with_token)
		add_header(&list, mem_printf("Authorization: Bearer %s", rq->token));
	if (rq->range_from > 0)
		add_header(&list, mem_printf("Range: bytes=%" PRId64 "-", rq->range_from));
	if (rq->range_from > 0 && rq->if_range)
		add_header(&list, mem_printf("If-Range: \"%s\"", rq->if_range));
	if (rq->if_none_match)
		add_header(&list, mem_printf("If-None-Match: \"%s\"", rq->if_none_match));
	return list;
}

static const char *authorities(void)
{
	const char *file = getenv("CURL_CA_BUNDLE");

	return file && *file ? file : getenv("SSL_CERT_FILE");
}

#define SET(option, value) BUG_ON(curl_easy_setopt(t->easy, option, value) != CURLE_OK)

/* What keeps it within the rules. */
static void set_rules(struct transfer *t)
{
	const struct http_policy *p = t->policy;

	SET(CURLOPT_PROTOCOLS_STR, t->url->tls ? "https" : "http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_PROXY, url_by_proxy(p) ? p->proxy : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (authorities() && *authorities())
		SET(CURLOPT_CAINFO, authorities());
}

static void set_transfer(struct transfer *t, struct curl_slist *headers)
{
	const struct http_policy *p = t->policy;

	SET(CURLOPT_URL, t->url->text);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_USERAGENT, p->user_agent);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
	SET(CURLOPT_CONNECTTIMEOUT, p->connect_timeout_s ? p->connect_timeout_s : 10L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* waits for no resolver when it is cancelled */
	SET(CURLOPT_ERRORBUFFER, t->curl_words);
}

#undef SET

/* Whether it has to end although curl would go on. */
static enum err watch(struct transfer *t)
{
	long stall = t->policy->stall_timeout_s ? t->policy->stall_timeout_s : 30;
	double now = clock_monotonic();

	if (t->rq->cancelled && t->rq->cancelled(t->rq->ctx))
		return err_set(t->ei, ERR_CANCELLED, "the download was cancelled");
	if (now > t->deadline)
		return err_set(t->ei, ERR_NETWORK, "%s took too long", t->url->host);
	if (now - t->window_start < (double)stall)
		return OK;
	if (t->window_bytes < stall * HTTP_MIN_SPEED)
		return err_set(t->ei, ERR_NETWORK, "%s stalled for %ld s", t->url->host, stall);
	open_window(t);
	return OK;
}

/* Moves bytes until curl or a callback ends it. */
static CURLcode drive(struct transfer *t)
{
	int running = 1, left;
	CURLMcode mc = curl_multi_add_handle(t->multi, t->easy);
	CURLMsg *end = NULL;

	while (mc == CURLM_OK && t->verdict == OK) {
		mc = curl_multi_perform(t->multi, &running);
		if (mc != CURLM_OK || !running)
			break;
		t->verdict = watch(t);
		if (t->verdict == OK && !t->hurry)
			mc = curl_multi_poll(t->multi, NULL, 0, POLL_MS, NULL);
		t->hurry = false;
	}
	if (!running)
		end = curl_multi_info_read(t->multi, &left);
	CURLcode rc = end ? end->data.result : CURLE_FAILED_INIT;
	curl_multi_remove_handle(t->multi, t->easy);
	return rc;
}

static const struct {
	CURLcode code;
	enum err err;
	const char *words; /* after the host */
} faults[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ERR_NETWORK, "is a name that could not be resolved" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ERR_NETWORK,
	  "cannot be asked: the proxy is a name that could not be resolved" },
	{ CURLE_COULDNT_CONNECT, ERR_NETWORK, "could not be connected to" },
	{ CURLE_OPERATION_TIMEDOUT, ERR_NETWORK, "could not be connected to in time" },
	{ CURLE_PARTIAL_FILE, ERR_NETWORK, "closed the connection before the end" },
	{ CURLE_GOT_NOTHING, ERR_NETWORK, "closed the connection without an answer" },
	{ CURLE_RECV_ERROR, ERR_NETWORK, "broke the connection" },
	{ CURLE_SEND_ERROR, ERR_NETWORK, "broke the connection" },
	{ CURLE_WEIRD_SERVER_REPLY, ERR_NETWORK, "sent what is not HTTP" },
	{ CURLE_UNSUPPORTED_PROTOCOL, ERR_NETWORK, "sent what is not HTTP" },
	{ CURLE_BAD_CONTENT_ENCODING, ERR_UNSUPPORTED, "sent a body in an unknown encoding" },
	/* the lines of heads have a limit of curl's own, and this is how it says so */
	{ CURLE_OUT_OF_MEMORY, ERR_TOO_LARGE, "sent a line of a head that is too long" },
};

/* curl's words, which may quote the server, as one line of ASCII. */
static const char *plain_words(struct transfer *t)
{
	for (char *p = t->curl_words; *p; p++)
		if (*p < 0x20 || *p >= 0x7f)
			*p = '?';
	return t->curl_words;
}

static enum err explain(struct transfer *t, CURLcode rc)
{
	const char *host = t->url->host,
		   *way = url_by_proxy(t->policy) ? ", by way of the proxy" : "";
	long proxy_says = 0;

	curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_says);
	if (proxy_says && proxy_says / 100 != 2)
		return err_set(t->ei, ERR_NETWORK, "the proxy refused to connect to %s (%ld)", host,
			       proxy_says);
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (faults[i].code == rc)
			return err_set(t->ei, faults[i].err, "%s %s%s", host, faults[i].words, way);
	if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CONNECT_ERROR)
		return err_set(t->ei, ERR_NETWORK, "no safe connection to %s: %s", host,
			       plain_words(t));
	return err_set(t->ei, ERR_NETWORK, "%s: %s", host, curl_easy_strerror(rc));
}

static enum err run_hop(struct transfer *t)
{
	struct curl_slist *headers = write_headers(t);

	head_init(&t->head);
	t->verdict = OK;
	t->stopped = t->refused = t->hurry = false;
	t->body_bytes = 0;
	t->curl_words[0] = '\0';
	open_window(t);
	curl_easy_reset(t->easy);
	set_rules(t);
	set_transfer(t, headers);
	CURLcode rc = drive(t);
	curl_slist_free_all(headers);

	if (t->verdict != OK || t->stopped)
		return t->verdict;
	if (t->refused && rc == CURLE_COULDNT_CONNECT)
		return err_set(t->ei, ERR_DENIED,
			       "%s has an address that is not public, and not in "
			       "private_networks",
			       t->url->host);
	if (rc == CURLE_OK && !t->head.complete)
		rc = CURLE_WEIRD_SERVER_REPLY;
	return rc == CURLE_OK ? OK : explain(t, rc);
}

/* All hops */

static enum err judge_url(const struct http_policy *policy, const struct http_request *rq,
			  const struct url *u, struct errinfo *ei)
{
	enum err e = url_allowed(u, policy, ei);

	if (e == OK && rq->allow_host && !rq->allow_host(rq->ctx, u->host))
		e = err_set(ei, ERR_DENIED, "downloads from %s are not allowed", u->host);
	return e;
}

/* Where the head of from leads. */
static enum err next_hop(const struct transfer *t, const struct url *from, struct url *to)
{
	struct errinfo why;
	enum err e = url_resolve(from, t->head.location, to, &why);

	if (e == OK)
		e = judge_url(t->policy, t->rq, to, &why);
	if (e == OK)
		return OK;
	return err_set(t->ei, ERR_DENIED, "a redirect of %s is refused: %s", from->host, why.msg);
}

static enum err run_hops(struct transfer *t)
{
	struct url urls[HTTP_MAX_REDIRECTS + 1];
	enum err e = url_parse(t->rq->url, &urls[0], t->ei);

	if (e == OK)
		e = judge_url(t->policy, t->rq, &urls[0], t->ei);
	t->with_token = t->rq->token != NULL;
	for (int i = 0; e == OK; i++) {
		t->url = &urls[i];
		e = run_hop(t);
		if (e != OK || !head_redirects(&t->head))
			break;
		if (i == HTTP_MAX_REDIRECTS)
			return err_set(t->ei, ERR_NETWORK, "%s redirects more than %d times",
				       urls[0].host, HTTP_MAX_REDIRECTS);
		e = next_hop(t, &urls[i], &urls[i + 1]);
		t->with_token &= e == OK && url_same_origin(&urls[0], &urls[i + 1]);
	}
	return e;
}

static enum err check_request(const struct http_request *rq, struct errinfo *ei)
{
	if (rq->token && !head_is_visible(rq->token))
		return err_set(ei, ERR_INVALID, "the token has other than visible ASCII in it");
	if ((rq->if_range && !head_is_visible(rq->if_range)) ||
	    (rq->if_none_match && !head_is_visible(rq->if_none_match)))
		return err_set(ei, ERR_INVALID, "the ETag has other than visible ASCII in it");
	return OK;
}

enum err http_get(const struct http_policy *policy, const struct http_request *rq,
		  struct http_response *out, struct errinfo *ei)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	long total = policy->total_timeout_s ? policy->total_timeout_s : 24 * 3600;
	struct transfer t = { .policy = policy,
			      .rq = rq,
			      .out = out,
			      .ei = ei,
			      .deadline = clock_monotonic() + (double)total };
	enum err e = check_request(rq, ei);

	head_init(&t.head);
	*out = t.head.r;
	if (e != OK)
		return e;
	pthread_once(&once, start_curl);
	t.multi = curl_multi_init();
	t.easy = curl_easy_init();
	BUG_ON(!t.multi || !t.easy);
	e = run_hops(&t);
	curl_easy_cleanup(t.easy);
	curl_multi_cleanup(t.multi);
	return e;
}

enum err http_check_url(const struct http_policy *policy, const char *url,
			char host[HTTP_HOST_SIZE], struct errinfo *ei)
{
	struct url u;
	enum err e = url_parse(url, &u, ei);

	if (e == OK)
		e = url_allowed(&u, policy, ei);
	if (e == OK && host)
		memcpy(host, u.host, sizeof(u.host));
	return e;
}

static enum err check_proxy(const char *proxy, struct errinfo *ei)
{
	const char *at = strrchr(proxy, '@');
	struct url u;

	if (strncmp(proxy, "http://", 7) != 0)
		return err_set(ei, ERR_INVALID, "proxy: must begin with http://");
	char *bare = mem_printf("http://%s", at ? at + 1 : proxy + 7);
	const char *port = strrchr(bare + 7, ':');
	/* without one curl would take another than 80 */
	bool has_port = port && port[1 + strcspn(port + 1, "]")] == '\0';
	enum err e = url_parse(bare, &u, NULL);
	free(bare);
	if (e != OK || !has_port || strcmp(u.text + u.path, "/") != 0)
		return err_set(ei, ERR_INVALID, "proxy: must be http://[USER:PASSWORD@]HOST:PORT");
	return OK;
}

enum err http_check_policy(const struct http_policy *policy, struct errinfo *ei)
{
	enum err e = url_by_proxy(policy) ? check_proxy(policy->proxy, ei) : OK;

	return e != OK ? e : url_check_hosts(policy->http_hosts, ei);
}
