/* Heads of responses, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/head.h"

/* Reads text, whose lines end in "\n"; the errors of head_line. */
static enum err read_text(struct head *h, const char *text, struct errinfo *ei)
{
	enum err e = OK;

	head_init(h);
	while (*text && e == OK) {
		size_t n = strcspn(text, "\n") + 1;
		e = head_line(h, text, n, ei);
		text += n;
	}
	return e;
}

static void read_good(struct head *h, const char *text)
{
	struct errinfo ei;

	if (read_text(h, text, &ei) != OK)
		fail_msg("%s: %s", text, ei.msg);
}

static void a_head_of_the_hub_is_read(void **state)
{
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 302 Found\r\n"
		      "Location: https://cdn.example/x?a=1\r\n"
		      "x-repo-commit: 86b5e0934494bd15c9632b12f734a8a67f723594\r\n"
		      "X-Linked-Size:440449768\r\n"
		      "x-LINKED-etag:   \"68d45e234eb4a928074dfd868cead0219ab85354\" \t\r\n"
		      "ETag: W/\"a-b\"\r\n"
		      "Accept-Ranges: Bytes\r\n"
		      "Content-Length: 1369\r\n"
		      "\r\n");
	assert_true(head_redirects(&h));
	assert_int_equal(h.r.status, 302);
	assert_string_equal(h.location, "https://cdn.example/x?a=1");
	assert_string_equal(h.r.commit, "86b5e0934494bd15c9632b12f734a8a67f723594");
	assert_int_equal(h.r.linked_size, 440449768);
	assert_string_equal(h.r.linked_etag, "68d45e234eb4a928074dfd868cead0219ab85354");
	assert_string_equal(h.r.etag, "a-b");
	assert_true(h.r.accepts_ranges);
	assert_int_equal(h.r.content_length, 1369);
	assert_false(h.encoded);
}

static void a_head_that_says_nothing_has_nothing(void **state)
{
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 200\n\n");
	assert_true(h.complete);
	assert_int_equal(h.r.content_length, -1);
	assert_int_equal(h.r.range_from, -1);
	assert_int_equal(h.r.range_total, -1);
	assert_int_equal(h.r.linked_size, -1);
	assert_int_equal(h.r.retry_after_s, -1);
	assert_string_equal(h.r.etag, "");
	assert_string_equal(h.location, "");
	assert_false(h.r.accepts_ranges);
	assert_false(head_redirects(&h));
}

static void etags_lose_quotes_and_weakness(void **state)
{
	static const struct {
		const char *line, *etag;
	} cases[] = {
		{ "ETag: \"abc\"", "abc" },
		{ "ETag: W/\"abc\"", "abc" },
		{ "ETag: w/\"abc\"", "abc" },
		{ "ETag: abc", "abc" },
		{ "ETag: \"\"", "" },
		{ "ETag:", "" },
		{ "ETag: W/", "" },
		{ "ETag: \"", "" },
		{ "ETag: \"a\"b\"", "" },
		{ "ETag: \"a b\"", "" },
		{ "ETag: \"a\tb\"", "" },
		{ "ETag: \"a\x01\"", "" },
		{ "ETag: \"\xc3\xa9\"", "" },
		{ "ETag : \"abc\"", "" },
		{ "XETag: abc", "" },
		{ "ETag abc", "" },
		{ ": abc", "" },
	};
	char text[128];
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\n%s\n\n", cases[i].line);
		read_good(&h, text);
		assert_string_equal(h.r.etag, cases[i].etag);
	}
}

static void strings_that_do_not_fit_are_absent(void **state)
{
	char text[256];
	struct head h;

	(void)state;
	for (int n = 71; n <= 72; n++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\nX-Repo-Commit: %0*d\n\n", n, 1);
		read_good(&h, text);
		assert_int_equal(strlen(h.r.commit), n == 71 ? 71 : 0);
	}
}

static void bytes_of_nul_make_no_strings(void **state)
{
	static const char etag[] = "ETag: \"a\0b\"\n", location[] = "Location: /a\0b\n";
	struct errinfo ei;
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 302 Found\n");
	assert_int_equal(head_line(&h, etag, sizeof(etag) - 1, &ei), OK);
	assert_string_equal(h.r.etag, "");
	assert_int_equal(head_line(&h, location, sizeof(location) - 1, &ei), ERR_NETWORK);
}

static void lengths_are_numbers_or_refused(void **state)
{
	static const struct {
		const char *lines;
		int64_t length; /* -2: refused */
	} cases[] = {
		{ "Content-Length: 0\n", 0 },
		{ "Content-Length: 9223372036854775807\n", INT64_MAX },
		{ "Content-Length: 9223372036854775808\n", -2 },
		{ "Content-Length: 99999999999999999999999999999\n", -2 },
		{ "Content-Length: -1\n", -2 },
		{ "Content-Length: +1\n", -2 },
		{ "Content-Length: 0x10\n", -2 },
		{ "Content-Length: 1e3\n", -2 },
		{ "Content-Length: 5, 5\n", -2 },
		{ "Content-Length: 5 5\n", -2 },
		{ "Content-Length:\n", -2 },
		{ "Content-Length: 5\nContent-Length: 5\n", 5 },
		{ "Content-Length: 5\nContent-Length: 6\n", -2 },
		{ "Content-Length: 6\nTransfer-Encoding: chunked\n", -1 },
		{ "Transfer-Encoding: chunked\nContent-Length: 6\n", -1 },
	};
	char text[256];
	struct errinfo ei;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\n%s\n", cases[i].lines);
		enum err e = read_text(&h, text, &ei);
		if (e != (cases[i].length == -2 ? ERR_NETWORK : OK) ||
		    (e == OK && h.r.content_length != cases[i].length))
			fail_msg("%s: %s, %lld", cases[i].lines, err_name(e),
				 (long long)h.r.content_length);
	}
}

static void ranges_are_read_in_a_206_only(void **state)
{
	static const struct {
		const char *value;
		int64_t from, total;
	} cases[] = {
		{ "bytes 5-9/10", 5, 10 },
		{ "Bytes 5-9/*", 5, -1 },
		{ "bytes 0-0/1", 0, 1 },
		{ "bytes 5-10/10", -1, -1 },
		{ "bytes 5-4/10", -1, -1 },
		{ "bytes */10", -1, -1 },
		{ "bytes -5-9/10", -1, -1 },
		{ "bytes 5-9", -1, -1 },
		{ "bytes 5-9/", -1, -1 },
		{ "bytes 5-9/10 ", 5, 10 },
		{ "bytes 5-9/10x", -1, -1 },
		{ "lines 5-9/10", -1, -1 },
		{ "bytes 5-9/99999999999999999999", -1, -1 },
		{ "bytes 99999999999999999999-9/10", -1, -1 },
		{ "", -1, -1 },
	};
	char text[128];
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (int status = 200; status <= 206; status += 6) {
			snprintf(text, sizeof(text), "HTTP/1.1 %d X\nContent-Range: %s\n\n", status,
				 cases[i].value);
			read_good(&h, text);
			assert_int_equal(h.r.range_from, status == 206 ? cases[i].from : -1);
			assert_int_equal(h.r.range_total, status == 206 ? cases[i].total : -1);
		}
}

static void every_coding_but_chunks_is_an_encoding(void **state)
{
	static const struct {
		const char *line;
		bool encoded;
	} cases[] = {
		{ "Content-Encoding: identity", false },
		{ "Content-Encoding: IDENTITY", false },
		{ "Content-Encoding:", false },
		{ "Content-Encoding: gzip", true },
		{ "Content-Encoding: identity, gzip", true },
		{ "Content-Encoding: gzip, gzip, gzip", true },
		{ "Content-Encoding: br", true },
		{ "Content-Encoding: zstd", true },
		{ "Content-Encoding: ,", true },
		{ "Transfer-Encoding: chunked", false },
		{ "Transfer-Encoding: Chunked", false },
		{ "Transfer-Encoding: gzip, chunked", true },
		{ "Transfer-Encoding: chunked, gzip", true },
		{ "Transfer-Encoding: chunked\nTransfer-Encoding: gzip", true },
		{ "Content-Encoding: gzip\nContent-Encoding: identity", true },
		{ "Transfer-Encoding:", true },
	};
	char text[128];
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\n%s\n\n", cases[i].line);
		read_good(&h, text);
		if (h.encoded != cases[i].encoded)
			fail_msg("%s", cases[i].line);
	}
}

static void retry_after_is_seconds_or_nothing(void **state)
{
	static const struct {
		const char *value;
		int64_t seconds;
	} cases[] = {
		{ "0", 0 },
		{ "120", 120 },
		{ "-1", -1 },
		{ "1.5", -1 },
		{ "Wed, 21 Oct 2026 07:28:00 GMT", -1 },
		{ "99999999999999999999", -1 },
	};
	char text[128];
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "HTTP/1.1 429 Slow\nRetry-After: %s\n\n",
			 cases[i].value);
		read_good(&h, text);
		assert_int_equal(h.r.retry_after_s, cases[i].seconds);
	}
}

static void statuses_have_three_digits(void **state)
{
	static const char *const none[] = { "",
					    "HTTP/1.1",
					    "HTTP/1.1 ",
					    "HTTP/1.1 20 OK",
					    "HTTP/1.1 2000",
					    "HTTP/1.1 -20",
					    "HTTP/1.1 099 X",
					    "HTTP/1.1 OK",
					    "200 OK",
					    "ICY 200 OK",
					    "GET / HTTP/1.1",
					    " HTTP/1.1 200 OK",
					    "ETag: \"a\"",
					    "<html>" };
	struct errinfo ei;
	struct head h;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		head_init(&h);
		if (head_line(&h, none[i], strlen(none[i]), &ei) != ERR_NETWORK)
			fail_msg("%s", none[i]);
	}
}

static void only_five_statuses_redirect(void **state)
{
	char text[64];
	int redirects = 0;
	struct head h;

	(void)state;
	for (int status = 200; status < 600; status++) {
		snprintf(text, sizeof(text), "HTTP/1.1 %d X\nLocation: /x\n\n", status);
		read_good(&h, text);
		redirects += head_redirects(&h);
	}
	assert_int_equal(redirects, 5);
	read_good(&h, "HTTP/1.1 302 Found\nLocation: /x\n");
	assert_false(head_redirects(&h));
}

static void two_locations_contradict_each_other(void **state)
{
	struct errinfo ei;
	struct head h;

	(void)state;
	assert_int_equal(read_text(&h, "HTTP/1.1 302 X\nLocation: /a\nLocation: /b\n\n", &ei),
			 ERR_NETWORK);
	read_good(&h, "HTTP/1.1 302 X\nLocation: /a\nLocation: /a\n\n");
	assert_string_equal(h.location, "/a");
}

/* A status line between the fields must not wipe out what they said. */
static void a_second_status_line_is_no_new_head(void **state)
{
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 200 OK\nContent-Encoding: gzip\nHTTP/1.1 206 Part\n\n");
	assert_int_equal(h.r.status, 200);
	assert_true(h.encoded);
}

static void informational_heads_are_forgotten_but_counted(void **state)
{
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 103 Early\nETag: \"a\"\nContent-Encoding: gzip\n\n");
	assert_false(h.complete);
	size_t bytes = h.bytes;
	struct errinfo ei;
	assert_int_equal(head_line(&h, "HTTP/1.1 200 OK\n", 16, &ei), OK);
	assert_string_equal(h.r.etag, "");
	assert_false(h.encoded);
	assert_int_equal(h.bytes, bytes + 16);
}

static void trailers_change_nothing(void **state)
{
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 200 OK\nETag: \"a\"\n\nETag: \"b\"\nContent-Encoding: gzip\n"
		      "HTTP/1.1 500 Oh\n\n");
	assert_int_equal(h.r.status, 200);
	assert_string_equal(h.r.etag, "a");
	assert_false(h.encoded);
}

static void all_lines_together_are_bounded(void **state)
{
	struct errinfo ei;
	struct head h;

	(void)state;
	read_good(&h, "HTTP/1.1 100 Continue\n\n");
	while (h.bytes + 15 <= HTTP_MAX_HEADERS) {
		assert_int_equal(head_line(&h, "HTTP/1.1 100\n", 14, &ei), OK);
		assert_int_equal(head_line(&h, "\n", 1, &ei), OK);
	}
	assert_int_equal(head_line(&h, "HTTP/1.1 200 OK\n", 16, &ei), ERR_TOO_LARGE);
}

static void visible_text_can_be_sent(void **state)
{
	(void)state;
	assert_true(head_is_visible("hf_abcDEF123-._~+/="));
	assert_false(head_is_visible(""));
	assert_false(head_is_visible("a b"));
	assert_false(head_is_visible("a\r\nX: y"));
	assert_false(head_is_visible("a\"b"));
	assert_false(head_is_visible("a\x7f"));
	assert_false(head_is_visible("a\xc3\xa9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_of_the_hub_is_read),
		cmocka_unit_test(a_head_that_says_nothing_has_nothing),
		cmocka_unit_test(etags_lose_quotes_and_weakness),
		cmocka_unit_test(strings_that_do_not_fit_are_absent),
		cmocka_unit_test(bytes_of_nul_make_no_strings),
		cmocka_unit_test(lengths_are_numbers_or_refused),
		cmocka_unit_test(ranges_are_read_in_a_206_only),
		cmocka_unit_test(every_coding_but_chunks_is_an_encoding),
		cmocka_unit_test(retry_after_is_seconds_or_nothing),
		cmocka_unit_test(statuses_have_three_digits),
		cmocka_unit_test(only_five_statuses_redirect),
		cmocka_unit_test(two_locations_contradict_each_other),
		cmocka_unit_test(a_second_status_line_is_no_new_head),
		cmocka_unit_test(informational_heads_are_forgotten_but_counted),
		cmocka_unit_test(trailers_change_nothing),
		cmocka_unit_test(all_lines_together_are_bounded),
		cmocka_unit_test(visible_text_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
