/* The transport, over real sockets of the loopback, with routes of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/mem.h"
#include "http.h"
#include "web.h"

#define MAX_BODY   (200 << 10)
#define MAX_UPLOAD (3 << 20)

static struct config config;
static struct app app;
static struct http *http;

/* A gate that handlers wait at and tests open. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int at_gate;
static struct web_later *ticket;

static void set_gate(bool open)
{
	pthread_mutex_lock(&lock);
	gate_open = open;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
}

static void wait_for_arrivals(int n)
{
	pthread_mutex_lock(&lock);
	while (at_gate < n)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
}

/* Handlers */

static void hello(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	web_json(rs, 200, json_pack("{s:s, s:s?}", "path", rq->path, "q", rq->get_query(rq, "q")));
}

static void echo(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	rs->status = 200;
	rs->content_type = "text/plain";
	buf_append(&rs->body, rq->body, rq->body_len);
}

static void nothing(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	(void)rq;
	rs->status = 204;
}

static void slow(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	pthread_mutex_lock(&lock);
	at_gate++;
	pthread_cond_broadcast(&cond);
	while (!gate_open)
		pthread_cond_wait(&cond, &lock);
	at_gate--;
	pthread_mutex_unlock(&lock);
	web_json(rs, 200, json_pack("{s:s}", "slow", rq->params[0]));
}

static void upload(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	web_json(rs, 201,
		 json_pack("{s:s, s:I, s:I}", "sha256", rq->upload->sha256, "bytes",
			   (json_int_t)rq->upload->bytes, "there",
			   (json_int_t)files_tree_bytes(app.places.data_dir)));
}

static void open_ticket(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	(void)rq;
	pthread_mutex_lock(&lock);
	ticket = web_later_start(rs);
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
}

static struct web_later *take_ticket(void)
{
	pthread_mutex_lock(&lock);
	while (!ticket)
		pthread_cond_wait(&cond, &lock);
	struct web_later *l = ticket;
	ticket = NULL;
	pthread_mutex_unlock(&lock);
	return l;
}

static void finish_ticket(struct web_later *l)
{
	web_json(web_later_res(l), 200, json_pack("{s:s}", "for", web_later_req(l)->request_id));
	web_later_finish(l);
}

/* A stream that gives what the test put into it. */
struct source {
	struct web_stream base;
	pthread_mutex_t lock;
	char text[256];
	size_t len;
	bool end;
};
static struct source *source; /* the open one; NULL after close */
static int reads;

static ssize_t source_read(struct web_stream *base, char *out, size_t max)
{
	struct source *s = (struct source *)base;

	pthread_mutex_lock(&s->lock);
	__atomic_fetch_add(&reads, 1, __ATOMIC_RELAXED);
	ssize_t n = s->len < max ? (ssize_t)s->len : (ssize_t)max;
	memcpy(out, s->text, (size_t)n);
	s->len = 0;
	if (n == 0 && s->end)
		n = -1;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void source_close(struct web_stream *base)
{
	pthread_mutex_lock(&lock);
	source = NULL;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
	free(base);
}

static void stream(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	struct source *s = mem_zalloc(1, sizeof(*s));

	(void)a;
	(void)rq;
	s->base.read = source_read;
	s->base.close = source_close;
	pthread_mutex_init(&s->lock, NULL);
	rs->status = 200;
	rs->content_type = "application/x-ndjson";
	rs->stream = &s->base;
	pthread_mutex_lock(&lock);
	source = s;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&lock);
}

/* Puts text into the open stream, or ends it. The lock keeps it from being closed meanwhile. */
static bool put(const char *text)
{
	pthread_mutex_lock(&lock);
	if (source) {
		pthread_mutex_lock(&source->lock);
		if (text)
			source->len =
				(size_t)snprintf(source->text, sizeof(source->text), "%s", text);
		else
			source->end = true;
		pthread_mutex_unlock(&source->lock);
		web_stream_wake(&source->base);
	}
	bool open = source != NULL;
	pthread_mutex_unlock(&lock);
	return open;
}

static void wait_for_stream(bool open)
{
	pthread_mutex_lock(&lock);
	while ((source != NULL) != open)
		pthread_cond_wait(&cond, &lock);
	pthread_mutex_unlock(&lock);
}

/* A stream of the three bytes "abc" that says it has as many as the path does. */
struct sized {
	struct web_stream base;
	bool sent;
};

static ssize_t sized_read(struct web_stream *base, char *out, size_t max)
{
	struct sized *s = (struct sized *)base;

	(void)max;
	if (s->sent)
		return -1;
	s->sent = true;
	memcpy(out, "abc", 3);
	return 3;
}

static void sized_close(struct web_stream *base)
{
	free(base);
}

static void sized(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	struct sized *s = mem_zalloc(1, sizeof(*s));

	(void)a;
	s->base.read = sized_read;
	s->base.close = sized_close;
	s->base.length = atoll(rq->params[0]);
	rs->stream = &s->base;
	rs->status = 200;
	rs->content_type = "application/x-tar";
}

static void either(struct app *a, const struct web_req *rq, struct web_res *rs)
{
	(void)a;
	web_json(rs, 200,
		 json_pack("{s:b, s:I}", "file", rq->upload != NULL, "bytes",
			   rq->upload ? (json_int_t)rq->upload->bytes : (json_int_t)rq->body_len));
}

static const char *const hello_query[] = { "q", NULL };

const struct web_route web_routes[] = {
	{ "GET", "/hello", hello, SCOPE_NONE, .query = hello_query },
	{ "POST", "/echo", echo, SCOPE_NONE, .json = true },
	{ "DELETE", "/echo", nothing, SCOPE_NONE, .where = ON_HTTP },
	{ "GET", "/slow/:id", slow, SCOPE_NONE, .where = ON_POOL },
	{ "POST", "/upload", upload, SCOPE_NONE, ON_POOL, .upload = true },
	{ "POST", "/either", either, SCOPE_NONE, ON_POOL, .upload = true, .json = true },
	{ "GET", "/sized/:bytes", sized, SCOPE_NONE, .where = ON_HTTP },
	{ "POST", "/later", open_ticket, SCOPE_NONE, .where = ON_HTTP },
	{ "GET", "/stream", stream, SCOPE_NONE, .where = ON_HTTP },
	{ .method = NULL },
};

/* A client */

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_port(http)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 10, 0 }, sizeof(struct timeval));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void send_bytes(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t w = send(fd, data, n, MSG_NOSIGNAL);
		assert_true(w > 0);
		data += w;
		n -= (size_t)w;
	}
}

static void send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

/* Reads until text has arrived, or the end. Adds to in; returns whether it is there. */
static bool read_until(int fd, struct buf *in, const char *text)
{
	char block[4096];

	while (!in->data || !strstr(in->data, text)) {
		ssize_t n = recv(fd, block, sizeof(block), 0);
		if (n <= 0)
			return false;
		buf_append(in, block, (size_t)n);
	}
	return true;
}

/* Sends a request that is answered on a closing connection; the whole answer, which the caller
 * frees. */
static char *ask(const char *request)
{
	struct buf in = { 0 };
	int fd = dial();

	send_text(fd, request);
	read_until(fd, &in, "\1");
	close(fd);
	return buf_take(&in);
}

static void asks(const char *request, const char *status, const char *holds)
{
	char *got = ask(request);

	if (strncmp(got, status, strlen(status)) != 0 || !strstr(got, holds))
		fail_msg("to \"%.60s\" came \"%s\"", request, got);
	free(got);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"
#define JSON  "Host: x\r\nConnection: close\r\nContent-Type: application/json\r\n"

static int count_tmp(void)
{
	char *path = mem_printf("%s/tmp", app.places.data_dir);
	DIR *d = opendir(path);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	free(path);
	return n - 2;
}

static int start(void **state)
{
	struct errinfo ei;
	char *tmp;

	(void)state;
	config_init(&config);
	free(config.listen);
	config.listen = mem_strdup("127.0.0.1:0");
	config.http_threads = 2;
	config.max_body_bytes = MAX_BODY;
	config.max_upload_bytes = MAX_UPLOAD;
	config.min_free_bytes = 0;
	app.config = &config;
	app.places.data_dir = mkdtemp(mem_strdup("/tmp/bertd-http-XXXXXX"));
	tmp = mem_printf("%s/tmp", app.places.data_dir);
	assert_int_equal(files_make_dirs(tmp, &ei), OK);
	free(tmp);
	gate_open = false;
	at_gate = 0;
	ticket = NULL;
	assert_int_equal(http_start(&app, &http, &ei), OK);
	return 0;
}

static int stop(void **state)
{
	struct errinfo ei;

	(void)state;
	set_gate(true);
	assert_true(http_stop(http));
	assert_int_equal(files_remove(app.places.data_dir, &ei), OK);
	free((char *)app.places.data_dir);
	config_clear(&config);
	return 0;
}

/* Requests and answers */

static void answer_has_its_headers(void **state)
{
	char *got = ask("GET /hello?q=a%20b+c HTTP/1.1\r\nX-Request-Id: my.id-1\r\n" CLOSE);
	(void)state;

	assert_ptr_equal(strstr(got, "HTTP/1.1 200 OK\r\n"), got);
	assert_non_null(strstr(got, "\r\nX-Request-Id: my.id-1\r\n"));
	assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(got, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(got, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(got, "\r\n\r\n{\"path\":\"/hello\",\"q\":\"a b c\"}\n"));
	free(got);
}

static void odd_request_ids_are_replaced(void **state)
{
	static const char *const odd[] = { "", "a b", "a\"b",
					   "0123456789012345678901234567890123456" };
	char request[256];
	(void)state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		snprintf(request, sizeof(request),
			 "GET /hello HTTP/1.1\r\nX-Request-Id: %s\r\n" CLOSE, odd[i]);
		asks(request, "HTTP/1.1 200", "\r\nX-Request-Id: req_");
	}
}

static void head_is_get_without_its_body(void **state)
{
	char *got = ask("HEAD /hello HTTP/1.1\r\n" CLOSE);
	(void)state;

	assert_ptr_equal(strstr(got, "HTTP/1.1 200"), got);
	assert_non_null(strstr(got, "\r\nContent-Length: 27\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	free(got);
}

static void no_content_has_no_body(void **state)
{
	char *got = ask("DELETE /echo HTTP/1.1\r\n" CLOSE);
	(void)state;

	assert_ptr_equal(strstr(got, "HTTP/1.1 204"), got);
	assert_null(strstr(got, "Content-Type:"));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n");
	free(got);
}

static void hostile_requests_are_refused(void **state)
{
	static const struct {
		const char *request, *status, *holds;
	} cases[] = {
		{ "GET /nothing HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404", "\"code\":\"no_route\"" },
		{ "PUT /echo HTTP/1.1\r\n" CLOSE, "HTTP/1.1 405", "\r\nAllow: POST, DELETE\r\n" },
		{ "VERYLONGMETHODTHATNOBODYKNOWSATALL /echo HTTP/1.1\r\n" CLOSE, "HTTP/1.1 405",
		  "Allow: " },
		{ "GET /hello?p=1 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 422", "unknown query parameter" },
		{ "GET /hello?q=1&q=2 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 422", "is given twice" },
		{ "GET /hello?q=%zz HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400", "\"code\":\"query\"" },
		{ "GET /hello?q=%00 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400", "\"code\":\"query\"" },
		{ "GET /slow/%zz HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400", "\"code\":\"path\"" },
		{ "GET /slow/%00 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400", "\"code\":\"path\"" },
		{ "GET /slow/%ff HTTP/1.1\r\n" CLOSE, "HTTP/1.1 400", "\"code\":\"path\"" },
		{ "POST /echo HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE "{}", "HTTP/1.1 415",
		  "application/json" },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip\r\n" JSON "\r\nx", "HTTP/1.1 400",
		  "\"code\":\"framing\"" },
		{ "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n" JSON
		  "\r\n0\r\n\r\n",
		  "HTTP/1.1 400", "\"code\":\"framing\"" },
		{ "GET http://evil.example/hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200",
		  "\"path\":\"/hello\"" },
		{ "GET http://evil.example HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404", "no_route" },
		{ "OPTIONS * HTTP/1.1\r\n" CLOSE, "HTTP/1.1 404", "no_route" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		asks(cases[i].request, cases[i].status, cases[i].holds);
}

static void overlong_target_is_414(void **state)
{
	struct buf request = { 0 };
	(void)state;

	buf_printf(&request, "GET /hello?q=%05000d HTTP/1.1\r\n" CLOSE, 0);
	asks(request.data, "HTTP/1.1 414", "uri_too_long");
	buf_clear(&request);
}

static void old_clients_are_answered(void **state)
{
	(void)state;

	asks("GET /hello HTTP/1.0\r\n\r\n", "HTTP/1.", "\"path\":\"/hello\"");
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	char *got = ask("GET /hello?q=1 HTTP/1.1\r\nHost: x\r\n\r\n"
			"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
			"Content-Length: 3\r\n\r\n[2]"
			"GET /hello?q=3 HTTP/1.1\r\n" CLOSE);
	(void)state;

	char *one = strstr(got, "\"q\":\"1\"}"), *two = strstr(got, "[2]"),
	     *three = strstr(got, "\"q\":\"3\"}");
	assert_true(one && two && three && one < two && two < three);
	free(got);
}

/* Bodies */

static void json_body_arrives_whole_however_it_is_sent(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	asks("POST /echo HTTP/1.1\r\n" JSON "Content-Length: 7\r\n\r\n{\"a\":1}", "HTTP/1.1 200",
	     "\r\n\r\n{\"a\":1}");
	asks("POST /echo HTTP/1.1\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n"
	     "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
	     "HTTP/1.1 200", "\r\n\r\n{\"a\":1}");
	asks("POST /echo HTTP/1.1\r\n" JSON "Content-Length: 0\r\n\r\n", "HTTP/1.1 200",
	     "Content-Length: 0\r\n");
	send_text(fd, "POST /echo HTTP/1.1\r\n" JSON "Content-Length: 7\r\n\r\n{\"a");
	usleep(20000);
	send_text(fd, "\":1}");
	assert_true(read_until(fd, &in, "{\"a\":1}"));
	buf_clear(&in);
	close(fd);
}

static void expect_is_answered_before_the_body(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "POST /echo HTTP/1.1\r\n" JSON "Content-Length: 2\r\n"
		      "Expect: 100-continue\r\n\r\n");
	assert_true(read_until(fd, &in, "HTTP/1.1 100 Continue\r\n\r\n"));
	send_text(fd, "{}");
	assert_true(read_until(fd, &in, "HTTP/1.1 200"));
	buf_clear(&in);
	close(fd);
}

static void announced_length_above_the_limit_is_refused_at_once(void **state)
{
	(void)state;

	/* The body is never sent. */
	asks("POST /echo HTTP/1.1\r\n" JSON
	     "Content-Length: 300000\r\nExpect: 100-continue\r\n\r\n",
	     "HTTP/1.1 413", "larger than 204800 bytes");
	asks("POST /echo HTTP/1.1\r\n" JSON "Content-Length: 99999999999\r\n\r\n", "HTTP/1.1 413",
	     "larger than 204800 bytes");
	asks("POST /upload HTTP/1.1\r\nContent-Length: 99999999\r\n" CLOSE, "HTTP/1.1 413",
	     "larger than 3145728 bytes");
	asks("POST /nothing HTTP/1.1\r\nContent-Length: 99999999\r\n" CLOSE, "HTTP/1.1 404",
	     "no_route");
}

static void small_refused_body_leaves_the_connection_open(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		      "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(read_until(fd, &in, "\"path\":\"/hello\""));
	assert_non_null(strstr(in.data, "HTTP/1.1 404"));
	buf_clear(&in);
	close(fd);
}

/* A chunked request with n chunks of 1000 bytes, then a second request on the same connection. */
static char *chunked(const char *head, int n)
{
	struct buf request = { 0 };

	buf_puts(&request, head);
	for (int i = 0; i < n; i++)
		buf_printf(&request, "3e8\r\n%01000d\r\n", i);
	buf_puts(&request, "0\r\n\r\nGET /hello HTTP/1.1\r\n" CLOSE);
	char *got = ask(request.data);
	buf_clear(&request);
	return got;
}

static void chunked_body_above_the_limit_is_413_and_the_connection_lives(void **state)
{
	char *got = chunked("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n",
			    210);
	(void)state;

	assert_ptr_equal(strstr(got, "HTTP/1.1 413"), got);
	assert_non_null(strstr(got, "\"path\":\"/hello\""));
	free(got);
}

/* Uploads */

static void upload_is_hashed_and_removed_afterwards(void **state)
{
	(void)state;

	asks("POST /upload HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", "HTTP/1.1 201",
	     "\"sha256\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\","
	     "\"bytes\":3,\"there\":3");
	asks("POST /upload HTTP/1.1\r\nContent-Length: 0\r\n" CLOSE, "HTTP/1.1 201", "\"bytes\":0");
	assert_int_equal(count_tmp(), 0);
}

static void the_content_type_decides_whether_a_body_is_a_file(void **state)
{
	(void)state;

	asks("POST /either HTTP/1.1\r\nContent-Length: 2\r\n" JSON "\r\n{}", "HTTP/1.1 200",
	     "\"file\":false,\"bytes\":2");
	asks("POST /either HTTP/1.1\r\nContent-Length: 2\r\nContent-Type: "
	     "application/x-tar\r\n" CLOSE "{}",
	     "HTTP/1.1 200", "\"file\":true,\"bytes\":2");
	/* Each has its own limit. */
	asks("POST /either HTTP/1.1\r\nContent-Length: 300000\r\n" JSON
	     "Expect: 100-continue\r\n\r\n",
	     "HTTP/1.1 413", "204800");
}

static void chunked_upload_above_the_limit_leaves_nothing(void **state)
{
	char *got = chunked(
		"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 3200);
	(void)state;

	assert_ptr_equal(strstr(got, "HTTP/1.1 413"), got);
	assert_non_null(strstr(got, "\"path\":\"/hello\""));
	assert_int_equal(count_tmp(), 0);
	free(got);
}

static void upload_on_a_full_disk_is_507(void **state)
{
	(void)state;

	config.min_free_bytes = INT64_MAX;
	asks("POST /upload HTTP/1.1\r\nContent-Length: 3\r\n" CLOSE "abc", "HTTP/1.1 507",
	     "\"code\":\"disk_full\"");
	assert_int_equal(count_tmp(), 0);
}

static void upload_that_breaks_off_leaves_nothing(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "POST /upload HTTP/1.1\r\nContent-Length: 1000\r\nHost: x\r\n\r\nabc");
	for (int i = 0; i < 500 && count_tmp() == 0; i++)
		usleep(5000);
	assert_int_equal(count_tmp(), 1);
	close(fd);
	for (int i = 0; i < 500 && count_tmp() == 1; i++)
		usleep(5000);
	assert_int_equal(count_tmp(), 0);
}

/* Pool and tickets */

static void pool_route_is_answered_when_its_thread_is_done(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "GET /slow/a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_arrivals(1);
	/* HTTP threads are free meanwhile. */
	asks("GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "");
	set_gate(true);
	assert_true(read_until(fd, &in, "{\"slow\":\"a/b\"}"));
	buf_clear(&in);
	close(fd);
}

static void full_pool_is_503_with_retry_after(void **state)
{
	int fds[80];
	struct buf in = { 0 };
	(void)state;

	for (int i = 0; i < 80; i++) {
		fds[i] = dial();
		send_text(fds[i], "GET /slow/x HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	/* 4 run and 64 wait; which of the 80 are refused is not fixed, nor whether the 4 had begun
	 * before the 64 were waiting. */
	struct pollfd p[80];
	int refused = 0;
	while (refused < 12) {
		for (int i = 0; i < 80; i++)
			p[i] = (struct pollfd){ fds[i], POLLIN, 0 };
		assert_true(poll(p, 80, 5000) > 0);
		for (int i = 0; i < 80; i++) {
			if (!(p[i].revents & POLLIN))
				continue;
			assert_true(read_until(fds[i], &in, "\"code\":\"busy\""));
			assert_non_null(strstr(in.data, "HTTP/1.1 503"));
			assert_non_null(strstr(in.data, "\r\nRetry-After: "));
			buf_reset(&in);
			close(fds[i]);
			fds[i] = -1;
			refused++;
		}
	}
	set_gate(true);
	for (int i = 0; i < 80; i++) {
		if (fds[i] < 0)
			continue;
		assert_true(read_until(fds[i], &in, "}"));
		refused += strstr(in.data, "\"code\":\"busy\"") != NULL;
		assert_true(strstr(in.data, "{\"slow\":\"x\"}") || strstr(in.data, "503"));
		buf_reset(&in);
		close(fds[i]);
	}
	assert_in_range(refused, 12, 16);
	buf_clear(&in);
}

static void client_may_leave_while_the_pool_works(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "GET /slow/x HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_arrivals(1);
	close(fd);
	set_gate(true);
	asks("GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "");
}

static void ticket_is_answered_when_it_is_finished(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	for (int i = 0; i < 3; i++) {
		send_text(fd, "POST /later HTTP/1.1\r\nHost: x\r\nX-Request-Id: t1\r\n"
			      "Content-Length: 0\r\n\r\n");
		finish_ticket(take_ticket());
		assert_true(read_until(fd, &in, "{\"for\":\"t1\"}"));
		buf_reset(&in);
	}
	buf_clear(&in);
	close(fd);
}

static void client_may_leave_before_its_ticket_is_finished(void **state)
{
	struct linger reset = { 1, 0 };
	(void)state;

	for (int i = 0; i < 2; i++) {
		int fd = dial();
		send_text(fd, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
		struct web_later *l = take_ticket();
		if (i)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		finish_ticket(l);
	}
	asks("GET /hello HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "");
}

static void *finish_at_once(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 300; i++)
		finish_ticket(take_ticket());
	return NULL;
}

static void tickets_that_finish_while_they_are_suspended_are_not_lost(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	pthread_t thread;
	(void)state;

	pthread_create(&thread, NULL, finish_at_once, NULL);
	for (int i = 0; i < 300; i++) {
		send_text(fd, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
		assert_true(read_until(fd, &in, "{\"for\":\""));
		assert_true(read_until(fd, &in, "}\n"));
		buf_reset(&in);
	}
	pthread_join(thread, NULL);
	buf_clear(&in);
	close(fd);
}

/* Streams */

static void stream_gives_each_piece_when_it_is_there(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(read_until(fd, &in, "Transfer-Encoding: chunked\r\n"));
	assert_true(put("{\"seq\":1}\n"));
	assert_true(read_until(fd, &in, "\r\nA\r\n{\"seq\":1}\n\r\n"));
	assert_true(put("{\"seq\":2}\n"));
	assert_true(read_until(fd, &in, "{\"seq\":2}\n\r\n"));
	assert_true(put(NULL));
	assert_true(read_until(fd, &in, "\r\n0\r\n\r\n"));
	wait_for_stream(false);
	send_text(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(read_until(fd, &in, "\"path\":\"/hello\""));
	buf_clear(&in);
	close(fd);
}

static void stream_of_known_length_says_it_and_is_cut_when_it_ends_before(void **state)
{
	(void)state;

	asks("GET /sized/3 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "Content-Length: 3\r\n");
	asks("HEAD /sized/3 HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "Content-Length: 3\r\n");
	char *got = ask("GET /sized/5 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_non_null(strstr(got, "Content-Length: 5\r\n"));
	assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\nabc");
	free(got);
}

static void stream_of_an_old_client_ends_with_the_connection(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "GET /stream HTTP/1.0\r\n\r\n");
	wait_for_stream(true);
	assert_true(put("{\"seq\":1}\n"));
	assert_true(read_until(fd, &in, "\r\n\r\n{\"seq\":1}\n"));
	assert_true(put(NULL));
	assert_false(read_until(fd, &in, "never"));
	assert_null(strstr(in.data, "chunked"));
	buf_clear(&in);
	close(fd);
}

static void head_of_a_stream_closes_it(void **state)
{
	(void)state;

	asks("HEAD /stream HTTP/1.1\r\n" CLOSE, "HTTP/1.1 200", "application/x-ndjson");
	wait_for_stream(false);
}

static void stream_is_closed_when_its_reader_has_left(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_stream(true);
	close(fd);
	for (int i = 0; i < 100 && put("x\n"); i++)
		usleep(20000);
	wait_for_stream(false);
}

static void waiting_streams_are_asked_again_every_few_seconds(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_stream(true);
	usleep(200000);
	int before = __atomic_load_n(&reads, __ATOMIC_RELAXED);
	for (int i = 0; i < 100 && __atomic_load_n(&reads, __ATOMIC_RELAXED) == before; i++)
		usleep(50000);
	assert_int_not_equal(__atomic_load_n(&reads, __ATOMIC_RELAXED), before);
	close(fd);
}

static void *wake_without_end(void *ctx)
{
	atomic_bool *end = ctx;

	while (!atomic_load(end))
		put("tick\n");
	return NULL;
}

static void wakes_from_many_threads_meet_clients_that_come_and_go(void **state)
{
	pthread_t threads[3];
	struct buf in = { 0 };
	atomic_bool end = false;
	(void)state;

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, wake_without_end, &end);
	for (int i = 0; i < 60; i++) {
		int fd = dial();
		send_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
		wait_for_stream(true);
		if (i % 3)
			assert_true(read_until(fd, &in, "tick\n"));
		buf_reset(&in);
		close(fd);
		wait_for_stream(false);
	}
	atomic_store(&end, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	buf_clear(&in);
}

/* Stopping */

static void drain_ends_streams_in_order(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_stream(true);
	assert_true(put("last\n"));
	assert_true(read_until(fd, &in, "last\n"));
	double began = clock_monotonic();
	assert_true(http_drain(http));
	assert_true(clock_monotonic() - began < 2);
	assert_true(read_until(fd, &in, "\r\n0\r\n\r\n"));
	buf_clear(&in);
	close(fd);
}

static void *drain(void *ctx)
{
	(void)ctx;
	http_drain(http);
	return NULL;
}

static void drain_waits_for_requests_in_flight(void **state)
{
	int fd = dial(), idle = dial();
	struct buf in = { 0 };
	pthread_t thread;
	(void)state;

	send_text(fd, "GET /slow/x HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_arrivals(1);
	pthread_create(&thread, NULL, drain, NULL);
	usleep(100000);
	set_gate(true);
	pthread_join(thread, NULL);
	assert_true(read_until(fd, &in, "{\"slow\":\"x\"}"));
	assert_non_null(strstr(in.data, "Connection: close"));
	/* What was connected is told; nobody new gets in. */
	buf_reset(&in);
	send_text(idle, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(read_until(idle, &in, "\"code\":\"draining\""));
	buf_clear(&in);
	close(idle);
	close(fd);
}

static void tickets_may_be_finished_between_drain_and_stop(void **state)
{
	int fd = dial();
	struct buf in = { 0 };
	(void)state;

	send_text(fd, "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	struct web_later *l = take_ticket();
	assert_true(http_drain(http));
	finish_ticket(l);
	assert_true(read_until(fd, &in, "{\"for\":\""));
	buf_clear(&in);
	close(fd);
}

static void stop_does_not_wait_for_half_a_request(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "POST /echo HTTP/1.1\r\n" JSON "Content-Length: 7\r\n\r\n{\"a");
	assert_true(http_drain(http));
	double began = clock_monotonic();
	stop(NULL);
	assert_true(clock_monotonic() - began < 1);
	close(fd);
	start(NULL);
}

static void drain_says_when_a_handler_does_not_end(void **state)
{
	int fd = dial();
	(void)state;

	send_text(fd, "GET /slow/x HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_arrivals(1);
	double began = clock_monotonic();
	assert_false(http_drain(http));
	assert_true(clock_monotonic() - began < 7);
	close(fd);
}

static void taken_address_is_an_error(void **state)
{
	struct http *second;
	struct errinfo ei;
	(void)state;

	free(config.listen);
	config.listen = mem_printf("127.0.0.1:%d", http_port(http));
	assert_int_equal(http_start(&app, &second, &ei), ERR_IO);
	assert_non_null(strstr(ei.msg, "cannot listen on 127.0.0.1:"));
	assert_non_null(strstr(ei.msg, "Address already in use"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(answer_has_its_headers),
		TEST(odd_request_ids_are_replaced),
		TEST(head_is_get_without_its_body),
		TEST(no_content_has_no_body),
		TEST(hostile_requests_are_refused),
		TEST(overlong_target_is_414),
		TEST(old_clients_are_answered),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(json_body_arrives_whole_however_it_is_sent),
		TEST(expect_is_answered_before_the_body),
		TEST(announced_length_above_the_limit_is_refused_at_once),
		TEST(small_refused_body_leaves_the_connection_open),
		TEST(chunked_body_above_the_limit_is_413_and_the_connection_lives),
		TEST(upload_is_hashed_and_removed_afterwards),
		TEST(the_content_type_decides_whether_a_body_is_a_file),
		TEST(chunked_upload_above_the_limit_leaves_nothing),
		TEST(upload_on_a_full_disk_is_507),
		TEST(upload_that_breaks_off_leaves_nothing),
		TEST(pool_route_is_answered_when_its_thread_is_done),
		TEST(full_pool_is_503_with_retry_after),
		TEST(client_may_leave_while_the_pool_works),
		TEST(ticket_is_answered_when_it_is_finished),
		TEST(client_may_leave_before_its_ticket_is_finished),
		TEST(tickets_that_finish_while_they_are_suspended_are_not_lost),
		TEST(stream_gives_each_piece_when_it_is_there),
		TEST(stream_of_known_length_says_it_and_is_cut_when_it_ends_before),
		TEST(stream_of_an_old_client_ends_with_the_connection),
		TEST(head_of_a_stream_closes_it),
		TEST(stream_is_closed_when_its_reader_has_left),
		TEST(waiting_streams_are_asked_again_every_few_seconds),
		TEST(wakes_from_many_threads_meet_clients_that_come_and_go),
		TEST(drain_ends_streams_in_order),
		TEST(drain_waits_for_requests_in_flight),
		TEST(tickets_may_be_finished_between_drain_and_stop),
		TEST(stop_does_not_wait_for_half_a_request),
		TEST(drain_says_when_a_handler_does_not_end),
		TEST(taken_address_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
