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
static _Thread_local char url[HTTP_MAX_URL];

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
	enum err e = http_get(&g->policy, &g->rq, &g->out, &g->ei);
	mock_settle(&one);
	mock_settle(&two);
	return e;
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

/* The raw bytes of arg. */
static void say_arg(struct mock *m, int fd, const char *request)
{
	(void)request;
	mock_send(fd, m->arg, strlen(m->arg));
}

static void say_nothing(struct mock *m, int fd, const char *request)
{
	(void)m;
	(void)request;
	mock_wait_for_close(fd);
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

/* Redirects */

/* Follows a redirect of the first server to where; what comes of it. */
static enum err follow(struct get *g, const char *where)
{
	one.arg = (void *)where;
	one.answer = redirect;
	return run(g);
}

static void loops_end(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	assert_int_equal(follow(&g, "/x"), ERR_NETWORK);
	assert_int_equal(one.requests, 4);
}

static void redirects_to_what_is_not_allowed_are_refused(void **state)
{
	static const char *const places[] = {
		"file:///etc/passwd",
		"gopher://127.0.0.1/x",
		"ftp://127.0.0.1/x",
		"dict://127.0.0.1:1/x",
		"http://10.0.0.1/",
		"https://10.0.0.1/",
		"https://127.0.0.2/",
		"http://127.0.0.2/",
		"//127.0.0.2/",
		"http://example.org/",
		"https://[::1]/",
		"https://u@127.0.0.1/",
		"https://127.1/",
		"https:///x",
		"\\\\127.0.0.2\\",
		"/a b",
		"",
	};
	struct get g = new_get("/x");

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		forget(NULL);
		if (follow(&g, places[i]) != ERR_DENIED)
			fail_msg("%s was followed", places[i]);
		assert_non_null(strstr(g.ei.msg, "a redirect of 127.0.0.1 is refused"));
		assert_int_equal(one.requests, 1);
	}
	assert_int_equal(g.begins, 0);
}

/* Names are judged by what they lead to, when it is connected to. */
static void names_of_private_addresses_are_refused_at_connect(void **state)
{
	struct get g = new_get("/x");
	char there[64];

	(void)state;
	snprintf(there, sizeof(there), "http://localhost:%d/x", two.port);
	two.answer = say_hello;
	assert_int_equal(follow(&g, there), OK);
	assert_int_equal(two.connections, 1);

	g.rq.url = there;
	g.policy.private_networks = NULL;
	assert_int_equal(run(&g), ERR_DENIED);
	assert_non_null(strstr(g.ei.msg, "localhost has an address that is not public"));
	g.policy.proxy = ""; /* is none, and opens nothing */
	assert_int_equal(run(&g), ERR_DENIED);
	assert_int_equal(two.connections, 1);
	buf_clear(&g.body);
}

static void hosts_are_asked_for_at_every_hop(void **state)
{
	struct get g = new_get("/x");
	char there[64];

	(void)state;
	g.not_host = "127.0.0.1";
	assert_int_equal(run(&g), ERR_DENIED);
	assert_int_equal(one.connections, 0);
	g.not_host = "localhost";
	snprintf(there, sizeof(there), "http://LOCALHOST:%d/x", two.port);
	assert_int_equal(follow(&g, there), ERR_DENIED);
	assert_non_null(strstr(g.ei.msg, "localhost are not allowed"));
	assert_int_equal(two.connections, 0);
}

/* As the Hub does: what a file is stands in the redirect to its storage. */
static void the_first_hop_says_what_the_file_is(void **state)
{
	struct get g = new_get("/x");
	char text[512];

	(void)state;
	snprintf(text, sizeof(text),
		 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/y\r\n"
		 "X-Repo-Commit: c0ffee\r\nX-Linked-Size: 5\r\nX-Linked-Etag: \"first\"\r\n"
		 "ETag: \"hub\"\r\n\r\n",
		 two.port);
	one.arg = text;
	one.answer = say_arg;
	two.arg = "HTTP/1.1 200 OK\r\nX-Repo-Commit: other\r\nX-Linked-Size: 6\r\n"
		  "X-Linked-Etag: \"second\"\r\nETag: \"storage\"\r\n\r\nhello";
	two.answer = say_arg;
	assert_int_equal(run(&g), OK);
	assert_string_equal(g.out.commit, "c0ffee");
	assert_int_equal(g.out.linked_size, 5);
	assert_string_equal(g.out.linked_etag, "first");
	assert_string_equal(g.out.etag, "storage");
	buf_clear(&g.body);
}

static void no_cookie_and_no_netrc_is_sent(void **state)
{
	char folder[] = "/tmp/bertd-netrc-XXXXXX", path[64];
	struct get g = new_get("/x");

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/.netrc", folder);
	FILE *f = fopen(path, "w");
	fputs("default login me password secret\n", f);
	fclose(f);
	setenv("HOME", folder, 1);
	setenv("NETRC", path, 1);
	one.arg = "HTTP/1.1 302 X\r\nSet-Cookie: a=b\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n";
	one.answer = say_arg;
	assert_int_equal(run(&g), ERR_NETWORK);
	for (int i = 0; i < 4; i++) {
		assert_null(strstr(one.seen[i], "Cookie"));
		assert_null(strstr(one.seen[i], "Authorization"));
	}
	unlink(path);
	rmdir(folder);
}

/* Proxies */

static void proxies_of_the_environment_are_not_used(void **state)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" };
	struct get g = new_get("/x");
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", two.port);
	for (int i = 0; i < 4; i++)
		setenv(names[i], proxy, 1);
	one.answer = say_hello;
	two.answer = say_hello;
	assert_int_equal(run(&g), OK);
	assert_int_equal(two.connections, 0);
	for (int i = 0; i < 4; i++)
		unsetenv(names[i]);
	buf_clear(&g.body);
}

static void the_proxy_of_the_policy_is(void **state)
{
	struct get g = new_get("/x");
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", two.port);
	setenv("no_proxy", "*", 1);
	g.policy.proxy = proxy;
	g.policy.private_networks = NULL;
	g.policy.http_hosts = "data.example, localhost";
	g.rq.url = "http://data.example/x";
	two.answer = say_hello;
	assert_int_equal(run(&g), OK);
	assert_non_null(strstr(two.seen[0], "GET http://data.example/x HTTP/1.1\r\n"));
	g.rq.url = "http://localhost/x";
	assert_int_equal(run(&g), ERR_DENIED);
	assert_int_equal(two.connections, 1);
	unsetenv("no_proxy");
	buf_clear(&g.body);
}

static void the_proxy_does_not_hear_the_token_of_https(void **state)
{
	struct get g = new_get("/x");
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", two.port);
	g.policy.proxy = proxy;
	g.rq.url = "https://data.example/x";
	g.rq.token = "hf_secret";
	two.arg = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
	two.answer = say_arg;
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_string_equal(g.ei.msg, "the proxy refused to connect to data.example (403)");
	assert_memory_equal(two.seen[0], "CONNECT data.example:443 ", 25);
	assert_null(strstr(two.seen[0], "hf_secret"));
	assert_int_equal(g.begins, 0);
}

/* Parts */

static void say_part(struct mock *m, int fd, const char *request)
{
	(void)request;
	mock_say(fd, "HTTP/1.1 206 Part\r\nContent-Range: bytes %s\r\n\r\nlo", (char *)m->arg);
}

static void parts_are_asked_for_and_taken(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.rq.range_from = 3;
	g.rq.if_range = "abc";
	one.arg = "3-4/5";
	one.answer = say_part;
	assert_int_equal(run(&g), OK);
	assert_non_null(strstr(one.seen[0], "\r\nRange: bytes=3-\r\nIf-Range: \"abc\"\r\n"));
	assert_int_equal(g.out.status, 206);
	assert_int_equal(g.out.range_from, 3);
	assert_int_equal(g.out.range_total, 5);
	assert_string_equal(g.body.data, "lo");
	buf_clear(&g.body);
}

static void another_part_than_was_asked_for_is_refused(void **state)
{
	static const char *const parts[] = { "0-4/5", "2-4/5", "4-4/5", "*/5", "", "3-4", "3-2/5" };
	struct get g = new_get("/x");

	(void)state;
	g.rq.range_from = 3;
	one.answer = say_part;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		one.arg = (void *)parts[i];
		if (run(&g) != ERR_NETWORK)
			fail_msg("%s was taken", parts[i]);
	}
	g.rq.range_from = 0;
	one.arg = "0-1/5";
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_null(strstr(one.seen[7], "Range"));
	assert_int_equal(g.begins, 0);
}

static void the_whole_instead_of_a_part_is_said(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.rq.range_from = 3;
	one.answer = say_hello;
	assert_int_equal(run(&g), OK);
	assert_int_equal(g.out.status, 200);
	assert_int_equal(g.out.range_from, -1);
	assert_string_equal(g.body.data, "hello");
	buf_clear(&g.body);
}

static void what_has_not_changed_is_a_304(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.rq.if_none_match = "abc";
	one.arg = "HTTP/1.1 304 Not Modified\r\nETag: \"abc\"\r\nContent-Length: 5\r\n\r\n";
	one.answer = say_arg;
	assert_int_equal(run(&g), OK);
	assert_non_null(strstr(one.seen[0], "\r\nIf-None-Match: \"abc\"\r\n"));
	assert_int_equal(g.out.status, 304);
	assert_int_equal(g.begins, 1);
	assert_int_equal(g.bodies, 0);
}

/* Other statuses */

static void refusals_are_told_with_what_they_say(void **state)
{
	static const struct {
		const char *raw;
		int status;
		const char *code;
		int64_t retry;
	} cases[] = {
		{ "HTTP/1.1 401 No\r\nX-Error-Code: RepoNotFound\r\n\r\n{}", 401, "RepoNotFound",
		  -1 },
		{ "HTTP/1.1 403 No\r\nX-Error-Code: GatedRepo\r\n\r\n{}", 403, "GatedRepo", -1 },
		{ "HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\n\r\nxx", 404, "", -1 },
		{ "HTTP/1.1 416 No\r\nContent-Range: bytes */5\r\n\r\n", 416, "", -1 },
		{ "HTTP/1.1 429 No\r\nRetry-After: 17\r\nContent-Length: 9\r\n\r\ncut", 429, "",
		  17 },
		{ "HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n", 500, "", -1 },
		{ "HTTP/1.1 503 No\r\nRetry-After: 1\r\n\r\n", 503, "", 1 },
		{ "HTTP/1.1 304 No\r\nLocation: /x\r\n\r\n", 304, "", -1 },
		{ "HTTP/1.1 300 No\r\nLocation: /x\r\n\r\n", 300, "", -1 },
		{ "HTTP/1.1 999 No\r\n\r\n", 999, "", -1 },
	};
	struct get g = new_get("/x");

	(void)state;
	one.answer = say_arg;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		one.arg = (void *)cases[i].raw;
		if (run(&g) != OK)
			fail_msg("%d: %s", cases[i].status, g.ei.msg);
		assert_int_equal(g.out.status, cases[i].status);
		assert_string_equal(g.out.error_code, cases[i].code);
		assert_int_equal(g.out.retry_after_s, cases[i].retry);
		assert_int_equal(g.begins, i + 1);
	}
	assert_int_equal(g.bodies, 0);
}

/* Broken servers */

static void broken_answers_are_faults_of_the_network(void **state)
{
	static const char *const raw[] = {
		"",
		"HTTP/1.1 200 OK\r\nContent-Le",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloxx",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 4\r\n\r\nhello",
		"HTTP/1.1 302 OK\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\nhello",
		"HTTP/1.1 20 OK\r\n\r\nhello",
		"HTTP/1.1 000 OK\r\n\r\nhello",
		"HTTP/9.9 200 OK\r\n\r\nhello",
		"HTTP/1.1 100 Go on\r\n\r\n",
		"HTTP/1.1 101 Switch\r\n\r\n",
		"HTTP/1.1 101 Switch\r\n\r\nhello",
		"hello",
		"<html>hello</html>\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"\x16\x03\x01\x02",
		"\r\n\r\nhello",
	};
	struct get g = new_get("/x");

	(void)state;
	one.answer = say_arg;
	for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++) {
		one.arg = (void *)raw[i];
		enum err e = run(&g);
		if (e != ERR_NETWORK)
			fail_msg("case %zu: %s", i, e == OK ? "taken" : g.ei.msg);
		assert_non_null(strstr(g.ei.msg, "127.0.0.1"));
		assert_true(g.begins || !g.bodies);
		g.begins = g.bodies = 0;
	}
	buf_clear(&g.body);
}

static void a_port_where_nobody_listens_is_a_fault_of_the_network(void **state)
{
	struct get g = new_get("/x");
	struct mock gone;
	char there[64];

	(void)state;
	assert_true(mock_open(&gone, "127.0.0.1"));
	mock_close(&gone);
	snprintf(there, sizeof(there), "http://127.0.0.1:%d/x", gone.port);
	g.rq.url = there;
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_string_equal(g.ei.msg, "127.0.0.1 could not be connected to");
}

static void tls_is_not_spoken_with_a_server_that_does_not(void **state)
{
	struct get g = new_get("/x");
	char there[64];

	(void)state;
	snprintf(there, sizeof(there), "https://127.0.0.1:%d/x", one.port);
	g.rq.url = there;
	g.rq.token = "hf_secret";
	one.arg = "HTTP/1.1 200 OK\r\n\r\n";
	one.answer = say_arg;
	g.policy.stall_timeout_s = 1;
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_null(strstr(one.seen[0], "hf_secret"));
}

static void encoded_bodies_are_refused_unread(void **state)
{
	static const char *const fields[] = {
		"Content-Encoding: gzip",
		"Content-Encoding: x-gzip",
		"Content-Encoding: br, gzip",
		"Transfer-Encoding: gzip",
		"Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked",
	};
	struct get g = new_get("/x");
	char raw[256];

	(void)state;
	one.arg = raw;
	one.answer = say_arg;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		snprintf(raw, sizeof(raw), "HTTP/1.1 200 OK\r\n%s\r\n\r\n\x1f\x8b\x08", fields[i]);
		if (run(&g) != ERR_UNSUPPORTED)
			fail_msg("%s: %s", fields[i], g.ei.msg);
	}
	assert_int_equal(g.begins + g.bodies, 0);
}

/* Limits */

static void bodies_end_at_the_limit(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	one.answer = say_hello;
	g.rq.max_bytes = 5;
	assert_int_equal(run(&g), OK);
	g.rq.max_bytes = 4;
	g.begins = g.bodies = 0;
	assert_int_equal(run(&g), ERR_TOO_LARGE);
	assert_int_equal(g.begins + g.bodies, 0);
	one.arg = "HTTP/1.1 200 OK\r\n\r\nhello";
	one.answer = say_arg;
	assert_int_equal(run(&g), ERR_TOO_LARGE);
	assert_int_equal(g.begins, 1);
	assert_int_equal(g.bodies, 0);
	one.arg = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
	assert_int_equal(run(&g), ERR_TOO_LARGE);
	g.rq.max_bytes = 5;
	assert_int_equal(run(&g), OK);
	assert_string_equal(g.body.data, "hello");
	buf_clear(&g.body);
}

/* A piece, then silence. */
static void say_arg_and_wait(struct mock *m, int fd, const char *request)
{
	say_arg(m, fd, request);
	mock_wait_for_close(fd);
}

static void silence_is_a_stall(void **state)
{
	static const char *const raw[] = {
		"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	};

	(void)state;
	one.answer = say_arg_and_wait;
	for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++) {
		struct get g = new_get("/x");
		double start = clock_monotonic();
		g.policy.stall_timeout_s = 1;
		one.arg = (void *)raw[i];
		assert_int_equal(run(&g), ERR_NETWORK);
		assert_string_equal(g.ei.msg, "127.0.0.1 stalled for 1 s");
		assert_true(clock_monotonic() - start >= 1);
		buf_clear(&g.body);
	}
}

/* What arg says, then a byte every 50 ms for ever: never silent, and never done. */
static void drip(struct mock *m, int fd, const char *request)
{
	say_arg(m, fd, request);
	while (mock_pause(fd, 50) && mock_send(fd, "x", 1))
		;
}

static void a_drip_is_a_stall(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.policy.stall_timeout_s = 1;
	one.answer = drip;
	one.arg = "HTTP/1.1 200 OK\r\nX-Field: ";
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_string_equal(g.ei.msg, "127.0.0.1 stalled for 1 s");
	one.arg = "HTTP/1.1 200 OK\r\n\r\n";
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_string_equal(g.ei.msg, "127.0.0.1 stalled for 1 s");
	assert_true(g.body.len > 0);
	buf_clear(&g.body);
}

static void all_of_it_has_a_time(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.policy.total_timeout_s = 1;
	one.answer = drip;
	one.arg = "HTTP/1.1 200 OK\r\n\r\n";
	assert_int_equal(run(&g), ERR_NETWORK);
	assert_string_equal(g.ei.msg, "127.0.0.1 took too long");
	buf_clear(&g.body);
}

static void it_can_be_cancelled_while_nothing_comes(void **state)
{
	struct get g = new_get("/x");
	double start = clock_monotonic();

	(void)state;
	g.cancel_at = 5;
	one.answer = say_nothing;
	assert_int_equal(run(&g), ERR_CANCELLED);
	assert_int_equal(g.asked, 5);
	assert_true(clock_monotonic() - start < 10);
}

static void pour(struct mock *m, int fd, const char *request)
{
	static const char zeros[16384];

	(void)m;
	(void)request;
	mock_say(fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (mock_send(fd, zeros, sizeof(zeros)))
		;
}

static void it_can_be_cancelled_while_much_comes(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	g.rq.max_bytes = INT64_MAX;
	g.cancel_at = 5;
	one.answer = pour;
	assert_int_equal(run(&g), ERR_CANCELLED);
	assert_int_equal(g.asked, 5);
	buf_clear(&g.body);
}

static void errors_of_begin_and_body_end_it(void **state)
{
	struct get g = new_get("/x");

	(void)state;
	one.answer = pour;
	g.rq.max_bytes = INT64_MAX;
	g.body_says = ERR_DISK_FULL;
	assert_int_equal(run(&g), ERR_DISK_FULL);
	assert_string_equal(g.ei.msg, "body says no");
	assert_int_equal(g.bodies, 1);
	g.begin_says = ERR_CONFLICT;
	assert_int_equal(run(&g), ERR_CONFLICT);
	assert_string_equal(g.ei.msg, "begin says no");
	assert_int_equal(g.bodies, 1);
	buf_clear(&g.body);
}

static void nobody_has_to_be_asked(void **state)
{
	struct get g = new_get("/1");

	(void)state;
	g.rq.begin = NULL;
	g.rq.body = NULL;
	g.rq.cancelled = NULL;
	g.rq.allow_host = NULL;
	one.answer = count_down;
	assert_int_equal(run(&g), OK);
	assert_int_equal(g.out.status, 200);
	assert_int_equal(http_get(&g.policy, &g.rq, &g.out, NULL), OK);
	mock_settle(&one);
}

/* Secrets */

static void what_would_forge_a_request_is_refused(void **state)
{
	static const char *const forged[] = { "",    "a b",  "a\r\nX-Forged: 1",
					      "a\n", "a\"b", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
		struct get g = new_get("/x");
		g.rq.token = forged[i];
		assert_int_equal(run(&g), ERR_INVALID);
		g.rq.token = NULL;
		g.rq.if_range = forged[i];
		assert_int_equal(run(&g), ERR_INVALID);
		g.rq.if_range = NULL;
		g.rq.if_none_match = forged[i];
		assert_int_equal(run(&g), ERR_INVALID);
	}
	assert_int_equal(one.connections, 0);
}

static void messages_tell_neither_query_nor_token(void **state)
{
	static const char *const raw[] = { "",
					   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
					   "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
					   "HTTP/1.1 302 X\r\nLocation: ftp://h/?QUERY\r\n\r\n",
					   "HTTP/1.1 302 X\r\nLocation: https://u@h/?QUERY\r\n\r\n",
					   "HTTP/1.1 302 X\r\nLocation: http://h/?QUERY\r\n\r\n",
					   "HTTP/1.1 302 X\r\nLocation: ?QUERY\r\n\r\n" };
	struct get g = new_get("/x?QUERY");

	(void)state;
	g.rq.token = "TOKEN";
	one.answer = say_arg;
	for (size_t i = 0; i < sizeof(raw) / sizeof(*raw); i++) {
		one.arg = (void *)raw[i];
		assert_int_not_equal(run(&g), OK);
		assert_null(strstr(g.ei.msg, "QUERY"));
		assert_null(strstr(g.ei.msg, "TOKEN"));
	}
}

static void *get_hello(void *arg)
{
	struct get g = new_get("/2");
	char mine[64];

	(void)arg;
	snprintf(mine, sizeof(mine), "http://127.0.0.1:%d/2", one.port);
	g.rq.url = mine;
	enum err e = run(&g);
	bool good = e == OK && g.body.len == 5;
	buf_clear(&g.body);
	return good ? &one : NULL;
}

static void many_threads_may_download_at_once(void **state)
{
	pthread_t threads[8];
	void *good;

	(void)state;
	one.answer = count_down;
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_hello, NULL), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &good);
		assert_non_null(good);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, forget)
	const struct CMUnitTest tests[] = {
		TEST(a_body_comes_whole_with_its_head),
		TEST(the_request_says_what_it_should_and_no_more),
		TEST(redirects_are_followed_up_to_three),
		TEST(the_token_stays_with_the_first_origin),
		TEST(loops_end),
		TEST(redirects_to_what_is_not_allowed_are_refused),
		TEST(names_of_private_addresses_are_refused_at_connect),
		TEST(hosts_are_asked_for_at_every_hop),
		TEST(the_first_hop_says_what_the_file_is),
		TEST(no_cookie_and_no_netrc_is_sent),
		TEST(proxies_of_the_environment_are_not_used),
		TEST(the_proxy_of_the_policy_is),
		TEST(the_proxy_does_not_hear_the_token_of_https),
		TEST(parts_are_asked_for_and_taken),
		TEST(another_part_than_was_asked_for_is_refused),
		TEST(the_whole_instead_of_a_part_is_said),
		TEST(what_has_not_changed_is_a_304),
		TEST(refusals_are_told_with_what_they_say),
		TEST(broken_answers_are_faults_of_the_network),
		TEST(a_port_where_nobody_listens_is_a_fault_of_the_network),
		TEST(tls_is_not_spoken_with_a_server_that_does_not),
		TEST(encoded_bodies_are_refused_unread),
		TEST(bodies_end_at_the_limit),
		TEST(silence_is_a_stall),
		TEST(a_drip_is_a_stall),
		TEST(all_of_it_has_a_time),
		TEST(it_can_be_cancelled_while_nothing_comes),
		TEST(it_can_be_cancelled_while_much_comes),
		TEST(errors_of_begin_and_body_end_it),
		TEST(nobody_has_to_be_asked),
		TEST(what_would_forge_a_request_is_refused),
		TEST(messages_tell_neither_query_nor_token),
		TEST(many_threads_may_download_at_once),
	};

	return cmocka_run_group_tests(tests, open_servers, close_servers);
}
