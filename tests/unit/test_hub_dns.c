/* Names that lead where they should not: the resolver is the test's own, and says what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>

#include "base/buf.h"
#include "base/clock.h"
#include "hub/http.h"
#include "mock_server.h"

static const struct name {
	const char *name;
	const char *addresses[4];
	const char *then[4]; /* from the second question on, if there are any */
} names[] = {
	{ "good.test", { "127.0.0.1" } },
	{ "loopback.test", { "127.0.0.3" } },
	{ "any.test", { "0.0.0.0" } },
	{ "private.test", { "10.0.0.1", "172.16.0.1", "192.168.0.1" } },
	{ "metadata.test", { "169.254.169.254" } },
	{ "v6.test", { "::1" } },
	{ "any6.test", { "::" } },
	{ "mapped.test", { "::ffff:127.0.0.1" } },
	{ "compatible.test", { "::127.0.0.1" } },
	{ "nat64.test", { "64:ff9b::7f00:1" } },
	{ "link.test", { "fe80::1" } },
	{ "unique.test", { "fd00::1", "fd00:ec2::254" } },
	{ "mixed.test", { "127.0.0.3", "::1", "10.0.0.1", "127.0.0.1" } },
	{ "rebound.test", { "127.0.0.1" }, { "127.0.0.3" } },
};
#define N_NAMES (sizeof(names) / sizeof(*names))

static struct mock server;
static struct networks *only_good;
static int questions;
static atomic_bool hang, hanging;
static atomic_int n_copies; /* of the address of copies.test */

static const char *const *answer(const char *name)
{
	for (size_t i = 0; i < N_NAMES; i++)
		if (strcmp(names[i].name, name) == 0)
			return questions++ && names[i].then[0] ? names[i].then : names[i].addresses;
	return NULL;
}

typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* Puts the address, read by the real resolver, in front of *list. */
static void add_address(const char *address, const char *service, const struct addrinfo *hints,
			struct addrinfo **list)
{
	resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = *hints, *a;

	numeric.ai_family = AF_UNSPEC;
	numeric.ai_flags = AI_NUMERICHOST;
	BUG_ON(real(address, service, &numeric, &a) != 0);
	a->ai_next = *list;
	*list = a;
}

/* Takes the place of libc's in this program, and for curl in it. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **list)
{
	const char *const *addresses = answer(name);

	*list = NULL;
	for (hanging = strcmp(name, "slow.test") == 0; hanging && hang;)
		usleep(1000);
	for (int i = 0; strcmp(name, "copies.test") == 0 && i < n_copies; i++)
		add_address("10.0.0.1", service, hints, list);
	for (int i = 0; addresses && i < 4 && addresses[i]; i++)
		add_address(addresses[i], service, hints, list);
	hanging = false;
	return *list ? 0 : EAI_NONAME;
}

static void say_hello(struct mock *m, int fd, const char *request)
{
	(void)m;
	mock_say(fd, strncmp(request, "GET /again", 10) == 0
			     ? "HTTP/1.1 302 Go\r\nLocation: /\r\nConnection: close\r\n\r\n"
			     : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
}

static bool cancelled_while_hanging(void *ctx)
{
	(void)ctx;
	return hanging;
}

static enum err get(const char *name, const char *path, struct errinfo *ei)
{
	char url[128], hosts[128];
	struct http_policy policy = { .http_hosts = hosts,
				      .private_networks = only_good,
				      .user_agent = "bertd/test" };
	struct http_request rq = { .url = url,
				   .max_bytes = 100,
				   .cancelled = cancelled_while_hanging };
	struct http_response out;

	snprintf(hosts, sizeof(hosts), "%s", name);
	snprintf(url, sizeof(url), "http://%s:%d%s", name, server.port, path);
	enum err e = http_get(&policy, &rq, &out, ei);
	mock_settle(&server);
	return e;
}

static int open_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (networks_parse("127.0.0.1", &only_good, NULL) != OK)
		return -1;
	if (!mock_open(&server, "::") && !mock_open(&server, "0.0.0.0"))
		return -1;
	server.answer = say_hello;
	return 0;
}

static int close_server(void **state)
{
	(void)state;
	mock_close(&server);
	networks_free(only_good);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	questions = 0;
	server.connections = 0;
	return 0;
}

static void a_name_of_an_allowed_address_is_connected_to(void **state)
{
	struct errinfo ei;

	(void)state;
	assert_int_equal(get("good.test", "/", &ei), OK);
	assert_int_equal(server.connections, 1);
}

static void names_of_addresses_that_are_not_are_refused(void **state)
{
	struct errinfo ei;

	for (size_t i = 0; i < N_NAMES; i++) {
		if (strcmp(names[i].addresses[0], "127.0.0.1") == 0 || names[i].addresses[3])
			continue;
		if (get(names[i].name, "/", &ei) != ERR_DENIED)
			fail_msg("%s was not refused", names[i].name);
		assert_non_null(strstr(ei.msg, "has an address that is not public"));
		assert_null(strstr(ei.msg, names[i].addresses[0]));
	}
	/* the one that is allowed is the first to arrive */
	a_name_of_an_allowed_address_is_connected_to(state);
}

static void of_many_addresses_the_allowed_one_is_taken(void **state)
{
	struct errinfo ei;

	(void)state;
	assert_int_equal(get("mixed.test", "/", &ei), OK);
	assert_int_equal(server.connections, 1);
}

/* The second answer of the same name is another one. */
static void a_name_that_changes_its_mind_is_judged_again(void **state)
{
	struct errinfo ei;

	assert_int_equal(get("rebound.test", "/", &ei), OK);
	assert_int_equal(server.connections, 1);
	assert_int_equal(get("rebound.test", "/", &ei), ERR_DENIED);
	assert_int_equal(server.connections, 1);
	forget(state);
	assert_int_equal(get("rebound.test", "/again", &ei), OK); /* keeps to the first answer */
	assert_int_equal(questions, 1);
	assert_int_equal(server.connections, 2);
}

static void a_name_without_an_address_is_a_fault_of_the_network(void **state)
{
	struct errinfo ei;

	(void)state;
	assert_int_equal(get("nobody.test", "/", &ei), ERR_NETWORK);
	assert_string_equal(ei.msg, "nobody.test is a name that could not be resolved");
}

static void a_name_of_ten_thousand_addresses_ends(void **state)
{
	struct errinfo ei;

	(void)state;
	n_copies = 10000;
	assert_int_equal(get("copies.test", "/", &ei), ERR_DENIED);
}

static void a_resolver_that_hangs_is_not_waited_for(void **state)
{
	struct errinfo ei;
	double start = clock_monotonic();

	(void)state;
	hang = true;
	assert_int_equal(get("slow.test", "/", &ei), ERR_CANCELLED);
	assert_true(hanging);
	assert_true(clock_monotonic() - start < 10);
	hang = false;
	while (hanging)
		usleep(1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, forget)
	const struct CMUnitTest tests[] = {
		TEST(a_name_of_an_allowed_address_is_connected_to),
		TEST(names_of_addresses_that_are_not_are_refused),
		TEST(of_many_addresses_the_allowed_one_is_taken),
		TEST(a_name_that_changes_its_mind_is_judged_again),
		TEST(a_name_without_an_address_is_a_fault_of_the_network),
		TEST(a_name_of_ten_thousand_addresses_ends),
		TEST(a_resolver_that_hangs_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, open_server, close_server);
}
