/* URLs that try to reach the machine itself or its network: none leads to a connection, neither
 * asked for nor as a place that an allowed server redirects to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "base/buf.h"
#include "hub/http.h"
#include "mock_server.h"

/* {p} stands for the port of the server that must not be reached; it listens on every address of
 * the machine. All these hosts may be spoken to without TLS, so that it is not for this that http:
 * is refused. */
static const char http_hosts[] =
	"127.0.0.1, 127.0.0.2, 127.0.0.3, 127.255.255.254, 0.0.0.0, localhost, 10.0.0.1, "
	"192.168.0.1, "
	"169.254.169.254, 100.100.100.200, [::1], [::], [::ffff:127.0.0.1], [::127.0.0.1], "
	"[64:ff9b::7f00:1], [64:ff9b::127.0.0.1], [fe80::1], [fd00::1], [fd00:ec2::254]";

static const char *const urls[] = {
	/* loopback as it is written */
	"http://127.0.0.1:{p}/",
	"https://127.0.0.1:{p}/",
	"http://127.0.0.1:{p}",
	"HTTP://127.0.0.1:{p}/?https://example.org/",
	"http://127.0.0.3:{p}/",
	"http://127.255.255.254:{p}/",
	"http://0.0.0.0:{p}/",
	"https://0.0.0.0:{p}/",
	/* and as resolvers and browsers take it too */
	"http://127.1:{p}/",
	"http://127.0.1:{p}/",
	"http://0:{p}/",
	"http://0x0:{p}/",
	"http://0.0:{p}/",
	"http://00000000:{p}/",
	"http://2130706433:{p}/",
	"http://6425673729:{p}/",
	"http://0x7f000001:{p}/",
	"http://0x7F.0X0.0x0.0x1:{p}/",
	"http://0x7f.1:{p}/",
	"http://017700000001:{p}/",
	"http://0177.0.0.1:{p}/",
	"http://127.000.000.001:{p}/",
	"http://127.0.0.01:{p}/",
	"http://127.0.0.0x1:{p}/",
	"http://127.0.0.1.:{p}/",
	"http://127.0.0.1..:{p}/",
	"http://.127.0.0.1:{p}/",
	"http://127..0.0.1:{p}/",
	"http://383.0.0.1:{p}/",
	"http://127.0.0.257:{p}/",
	"http://+127.0.0.1:{p}/",
	"http://%31%32%37.0.0.1:{p}/",
	"http://127%2e0%2e0%2e1:{p}/",
	"http://127.0.0.1%00.example.org:{p}/",
	"http://127.0.0.1%20:{p}/",
	"http://127.0.0.1%09:{p}/",
	"http://127\xe3\x80\x82"
	"0\xe3\x80\x82"
	"0\xe3\x80\x82"
	"1:{p}/",
	"http://127\xef\xbc\x8e"
	"0.0.1:{p}/",
	"http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:{p}/",
	"http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1:{p}/",
	/* IPv6, and IPv4 inside of it */
	"http://[::1]:{p}/",
	"https://[::1]:{p}/",
	"http://[0:0:0:0:0:0:0:1]:{p}/",
	"http://[0000::0001]:{p}/",
	"http://[::]:{p}/",
	"http://[::0.0.0.0]:{p}/",
	"http://[::ffff:127.0.0.1]:{p}/",
	"https://[::FFFF:7F00:0001]:{p}/",
	"https://[::ffff:0.0.0.0]:{p}/",
	"https://[::ffff:0:127.0.0.1]:{p}/",
	"http://[::127.0.0.1]:{p}/",
	"http://[64:ff9b::127.0.0.1]:{p}/",
	"https://[64:ff9b:1::7f00:1]:{p}/",
	"https://[2002:7f00:1::]:{p}/",
	"https://[2001:0:7f00:1::]:{p}/",
	"https://[2001::f7f7:80ff:fffe]:{p}/",
	"http://[::1%25lo]:{p}/",
	"http://[::1%lo]:{p}/",
	"http://[fe80::1%251]:{p}/",
	"http://::1:{p}/",
	"http://[::1:{p}/",
	"http://::1]:{p}/",
	"http://[[::1]]:{p}/",
	"http://[::1]{p}/",
	"http://[::1].example.org:{p}/",
	"http://[127.0.0.1]:{p}/",
	"http://[localhost]:{p}/",
	"http://[]:{p}/",
	"http://[::127.0.0.01]:{p}/",
	"http://[v6.::1]:{p}/",
	/* names that the machine knows */
	"http://localhost:{p}/",
	"https://localhost:{p}/",
	"http://LOCALHOST:{p}/",
	"http://LocalHost:{p}/?q=http://example.org/",
	"http://localhost.:{p}/",
	"http://localhost..:{p}/",
	"http://.localhost:{p}/",
	"http://loc%61lhost:{p}/",
	"http://localhost%2e:{p}/",
	"http://localho\xc5\xbft:{p}/",
	"http://\xe2\x85\xbc"
	"ocalhost:{p}/",
	"http://local\xc2\xadhost:{p}/",
	"http://localhost\xe2\x80\x8b:{p}/",
	"http://\xef\xbb\xbflocalhost:{p}/",
	/* who is the host? */
	"http://user@127.0.0.1:{p}/",
	"http://user:password@127.0.0.1:{p}/",
	"http://@127.0.0.1:{p}/",
	"http://:@127.0.0.1:{p}/",
	"http://example.org@127.0.0.1:{p}/",
	"http://example.org:80@127.0.0.1:{p}/",
	"http://example.org%40127.0.0.1:{p}/",
	"http://example.org%2f@127.0.0.1:{p}/",
	"http://example.org\\@127.0.0.1:{p}/",
	"http://127.0.0.1:{p}\\@example.org/",
	"http://127.0.0.1:{p}@example.org@127.0.0.1:{p}/",
	"http://example.org;127.0.0.1:{p}/",
	"http://example.org,127.0.0.1:{p}/",
	"http://example.org 127.0.0.1:{p}/",
	"http://example.org\t@127.0.0.1:{p}/",
	"http://example.org&@127.0.0.1:{p}#@example.net/",
	"http://127.0.0.1:{p}#@example.org/",
	"http://127.0.0.1:{p}?@example.org/",
	"http://localhost:{p}#.example.org/",
	"http://127.0.0.1:{p}:443/",
	"http://127.0.0.1:443:{p}/",
	"http:///127.0.0.1:{p}/",
	"http:////127.0.0.1:{p}/",
	"http:/127.0.0.1:{p}/",
	"http:127.0.0.1:{p}/",
	"http:\\\\127.0.0.1:{p}\\",
	"http:/\\127.0.0.1:{p}/",
	"http:\\/127.0.0.1:{p}/",
	"//127.0.0.1:{p}/",
	"///127.0.0.1:{p}/",
	"\\\\127.0.0.1:{p}\\share",
	"/\\127.0.0.1:{p}/",
	"127.0.0.1:{p}",
	/* ports */
	"http://127.0.0.1:+{p}/",
	"http://127.0.0.1: {p}/",
	"http://127.0.0.1:{p} /",
	"http://127.0.0.1:00000{p}/",
	"http://127.0.0.1:0/",
	"http://127.0.0.1:-1/",
	"http://127.0.0.1:65536/",
	"http://127.0.0.1:4294967376/",
	"http://127.0.0.1:{p}x/",
	/* spaces, control characters, forged heads */
	" http://127.0.0.1:{p}/",
	"\thttp://127.0.0.1:{p}/",
	"\x01http://127.0.0.1:{p}/",
	"ht\ntp://127.0.0.1:{p}/",
	"ht\ttp://127.0.0.1:{p}/",
	"http:\r\n//127.0.0.1:{p}/",
	"http://127.0\n.0.1:{p}/",
	"http://localhost\r\n:{p}/",
	"http://localhost:{p}/ HTTP/1.1\r\nHost: example.org\r\n\r\nGET /",
	"http://localhost:{p}/\r\nX-Forged: 1",
	"http://localhost:{p}/\x7f",
	"http://localhost:{p}/\xc4\x8d\xc4\x8aX-Forged:%201",
	/* networks of others */
	"http://10.0.0.1/",
	"https://10.255.255.255:{p}/",
	"https://172.16.0.1:{p}/",
	"https://172.31.255.255:{p}/",
	"http://192.168.0.1/",
	"http://169.254.169.254/latest/meta-data/iam/security-credentials/",
	"http://[fd00:ec2::254]/latest/meta-data/",
	"http://100.100.100.200/latest/meta-data/",
	"https://192.0.0.192/opc/v1/instance/",
	"https://0251.0376.0251.0376/latest/meta-data/",
	"https://2852039166/latest/meta-data/",
	"https://0xa9fea9fe/latest/meta-data/",
	"https://[::ffff:169.254.169.254]/latest/meta-data/",
	"https://[::ffff:a9fe:a9fe]/latest/meta-data/",
	"https://100.64.0.1:{p}/",
	"https://198.18.0.1:{p}/",
	"https://192.0.2.1:{p}/",
	"https://224.0.0.1:{p}/",
	"https://240.0.0.1:{p}/",
	"https://255.255.255.255:{p}/",
	"http://[fe80::1]:{p}/",
	"http://[fd00::1]:{p}/",
	"https://[fc00::]:{p}/",
	"https://[fec0::1]:{p}/",
	"https://[ff02::1]:{p}/",
	"https://[100::1]:{p}/",
	"https://[2001:db8::1]:{p}/",
	"https://[3fff::1]:{p}/",
	"https://[5f00::1]:{p}/",
	/* other schemes */
	"file:///etc/passwd",
	"file://localhost/etc/passwd",
	"FILE:/etc/passwd",
	"ftp://127.0.0.1:{p}/",
	"ftps://127.0.0.1:{p}/",
	"sftp://127.0.0.1:{p}/",
	"scp://127.0.0.1:{p}/",
	"tftp://127.0.0.1:{p}/",
	"gopher://127.0.0.1:{p}/_GET%20/%20HTTP/1.0%0d%0a%0d%0a",
	"dict://127.0.0.1:{p}/d:x",
	"ldap://127.0.0.1:{p}/",
	"smb://127.0.0.1:{p}/share",
	"imap://127.0.0.1:{p}/",
	"pop3://127.0.0.1:{p}/",
	"smtp://127.0.0.1:{p}/",
	"telnet://127.0.0.1:{p}/",
	"rtsp://127.0.0.1:{p}/",
	"mqtt://127.0.0.1:{p}/",
	"ws://127.0.0.1:{p}/",
	"wss://127.0.0.1:{p}/",
	"unix:///run/docker.sock",
	"http+unix://%2frun%2fdocker.sock/",
	"jar:http://127.0.0.1:{p}/x!/y",
	"view-source:http://127.0.0.1:{p}/",
	"url:http://127.0.0.1:{p}/",
	"data:text/csv,text%0ax",
	"javascript:fetch('http://127.0.0.1:{p}/')",
	"http.://127.0.0.1:{p}/",
	"https+http://127.0.0.1:{p}/",
	"httpx://127.0.0.1:{p}/",
	"http;//127.0.0.1:{p}/",
};
#define N_URLS (sizeof(urls) / sizeof(*urls))

static struct mock victim, door;
static struct networks *no_network, *doors_network;
static int bodies;

static void say_secret(struct mock *m, int fd, const char *request)
{
	(void)m;
	(void)request;
	mock_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
}

/* To the place in arg. */
static void redirect(struct mock *m, int fd, const char *request)
{
	(void)request;
	mock_say(fd, "HTTP/1.1 307 Go\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
		 (const char *)m->arg);
}

static enum err count_body(void *ctx, const void *data, size_t n, struct errinfo *ei)
{
	(void)ctx;
	(void)data;
	(void)n;
	(void)ei;
	bodies++;
	return OK;
}

/* Keeps the test from asking the Internet's DNS for what is decoration in the table. */
static bool is_no_decoy(void *ctx, const char *host)
{
	(void)ctx;
	return !strstr(host, "example");
}

static enum err get(const char *url, const struct networks *allowed, struct errinfo *ei)
{
	struct http_policy policy = { .http_hosts = http_hosts,
				      .private_networks = allowed,
				      .user_agent = "bertd/test",
				      .connect_timeout_s = 2,
				      .stall_timeout_s = 2 };
	struct http_request rq = { .url = url,
				   .token = "hf_secret",
				   .max_bytes = 1 << 20,
				   .body = count_body,
				   .allow_host = is_no_decoy };
	struct http_response out;

	enum err e = http_get(&policy, &rq, &out, ei);
	mock_settle(&door);
	mock_settle(&victim);
	return e;
}

/* The template with the victim's port; free it. */
static char *with_port(const char *template)
{
	struct buf b = { 0 };

	for (const char *p = template; *p; p++)
		if (strncmp(p, "{p}", 3) == 0) {
			buf_printf(&b, "%d", victim.port);
			p += 2;
		} else {
			buf_putc(&b, *p);
		}
	return buf_take(&b);
}

static int open_servers(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (networks_parse("", &no_network, NULL) != OK ||
	    networks_parse("127.0.0.2/32", &doors_network, NULL) != OK)
		return -1;
	if (!mock_open(&victim, "::") && !mock_open(&victim, "0.0.0.0"))
		return -1;
	victim.answer = say_secret;
	return mock_open(&door, "127.0.0.2") ? 0 : -1;
}

static int close_servers(void **state)
{
	(void)state;
	mock_close(&victim);
	mock_close(&door);
	networks_free(no_network);
	networks_free(doors_network);
	return 0;
}

/* Connections are served in the order in which they are made: when one that is allowed has been
 * answered, each before it has been counted. */
static void assert_nobody_came_before_us(void)
{
	struct networks *n;
	struct errinfo ei;
	char *url = with_port("http://127.0.0.1:{p}/");

	bodies = 0;
	assert_int_equal(networks_parse("127.0.0.1", &n, &ei), OK);
	assert_int_equal(get(url, n, &ei), OK);
	assert_int_equal(bodies, 1);
	assert_int_equal(victim.connections, 1);
	victim.connections = 0;
	bodies = 0;
	networks_free(n);
	free(url);
}

static void the_server_can_be_reached_by_who_may(void **state)
{
	(void)state;
	assert_nobody_came_before_us();
}

static void the_table_is_long_enough(void **state)
{
	(void)state;
	print_message("%zu URLs\n", N_URLS);
	assert_true(N_URLS >= 120);
	for (size_t i = 0; i < N_URLS; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(urls[i], urls[j]);
}

static void no_hostile_url_leads_to_a_connection(void **state)
{
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < N_URLS; i++) {
		char *url = with_port(urls[i]);
		enum err e = get(url, no_network, &ei);
		if (e != ERR_INVALID && e != ERR_DENIED)
			fail_msg("%s: %s", urls[i], e == OK ? "taken" : ei.msg);
		if (victim.connections)
			fail_msg("%s was connected to", urls[i]);
		free(url);
	}
	assert_int_equal(bodies, 0);
	assert_nobody_came_before_us();
}

static void no_redirect_to_a_hostile_url_leads_to_a_connection(void **state)
{
	struct errinfo ei;
	char first[64];

	(void)state;
	snprintf(first, sizeof(first), "http://127.0.0.2:%d/", door.port);
	door.answer = redirect;
	for (size_t i = 0; i < N_URLS; i++) {
		char *url = with_port(urls[i]);
		door.arg = url;
		if (get(first, doors_network, &ei) == OK)
			fail_msg("%s was followed", urls[i]);
		if (victim.connections)
			fail_msg("%s was connected to", urls[i]);
		free(url);
	}
	assert_true(door.connections >= (int)N_URLS);
	assert_int_equal(bodies, 0);
	assert_nobody_came_before_us();
}

/* What the machine calls itself is a private address, or not known to its resolver. */
static void the_machines_own_name_leads_to_no_connection(void **state)
{
	char name[128], url[256];
	struct errinfo ei;

	(void)state;
	assert_int_equal(gethostname(name, sizeof(name)), 0);
	snprintf(url, sizeof(url), "https://%s:%d/", name, victim.port);
	assert_int_not_equal(get(url, no_network, &ei), OK);
	assert_nobody_came_before_us();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_server_can_be_reached_by_who_may),
		cmocka_unit_test(the_table_is_long_enough),
		cmocka_unit_test(no_hostile_url_leads_to_a_connection),
		cmocka_unit_test(no_redirect_to_a_hostile_url_leads_to_a_connection),
		cmocka_unit_test(the_machines_own_name_leads_to_no_connection),
	};

	return cmocka_run_group_tests(tests, open_servers, close_servers);
}
