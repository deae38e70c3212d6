/* Who a server of https has to prove to be, against a server with certificates of the test's own
 * making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "hub/http.h"
#include "mock_server.h"

#define DAY (24 * 3600L)

static struct mock server;
static struct networks *loopback;
static SSL_CTX *context;
static char ca_file[] = "/tmp/bertd-ca-XXXXXX";
static struct buf body;

static void on_tls(struct mock *m, int fd)
{
	static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	SSL *ssl = SSL_new(context);
	int n = 0;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1)
		n = SSL_read(ssl, m->seen[0], sizeof(m->seen[0]) - 1);
	if (n > 0) {
		atomic_fetch_add(&m->requests, 1);
		SSL_write(ssl, hello, sizeof(hello) - 1);
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
}

/* A certificate that signs itself, for names as in subjectAltName, good from yesterday until a time
 * from now. */
static X509 *make_certificate(EVP_PKEY *key, const char *names, long seconds)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -2 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), seconds);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"a\nb", -1,
				   -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, key);
	X509_add_ext(x, alt, -1);
	X509_EXTENSION_free(alt);
	BUG_ON(!X509_sign(x, key, EVP_sha256()));
	return x;
}

/* From now on the server shows such a certificate, and ca_file has it. */
static void show(const char *names, long seconds)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = make_certificate(key, names, seconds);
	FILE *f = fopen(ca_file, "w");

	BUG_ON(!f || !PEM_write_X509(f, x) || fclose(f) != 0);
	BUG_ON(SSL_CTX_use_certificate(context, x) != 1);
	BUG_ON(SSL_CTX_use_PrivateKey(context, key) != 1);
	X509_free(x);
	EVP_PKEY_free(key);
}

static enum err on_body(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	(void)ctx;
	(void)ei;
	buf_append(&body, data, n);
	return OK;
}

static enum err get(const char *host, struct errinfo *ei)
{
	char url[64];
	struct http_policy policy = { .private_networks = loopback, .user_agent = "bertd/test" };
	struct http_request rq = {
		.url = url, .token = "hf_secret", .max_bytes = 100, .body = on_body
	};
	struct http_response out;

	snprintf(url, sizeof(url), "https://%s:%d/x", host, server.port);
	buf_reset(&body);
	server.requests = 0;
	enum err e = http_get(&policy, &rq, &out, ei);
	mock_settle(&server);
	return e;
}

static int open_server(void **state)
{
	int fd = mkstemp(ca_file);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_server_method());
	if (fd < 0 || !context || networks_parse("127.0.0.1", &loopback, NULL) != OK)
		return -1;
	close(fd);
	if (!mock_open(&server, "127.0.0.1"))
		return -1;
	server.serve = on_tls;
	return 0;
}

static int close_server(void **state)
{
	(void)state;
	mock_close(&server);
	networks_free(loopback);
	SSL_CTX_free(context);
	unlink(ca_file);
	buf_clear(&body);
	return 0;
}

static int trust_nobody_else(void **state)
{
	(void)state;
	unsetenv("CURL_CA_BUNDLE");
	unsetenv("SSL_CERT_FILE");
	return 0;
}

static void a_certificate_of_nobody_we_know_is_refused(void **state)
{
	struct errinfo ei;

	(void)state;
	show("DNS:localhost, IP:127.0.0.1", DAY);
	assert_int_equal(get("localhost", &ei), ERR_NETWORK);
	assert_non_null(strstr(ei.msg, "no safe connection to localhost: SSL certificate"));
	assert_int_equal(get("127.0.0.1", &ei), ERR_NETWORK);
	assert_int_equal(server.requests, 0);
}

static void a_certificate_of_the_named_file_is_taken(void **state)
{
	static const char *const names[] = { "CURL_CA_BUNDLE", "SSL_CERT_FILE" };
	struct errinfo ei;

	show("DNS:localhost, IP:127.0.0.1", DAY);
	for (int i = 0; i < 2; i++) {
		trust_nobody_else(state);
		setenv(names[i], ca_file, 1);
		if (get("localhost", &ei) != OK || get("127.0.0.1", &ei) != OK)
			fail_msg("%s: %s", names[i], ei.msg);
		assert_string_equal(body.data, "hello");
		assert_non_null(strstr(server.seen[0], "Bearer hf_secret"));
	}
}

static void a_certificate_of_another_name_is_refused(void **state)
{
	static const char *const names[] = { "DNS:example.org", "DNS:*.localhost, IP:127.0.0.2",
					     "DNS:localhost.example.org" };
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		show(names[i], DAY);
		setenv("CURL_CA_BUNDLE", ca_file, 1);
		assert_int_equal(get("localhost", &ei), ERR_NETWORK);
		assert_null(strchr(ei.msg, '\n'));
		assert_int_equal(get("127.0.0.1", &ei), ERR_NETWORK);
		assert_int_equal(server.requests, 0);
	}
}

static void a_certificate_that_has_expired_is_refused(void **state)
{
	struct errinfo ei;

	(void)state;
	show("DNS:localhost", -DAY);
	setenv("CURL_CA_BUNDLE", ca_file, 1);
	assert_int_equal(get("localhost", &ei), ERR_NETWORK);
	assert_non_null(strstr(ei.msg, "expired"));
	assert_int_equal(server.requests, 0);
}

static void old_versions_of_tls_are_refused(void **state)
{
	struct errinfo ei;

	(void)state;
	show("DNS:localhost", DAY);
	setenv("CURL_CA_BUNDLE", ca_file, 1);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
	SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
	assert_int_equal(get("localhost", &ei), ERR_NETWORK);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	assert_int_equal(get("localhost", &ei), OK);
	SSL_CTX_set_max_proto_version(context, 0);
}

static void a_file_of_authorities_that_is_missing_trusts_nobody(void **state)
{
	struct errinfo ei;

	(void)state;
	show("DNS:localhost", DAY);
	setenv("CURL_CA_BUNDLE", "/nonexistent/ca.pem", 1);
	assert_int_equal(get("localhost", &ei), ERR_NETWORK);
	assert_int_equal(server.requests, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, trust_nobody_else)
	const struct CMUnitTest tests[] = {
		TEST(a_certificate_of_nobody_we_know_is_refused),
		TEST(a_certificate_of_the_named_file_is_taken),
		TEST(a_certificate_of_another_name_is_refused),
		TEST(a_certificate_that_has_expired_is_refused),
		TEST(old_versions_of_tls_are_refused),
		TEST(a_file_of_authorities_that_is_missing_trusts_nobody),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
