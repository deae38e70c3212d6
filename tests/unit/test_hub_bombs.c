/* Answers that try to fill the memory, the disk or the time of who asks: each ends in an error at
 * its limit, and the process does not grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "hub/http.h"
#include "mock_server.h"

#define MAX_BODY (1 << 20)
#define POURED	 (1LL << 30) /* what a client that does not give up would get */

/* KiB. The sanitizers keep what was freed, so that there is nothing to measure under them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAX_GROWTH LONG_MAX
#else
#define MAX_GROWTH (64 << 10)
#endif

#define OK_HEAD	    "HTTP/1.1 200 OK\r\n"
#define CHUNKED	    OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define MANY_DIGITS "00000000000000000000000000000000000000000000000000000000000000"
#define GZIP	    "\x1f\x8b\x08"
#define TEN(s)	    s s s s s s s s s s

static const struct bomb {
	const char *name;
	enum err want;
	const char *head;  /* once */
	const char *piece; /* then this for ever; NULL: nothing more */
	enum err or_else;  /* as good, where it depends on how the bytes arrive; OK: nothing is */
} bombs[] = {
	/* compressed */
	{ "gzip", ERR_UNSUPPORTED, OK_HEAD "Content-Encoding: gzip\r\n\r\n" GZIP, "zz" },
	{ "x-gzip", ERR_UNSUPPORTED, OK_HEAD "Content-Encoding: x-gzip\r\n\r\n" GZIP, "zz" },
	{ "deflate", ERR_UNSUPPORTED, OK_HEAD "Content-Encoding: deflate\r\n\r\nx", "zz" },
	{ "brotli", ERR_UNSUPPORTED, OK_HEAD "Content-Encoding: br\r\n\r\nx", "zz" },
	{ "zstd", ERR_UNSUPPORTED, OK_HEAD "Content-Encoding: zstd\r\n\r\nx", "zz" },
	{ "gzip ten times", ERR_UNSUPPORTED,
	  OK_HEAD "Content-Encoding: " TEN("gzip, ") "gzip\r\n\r\n" GZIP, "zz" },
	{ "gzip in a hundred fields", ERR_UNSUPPORTED,
	  OK_HEAD TEN(TEN("Content-Encoding: gzip\r\n")) "\r\n" GZIP, "zz" },
	{ "gzip of the transfer", ERR_UNSUPPORTED, OK_HEAD "Transfer-Encoding: gzip\r\n\r\n" GZIP,
	  "zz" },
	{ "gzip of the transfer in chunks", ERR_UNSUPPORTED,
	  OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n10\r\n" GZIP "\r\n", "2\r\nzz\r\n" },
	{ "chunks of gzip in two fields", ERR_UNSUPPORTED,
	  OK_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n", "2\r\nzz\r\n" },
	/* endless bodies */
	{ "no length", ERR_TOO_LARGE, OK_HEAD "\r\n", "zz" },
	{ "a length of 8 EiB", ERR_TOO_LARGE, OK_HEAD "Content-Length: 9223372036854775807\r\n\r\n",
	  "zz" },
	{ "a length of 30 digits", ERR_NETWORK,
	  OK_HEAD "Content-Length: 999999999999999999999999999999\r\n\r\n", "zz" },
	{ "a length below zero", ERR_NETWORK, OK_HEAD "Content-Length: -1\r\n\r\n", "zz" },
	{ "two lengths", ERR_NETWORK,
	  OK_HEAD "Content-Length: 5\r\nContent-Length: 99999999999\r\n\r\n", "zz" },
	{ "a length beside chunks", ERR_TOO_LARGE,
	  OK_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "2\r\nzz\r\n" },
	{ "chunks", ERR_TOO_LARGE, CHUNKED, "3e8\r\n" TEN(TEN(TEN("z"))) "\r\n" },
	{ "chunks of a byte", ERR_TOO_LARGE, CHUNKED, "1\r\nz\r\n" },
	{ "a chunk of 8 EiB", ERR_TOO_LARGE, CHUNKED "7fffffffffffffff\r\n", "zz" },
	{ "a chunk of 16 EiB", ERR_NETWORK, CHUNKED "ffffffffffffffff\r\n", "zz" },
	{ "a chunk of 17 digits", ERR_NETWORK, CHUNKED "11111111111111111\r\n", "zz" },
	{ "a chunk's length that does not end", ERR_NETWORK, CHUNKED, MANY_DIGITS },
	{ "a chunk's extension that does not end", ERR_NETWORK, CHUNKED "1;x=", "zz" },
	{ "trailers", ERR_TOO_LARGE, CHUNKED "0\r\n", "X-Trailer: zz\r\n" },
	{ "a trailer that does not end", ERR_NETWORK, CHUNKED "0\r\nX-Trailer: ", "zz" },
	{ "a part without end", ERR_NETWORK,
	  "HTTP/1.1 206 Part\r\nContent-Type: multipart/byteranges; boundary=z\r\n\r\n",
	  "--z\r\n\r\nz\r\n" },
	/* endless heads */
	{ "a million fields", ERR_TOO_LARGE, OK_HEAD, "X-Field: zz\r\n" },
	{ "a million empty fields", ERR_TOO_LARGE, OK_HEAD, "X:\r\n" },
	{ "a million cookies", ERR_TOO_LARGE, OK_HEAD, "Set-Cookie: z=z\r\n" },
	{ "a million codings", ERR_TOO_LARGE, OK_HEAD, "Content-Encoding: gzip\r\n" },
	{ "a million lengths", ERR_TOO_LARGE, OK_HEAD, "Content-Length: 5\r\n" },
	{ "a field of 1 GB", ERR_TOO_LARGE, OK_HEAD "X-Field: ", "zz" },
	{ "a field's name of 1 GB", ERR_TOO_LARGE, OK_HEAD, "zz" },
	{ "a folded field", ERR_TOO_LARGE, OK_HEAD "X-Field: z\r\n", " zz\r\n" },
	{ "a field of spaces", ERR_TOO_LARGE, OK_HEAD "X-Field:", "  " },
	{ "a status line of 1 GB", ERR_TOO_LARGE, "HTTP/1.1 200 ", "zz" },
	{ "a version of 1 GB", ERR_NETWORK, "HTTP/1", "11", ERR_TOO_LARGE },
	{ "spaces before the status", ERR_NETWORK, "", "  ", ERR_TOO_LARGE },
	{ "empty lines before the status", ERR_NETWORK, "", "\r\n", ERR_TOO_LARGE },
	{ "no HTTP at all", ERR_NETWORK, "", "zz", ERR_TOO_LARGE },
	{ "100 for ever", ERR_TOO_LARGE, "", "HTTP/1.1 100 Continue\r\n\r\n" },
	{ "103 for ever, with fields", ERR_TOO_LARGE, "",
	  "HTTP/1.1 103 Early Hints\r\nLink: zz\r\n\r\n" },
	{ "101 for ever", ERR_NETWORK, "", "HTTP/1.1 101 Switching\r\nUpgrade: z\r\n\r\n" },
	/* redirects and refusals */
	{ "a loop", ERR_NETWORK, "HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
	  NULL },
	{ "a loop that grows", ERR_NETWORK,
	  "HTTP/1.1 302 Go\r\nLocation: zz/\r\nContent-Length: 0\r\n\r\n", NULL },
	{ "redirects with bodies", ERR_NETWORK, "HTTP/1.1 302 Go\r\nLocation: /\r\n\r\n", "zz" },
	{ "a place of 1 GB", ERR_TOO_LARGE, "HTTP/1.1 302 Go\r\nLocation: /", "zz" },
	{ "a million places", ERR_TOO_LARGE, "HTTP/1.1 302 Go\r\n", "Location: /z\r\n" },
	{ "a refusal with a body", OK, "HTTP/1.1 404 No\r\n\r\n", "zz" },
	{ "a refusal in gzip", OK, "HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\n\r\n", "zz" },
};
#define N_BOMBS (sizeof(bombs) / sizeof(*bombs))

static struct mock server;
static struct networks *loopback;
static int64_t received;
static char block[1 << 16]; /* pieces end to end */

/* The peak of the process so far, KiB. */
static long peak(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void pour(struct mock *m, int fd, const char *request)
{
	const struct bomb *b = m->arg;
	size_t n = b->piece ? strlen(b->piece) : 0, whole = 0;

	(void)request;
	if (!mock_send(fd, b->head, strlen(b->head)) || !n)
		return;
	for (; whole + n <= sizeof(block); whole += n)
		memcpy(block + whole, b->piece, n);
	for (int64_t sent = 0; sent < POURED && mock_send(fd, block, whole);)
		sent += (int64_t)whole;
}

static enum err count(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	(void)ctx;
	(void)data;
	(void)ei;
	received += (int64_t)n;
	return OK;
}

static enum err get(const struct bomb *b, struct http_response *out, struct errinfo *ei)
{
	char url[64];
	struct http_policy policy = { .http_hosts = "127.0.0.1",
				      .private_networks = loopback,
				      .user_agent = "bertd/test",
				      .stall_timeout_s = 2,
				      .total_timeout_s = 60 };
	struct http_request rq = { .url = url, .max_bytes = MAX_BODY, .body = count };

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
	server.arg = (void *)b;
	server.answer = pour;
	received = 0;
	enum err e = http_get(&policy, &rq, out, ei);
	mock_settle(&server);
	return e;
}

static void every_bomb_ends_at_its_limit(void **state)
{
	struct http_response out;
	struct errinfo ei;
	long before;

	(void)state;
	assert_true(N_BOMBS >= 40);
	assert_int_equal(get(&bombs[N_BOMBS - 1], &out, &ei), OK);
	before = peak();
	for (size_t i = 0; i < N_BOMBS; i++) {
		enum err e = get(&bombs[i], &out, &ei);
		if (e != bombs[i].want && (e == OK || e != bombs[i].or_else))
			fail_msg("%s: %s, %s", bombs[i].name, err_name(e), e ? ei.msg : "");
		if (received > MAX_BODY || (e != ERR_TOO_LARGE && received > 0))
			fail_msg("%s: %lld bytes came through", bombs[i].name, (long long)received);
		if (peak() - before > MAX_GROWTH)
			fail_msg("%s: grew by %ld KiB", bombs[i].name, peak() - before);
	}
	print_message("%zu bombs, the peak grew by %ld KiB\n", N_BOMBS, peak() - before);
}

static int open_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (networks_parse("127.0.0.1", &loopback, NULL) != OK)
		return -1;
	return mock_open(&server, "127.0.0.1") ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	mock_close(&server);
	networks_free(loopback);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bomb_ends_at_its_limit),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
