/* Downloads, against a small server of the loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>

#include "base/buf.h"
#include "base/clock.h"
#include "hub/http.h"
#include "mock_server.h"

/* What a download of a test is to do, and what came. */
struct get {
	struct http_request rq;
	struct http_policy policy;
	struct http_response out;
	struct errinfo ei;
	struct buf body;
	int begins, bodies, asked;
	enum err begin_says, body_says;
	int cancel_at;	      /* the how manieth question is answered yet; 0: none */
	const char *not_host; /* that allow_host refuses */
};

static struct mock one, two;
static struct networks *loopback;
static char url[HTTP_MAX_URL];

static enum err on_begin(void *ctx, const struct http_response *head, struct errinfo *ei)
{
	struct get *g = ctx;

	g->begins++;
	assert_true(head->status >= 200);
	return g->begin_says == OK ? OK : err_set(ei, g->begin_says, "begin says no");
}

static enum err on_body(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	struct get *g = ctx;

	g->bodies++;
	buf_append(&g->body, data, n);
	return g->body_says == OK ? OK : err_set(ei, g->body_says, "body says no");
}

static bool on_cancelled(void *ctx)
{
	struct get *g = ctx;

	return ++g->asked == g->cancel_at;
}

static bool on_host(void *ctx, const char *host)
{
	struct get *g = ctx;

	return !g->not_host || strcmp(host, g->not_host) != 0;
}

/* The first server's URL with path. */
static const char *at(const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", one.port, path);
	return url;
}

static struct get new_get(const char *path)
{
	return (struct get){ .rq = { .url = at(path),
				     .max_bytes = 1 << 20,
				     .begin = on_begin,
				     .body = on_body,
				     .cancelled = on_cancelled,
				     .allow_host = on_host },
			     .policy = { .http_hosts = "127.0.0.1, 127.0.0.2, localhost, [::1]",
					 .private_networks = loopback,
					 .user_agent = "bertd/test" } };
}

static enum err run(struct get *g)
{
	buf_clear(&g->body);
	g->rq.ctx = g;
	return http_get(&g->policy, &g->rq, &g->out, &g->ei);
}

static int open_servers(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (networks_parse("127.0.0.1", &loopback, NULL) != OK)
		return -1;
	return mock_open(&one, "127.0.0.1") && mock_open(&two, "127.0.0.1") ? 0 : -1;
}

static int close_servers(void **state)
{
	(void)state;
	mock_close(&one);
	mock_close(&two);
	networks_free(loopback);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	one.requests = two.requests = 0;
	one.connections = two.connections = 0;
	memset(one.seen, 0, sizeof(one.seen));
	memset(two.seen, 0, sizeof(two.seen));
	one.answer = two.answer = NULL;
	return 0;
}

/* Answers */

static void say_hello(struct mock *m, int fd, const char *request)
{
	(void)m;
	(void)request;
	mock_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: W/\"abc\"\r\n"
		     "Accept-Ranges: bytes\r\n\r\nhello");
}

/* /N redirects to /N-1 and so on; /0 says hello. */
static void count_down(struct mock *m, int fd, const char *request)
{
	int n = atoi(request + strlen("GET /"));

	if (n == 0)
		say_hello(m, fd, request);
	else
		mock_say(fd, "HTTP/1.1 30%d Go\r\nLocation: %d\r\nContent-Length: 3\r\n\r\nbye",
			 n % 2 ? 2 : 7, n - 1);
}

/* To the place in arg. */
static void redirect(struct mock *m, int fd, const char *request)
{
	(void)request;
	mock_say(fd, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
		 (const char *)m->arg);
}

/* Plain downloads */

static void a_body_comes_whole_with_its_head(void **state)
{
	struct get g = new_get("/x?y=1");

	(void)state;
	one.answer = say_hello;
	assert_int_equal(run(&g), OK);
	assert_int_equal(g.out.status, 200);
	assert_int_equal(g.out.content_length, 5);
	assert_string_equal(g.out.etag, "abc");
	assert_true(g.out.accepts_ranges);
	assert_int_equal(g.begins, 1);
	assert_string_equal(g.body.data, "hello");
	buf_clear(&g.body);
}

static void the_request_says_what_it_should_and_no_more(void **state)
{
	struct get g = new_get("/x?y=1");
	char want[512];

	(void)state;
	one.answer = say_hello;
	assert_int_equal(run(&g), OK);
	snprintf(want, sizeof(want),
		 "GET /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bertd/test\r\n"
		 "Accept: */*\r\nAccept-Encoding: identity\r\n\r\n",
		 one.port);
	assert_string_equal(one.seen[0], want);
	buf_clear(&g.body);
}

static void redirects_are_followed_up_to_three(void **state)
{
	static const char *const paths[] = { "/0", "/1", "/2", "/3" };

	(void)state;
	one.answer = count_down;
	for (int i = 0; i < 4; i++) {
		struct get g = new_get(paths[i]);
		assert_int_equal(run(&g), OK);
		assert_string_equal(g.body.data, "hello");
		assert_int_equal(g.begins, 1);
		buf_clear(&g.body);
	}
	assert_int_equal(one.requests, 1 + 2 + 3 + 4);
	struct get g = new_get("/4");
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_non_null(strstr(g.ei.msg, "more than 3 times"));
	assert_int_equal(g.begins, 0);
}

static void the_token_stays_with_the_first_origin(void **state)
{
	struct get g = new_get("/2");

	(void)state;
	g.rq.token = "hf_secret";
	one.answer = count_down;
	assert_int_equal(run(&g), OK);
	for (int i = 0; i < 3; i++)
		assert_non_null(strstr(one.seen[i], "\r\nAuthorization: Bearer hf_secret\r\n"));

	char there[64], back[64];
	snprintf(there, sizeof(there), "http://127.0.0.1:%d/x", two.port);
	snprintf(back, sizeof(back), "http://127.0.0.1:%d/y", one.port);
	forget(NULL);
	g.rq.url = at("/x");
	one.arg = there;
	one.answer = redirect;
	two.arg = back;
	two.answer = redirect;
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_non_null(strstr(one.seen[0], "hf_secret"));
	assert_int_equal(two.requests, 2);
	assert_null(strstr(two.seen[0], "hf_secret"));
	assert_null(strstr(one.seen[1], "hf_secret"));
	buf_clear(&g.body);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, forget)
	const struct CMUnitTest tests[] = {
		TEST(a_body_comes_whole_with_its_head),
		TEST(the_request_says_what_it_should_and_no_more),
		TEST(redirects_are_followed_up_to_three),
		TEST(the_token_stays_with_the_first_origin),
	};

	return cmocka_run_group_tests(tests, open_servers, close_servers);
}
