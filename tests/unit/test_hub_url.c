/* URLs, read strictly, and which of them a policy lets be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "hub/url.h"

static void good_urls_get_one_form(void **state)
{
	static const struct {
		const char *text, *form, *host;
		int port;
	} cases[] = {
		{ "https://huggingface.co/a/b", "https://huggingface.co/a/b", "huggingface.co",
		  443 },
		{ "HTTPS://HuggingFace.CO", "https://huggingface.co/", "huggingface.co", 443 },
		{ "https://h:443/x", "https://h/x", "h", 443 },
		{ "http://h:80/x", "http://h/x", "h", 80 },
		{ "http://h:443", "http://h:443/", "h", 443 },
		{ "https://h:00008/x", "https://h:8/x", "h", 8 },
		{ "https://h:65535/", "https://h:65535/", "h", 65535 },
		{ "https://h?q=1", "https://h/?q=1", "h", 443 },
		{ "https://h#part", "https://h/", "h", 443 },
		{ "https://h/a#part?q", "https://h/a", "h", 443 },
		{ "https://h/a?q=http://e@x/#y", "https://h/a?q=http://e@x/", "h", 443 },
		{ "https://h/@e:80/x", "https://h/@e:80/x", "h", 443 },
		{ "https://h//double", "https://h//double", "h", 443 },
		{ "https://a_b.example-1.org/", "https://a_b.example-1.org/", "a_b.example-1.org",
		  443 },
		{ "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/",
		  "xn--bcher-kva.example", 443 },
		{ "https://0x7g/", "https://0x7g/", "0x7g", 443 },
		{ "https://1.2.3.4:8/", "https://1.2.3.4:8/", "1.2.3.4", 8 },
		{ "https://1.2.3.4.example/", "https://1.2.3.4.example/", "1.2.3.4.example", 443 },
		{ "https://[2A00::0001]/", "https://[2a00::1]/", "2a00::1", 443 },
		{ "https://[::ffff:7f00:1]:8/", "https://[::ffff:127.0.0.1]:8/", "::ffff:127.0.0.1",
		  8 },
	};
	struct errinfo ei;
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (url_parse(cases[i].text, &u, &ei) != OK)
			fail_msg("%s: %s", cases[i].text, ei.msg);
		assert_string_equal(u.text, cases[i].form);
		assert_string_equal(u.host, cases[i].host);
		assert_int_equal(u.port, cases[i].port);
	}
}

static const struct {
	const char *text, *word;
} bad[] = {
	{ "", "begin with" },
	{ "https:", "begin with" },
	{ "https:/h/", "begin with" },
	{ "https:h", "begin with" },
	{ "://h/", "begin with" },
	{ "//h/", "begin with" },
	{ "h/", "begin with" },
	{ "ftp://h/", "begin with" },
	{ "file:///etc/passwd", "begin with" },
	{ "gopher://h/_x", "begin with" },
	{ "httpss://h/", "begin with" },
	{ "view-source:https://h/", "begin with" },
	{ "data:text/plain,x", "begin with" },
	{ "javascript:alert(1)", "begin with" },
	{ " https://h/", "a space" },
	{ "https://h/ ", "a space" },
	{ "https://h/a b", "a space" },
	{ "https://h\t/", "control" },
	{ "ht\ntps://h/", "control" },
	{ "https://h/\r\nX-Injected: 1", "control" },
	{ "https://h/\x01", "control" },
	{ "https://h/\x7f", "DEL" },
	{ "https://h/\xc3\xa9", "ASCII" },
	{ "https://b\xc3\xbc"
	  "cher.example/",
	  "ASCII" },
	{ "https://127\xe3\x80\x82"
	  "0.0.1/",
	  "ASCII" },
	{ "https://\xe2\x91\xa0.1.1.1/", "ASCII" },
	{ "https:\\\\h\\", "backslash" },
	{ "https://h\\@e/", "backslash" },
	{ "https://h/a\\b", "backslash" },
	{ "https:///path", "no host" },
	{ "https://", "no host" },
	{ "https://:443/", "no host" },
	{ "https://?q", "no host" },
	{ "https://[]/", "no host" },
	{ "https://user@h/", "user" },
	{ "https://user:password@h/", "user" },
	{ "https://@h/", "user" },
	{ "https://h:80@127.0.0.1/", "user" },
	{ "https://h:0/", "port" },
	{ "https://h:/", "port" },
	{ "https://h:65536/", "port" },
	{ "https://h:-1/", "port" },
	{ "https://h:+1/", "port" },
	{ "https://h:0x50/", "port" },
	{ "https://h:80:80/", "port" },
	{ "https://h:4294967376/", "port" },
	{ "https://[::1]80/", "port" },
	{ "https://[::1]x/", "port" },
	{ "https://::1/", "no host" },
	{ "https://fe80::1/", "port" },
	{ "https://h./", "neither" },
	{ "https://h../", "neither" },
	{ "https://.h/", "neither" },
	{ "https://a..b/", "neither" },
	{ "https://-a.b/", "neither" },
	{ "https://a-.b/", "neither" },
	{ "https://127.0.0.1./", "neither" },
	{ "https://2130706433/", "neither" },
	{ "https://0x7f000001/", "neither" },
	{ "https://0x7f.1/", "neither" },
	{ "https://0X7F.0.0.0X1/", "neither" },
	{ "https://017700000001/", "neither" },
	{ "https://0177.0.0.1/", "neither" },
	{ "https://127.1/", "neither" },
	{ "https://127.0.1/", "neither" },
	{ "https://0/", "neither" },
	{ "https://0x/", "neither" },
	{ "https://00.00.00.00/", "neither" },
	{ "https://1.2.3.256/", "neither" },
	{ "https://1.2.3.4.5/", "neither" },
	{ "https://h.1/", "neither" },
	{ "https://h.0x1/", "neither" },
	{ "https://%31%32%37.0.0.1/", "neither" },
	{ "https://h%00.e/", "neither" },
	{ "https://h%2f@e/", "user" },
	{ "https://h,e/", "neither" },
	{ "https://h;e/", "neither" },
	{ "https://h$/", "neither" },
	{ "https://h|e/", "neither" },
	{ "https://h^e/", "neither" },
	{ "https://*/", "neither" },
	{ "https://[1.2.3.4]/", "neither" },
	{ "https://[::1/", "neither" },
	{ "https://::1]/", "no host" },
	{ "https://[::1%25lo]/", "neither" },
	{ "https://[fe80::1%lo]/", "neither" },
	{ "https://[v1.x]/", "neither" },
	{ "https://[::127.0.0.01]/", "neither" },
	{ "https://[h]/", "neither" },
};

static void bad_urls_are_refused_and_said_why(void **state)
{
	struct errinfo ei;
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (url_parse(bad[i].text, &u, &ei) != ERR_INVALID)
			fail_msg("\"%s\" was taken", bad[i].text);
		if (!strstr(ei.msg, bad[i].word))
			fail_msg("\"%s\": %s", bad[i].text, ei.msg);
	}
}

static void lengths_are_bounded(void **state)
{
	char text[HTTP_MAX_URL + 2];
	struct errinfo ei;
	struct url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	text[HTTP_MAX_URL + 1] = '\0';
	assert_int_equal(url_parse(text, &u, &ei), ERR_INVALID);
	text[HTTP_MAX_URL] = '\0';
	assert_int_equal(url_parse(text, &u, &ei), OK);
	assert_string_equal(u.text, text);
	/* a slash is put in, a label is too long, a host is */
	text[9] = '?';
	assert_int_equal(url_parse(text, &u, &ei), OK);
	assert_int_equal(strlen(u.text), HTTP_MAX_URL + 1);
	text[8 + 64] = '\0';
	text[9] = 'a';
	assert_int_equal(url_parse(text, &u, &ei), ERR_INVALID);
	text[8 + 63] = '\0';
	assert_int_equal(url_parse(text, &u, &ei), OK);
	for (int i = 0; i < 260; i++)
		text[8 + i] = i % 2 ? '.' : 'a';
	text[8 + 253] = '\0';
	assert_int_equal(url_parse(text, &u, &ei), OK);
	memcpy(text + 8 + 253, ".a", 3);
	assert_int_equal(url_parse(text, &u, &ei), ERR_INVALID);
}

/* A second reader must find the same host and port in what is given to it. */
static void curl_agrees_on_host_and_port(void **state)
{
	static const char *const texts[] = {
		"https://h/a?q=http://e@x/#y",
		"https://h?@e/",
		"https://h#@e/",
		"https://h/@e:80/",
		"https://h:00008/x",
		"http://h:443",
		"https://a_b/",
		"https://[2A00::1]:9",
		"https://1.2.3.4:8?x",
		"https://0x7g/",
		"https://h/%",
		"https://h/{[^|`\"<>",
	};
	char *host, *port, want[HTTP_HOST_SIZE + 2];
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		CURLU *c = curl_url();
		assert_int_equal(url_parse(texts[i], &u, NULL), OK);
		assert_int_equal(curl_url_set(c, CURLUPART_URL, u.text, 0), CURLUE_OK);
		assert_int_equal(curl_url_get(c, CURLUPART_HOST, &host, 0), CURLUE_OK);
		assert_int_equal(curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT),
				 CURLUE_OK);
		snprintf(want, sizeof(want), strchr(u.host, ':') ? "[%s]" : "%s", u.host);
		assert_string_equal(host, want);
		assert_int_equal(atoi(port), u.port);
		curl_free(host);
		curl_free(port);
		curl_url_cleanup(c);
	}
}

static void locations_are_resolved_against_the_url(void **state)
{
	static const struct {
		const char *location, *form; /* NULL: refused */
	} cases[] = {
		{ "https://other/x", "https://other/x" },
		{ "HTTP://Other:81", "http://other:81/" },
		{ "//other/x", "https://other/x" },
		{ "//other:8/x", "https://other:8/x" },
		{ "/x?y=1", "https://h:8/x?y=1" },
		{ "x", "https://h:8/a/x" },
		{ "./x/../z", "https://h:8/a/./x/../z" },
		{ "../../..", "https://h:8/a/../../.." },
		{ "?y", "https://h:8/a/b?y" },
		{ "x:y", NULL },
		{ "/x:y", "https://h:8/x:y" },
		{ "1x:y", "https://h:8/a/1x:y" },
		{ "x/http://e/", "https://h:8/a/x/http://e/" },
		{ "", NULL },
		{ "#part", NULL },
		{ "///other/", NULL },
		{ "//", NULL },
		{ "//user@other/", NULL },
		{ "/\\other/", NULL },
		{ "\\\\other\\", NULL },
		{ "\t//other", NULL },
		{ "https:other", NULL },
		{ "https:/other", NULL },
		{ "file:///etc/passwd", NULL },
		{ "//2130706433/", NULL },
		{ "/a b", NULL },
	};
	struct errinfo ei;
	struct url base, u;

	(void)state;
	assert_int_equal(url_parse("https://h:8/a/b?c=/d/e", &base, &ei), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum err e = url_resolve(&base, cases[i].location, &u, &ei);
		if (e != (cases[i].form ? OK : ERR_INVALID))
			fail_msg("\"%s\": %s", cases[i].location, e == OK ? u.text : ei.msg);
		if (cases[i].form)
			assert_string_equal(u.text, cases[i].form);
	}
}

static void a_location_that_grows_too_long_is_refused(void **state)
{
	char text[HTTP_MAX_URL + 2];
	struct errinfo ei;
	struct url base, u;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[HTTP_MAX_URL + 1] = '\0';
	assert_int_equal(url_parse("https://h/", &base, &ei), OK);
	assert_int_equal(url_resolve(&base, text, &u, &ei), ERR_INVALID);
	text[HTTP_MAX_URL] = '\0';
	assert_int_equal(url_resolve(&base, text, &u, &ei), ERR_INVALID);
	text[HTTP_MAX_URL - 10] = '\0';
	assert_int_equal(url_resolve(&base, text, &u, &ei), OK);
}

static void origins_differ_by_scheme_host_or_port(void **state)
{
	static const struct {
		const char *url;
		bool same;
	} cases[] = {
		{ "https://h:443/other", true }, { "https://H", true },
		{ "http://h/", false },		 { "http://h:443/", false },
		{ "https://h:8/", false },	 { "https://h.h/", false },
	};
	struct url a, b;

	(void)state;
	assert_int_equal(url_parse("https://h/x", &a, NULL), OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(url_parse(cases[i].url, &b, NULL), OK);
		assert_int_equal(url_same_origin(&a, &b), cases[i].same);
	}
}

static void policies_say_which_urls_may_be_asked_for(void **state)
{
	static const struct {
		const char *url, *http_hosts, *networks, *proxy;
		enum err e;
	} cases[] = {
		{ "https://h/", NULL, NULL, NULL, OK },
		{ "http://h/", NULL, NULL, NULL, ERR_INVALID },
		{ "http://h/", "", NULL, NULL, ERR_INVALID },
		{ "http://h/", "h", NULL, NULL, OK },
		{ "http://h:81/", "h", NULL, NULL, OK },
		{ "http://h:81/", "g, H:81", NULL, NULL, OK },
		{ "http://h:82/", "g, h:81", NULL, NULL, ERR_INVALID },
		{ "http://h/", "h:80", NULL, NULL, OK },
		{ "http://x.h/", "h", NULL, NULL, ERR_INVALID },
		{ "http://hh/", "h", NULL, NULL, ERR_INVALID },
		{ "http://h/", "hh", NULL, NULL, ERR_INVALID },
		{ "https://127.0.0.1/", NULL, NULL, NULL, ERR_DENIED },
		{ "https://127.0.0.1/", NULL, "127.0.0.0/8", NULL, OK },
		{ "https://10.1.2.3/", NULL, "127.0.0.0/8", NULL, ERR_DENIED },
		{ "https://1.1.1.1/", NULL, NULL, NULL, OK },
		{ "https://[::1]/", NULL, "127.0.0.0/8", NULL, ERR_DENIED },
		{ "https://[::1]/", NULL, "::1", NULL, OK },
		{ "http://[::1]:8/", "[::1]:8", "::1", NULL, OK },
		{ "http://[::1]:9/", "[::1]:8", "::1", NULL, ERR_INVALID },
		{ "https://[::ffff:127.0.0.1]/", NULL, "127.0.0.0/8", NULL, ERR_DENIED },
		{ "http://127.0.0.1/", "127.0.0.1", NULL, NULL, ERR_DENIED },
		{ "http://127.0.0.1/", "127.0.0.1", "127.0.0.1", NULL, OK },
		{ "https://localhost/", NULL, NULL, NULL, OK }, /* judged when it is resolved */
		{ "https://localhost/", NULL, NULL, "http://p:1", ERR_DENIED },
		{ "https://x.localhost/", NULL, NULL, "http://p:1", ERR_DENIED },
		{ "https://localhost/", NULL, "127.0.0.1", "http://p:1", OK },
		{ "https://mylocalhost/", NULL, NULL, "http://p:1", OK },
		{ "https://localhost/", NULL, NULL, "", OK },
		{ "https://10.1.2.3/", NULL, NULL, "http://p:1", ERR_DENIED },
	};
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct networks *n;
		char host[HTTP_HOST_SIZE];
		assert_int_equal(networks_parse(cases[i].networks, &n, &ei), OK);
		struct http_policy policy = { .http_hosts = cases[i].http_hosts,
					      .private_networks = n,
					      .proxy = cases[i].proxy };
		if (http_check_url(&policy, cases[i].url, host, &ei) != cases[i].e)
			fail_msg("case %zu, %s", i, cases[i].url);
		networks_free(n);
	}
}

static void policies_of_another_form_are_refused(void **state)
{
	static const struct {
		const char *http_hosts, *proxy;
		bool good;
	} cases[] = {
		{ NULL, NULL, true },
		{ "a, b:80,[::1], [::1]:8, 127.0.0.1:9", "http://p:3128", true },
		{ " , ", "http://user:p@ss@p:3128/", true },
		{ "http://a", NULL, false },
		{ "a/", NULL, false },
		{ "a#b", NULL, false },
		{ "a, b:x", NULL, false },
		{ "a, u@b", NULL, false },
		{ "::1", NULL, false },
		{ ".example.org", NULL, false },
		{ NULL, "", true },
		{ NULL, "p:3128", false },
		{ NULL, "http://p", false },
		{ NULL, "http://[::1]", false },
		{ NULL, "http://[::1]:3128", true },
		{ NULL, "socks5://p:1080", false },
		{ NULL, "http://", false },
		{ NULL, "http://p:3128/path", false },
		{ NULL, "http://p:99999", false },
	};
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct http_policy policy = { .http_hosts = cases[i].http_hosts,
					      .proxy = cases[i].proxy };
		enum err e = http_check_policy(&policy, &ei);
		if (e != (cases[i].good ? OK : ERR_INVALID))
			fail_msg("case %zu", i);
	}
}

static void http_check_url_gives_the_host(void **state)
{
	struct http_policy policy = { 0 };
	char host[HTTP_HOST_SIZE];

	(void)state;
	assert_int_equal(http_check_url(&policy, "https://A.B:8/c", host, NULL), OK);
	assert_string_equal(host, "a.b");
	assert_int_equal(http_check_url(&policy, "https://[2A00::1]/", host, NULL), OK);
	assert_string_equal(host, "2a00::1");
	assert_int_equal(http_check_url(&policy, "https://a/", NULL, NULL), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_get_one_form),
		cmocka_unit_test(bad_urls_are_refused_and_said_why),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(curl_agrees_on_host_and_port),
		cmocka_unit_test(locations_are_resolved_against_the_url),
		cmocka_unit_test(a_location_that_grows_too_long_is_refused),
		cmocka_unit_test(origins_differ_by_scheme_host_or_port),
		cmocka_unit_test(policies_say_which_urls_may_be_asked_for),
		cmocka_unit_test(policies_of_another_form_are_refused),
		cmocka_unit_test(http_check_url_gives_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
